"""Everything on this machine: broker, topics and worker, until somebody stops it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import typer

from pipeline.dev import broker as development_broker
from pipeline.dev.ports import choose_port, is_free
from pipeline.dev.properties import HOST
from pipeline.dev.worker_process import WorkerProcess
from pipeline.kafka_connection import KafkaConnection
from pipeline.topic_admin import create_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pipeline.dev.broker import Broker
    from pipeline.settings import Settings

PARTITIONS: Final = 4
_LOOK_EVERY_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Local:
    """A broker with its topics, and a worker that is ready."""

    broker: Broker
    worker: WorkerProcess

    @property
    def connection(self) -> KafkaConnection:
        """How to reach the broker."""
        return KafkaConnection(self.broker.bootstrap)


@contextmanager
def running(
    settings: Settings, environ: Mapping[str, str], data_dir: Path, progress: Callable[[str], None]
) -> Iterator[Local]:
    """Lend a broker and a ready worker; afterwards stop what was started here, and keep the data.

    `environ` is what the worker gets, beside what makes it one with this broker.
    """
    from pipeline.app import changelog_topics

    started_here = development_broker.status(data_dir).broker is None
    worker = None
    try:
        broker = development_broker.start(data_dir, progress=progress)
        create_topics(KafkaConnection(broker.bootstrap), settings.partitions, 1, extra=changelog_topics(settings))
        port = settings.web.port if is_free(settings.web.port) else choose_port(data_dir / "worker", ())
        own = {
            "CORE_ALERTS_BROKER": broker.bootstrap,
            "CORE_ALERTS_DATA_DIR": str(data_dir / "worker"),
            "CORE_ALERTS_PARTITIONS": str(settings.partitions),
            "CORE_ALERTS_WEB__HOST": HOST,
            "CORE_ALERTS_WEB__PORT": str(port),
        }
        progress("Starting a worker")
        worker = WorkerProcess({**environ, **own}, port, data_dir / "worker.log")
        worker.wait_until_ready()
        yield Local(broker, worker)
    finally:
        with _not_interrupted():
            if worker is not None:
                worker.stop()
            if started_here:
                development_broker.stop(data_dir)


@contextmanager
def stopping_on_sigterm() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does: raise KeyboardInterrupt, so that everything is put away."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run_until_stopped(settings: Settings) -> None:
    """Run a broker and a worker until Ctrl-C or SIGTERM; raise InfrastructureError if the worker ends by itself."""
    if "partitions" not in settings.model_fields_set:
        settings = settings.model_copy(update={"partitions": PARTITIONS})
    environ = dict(os.environ)
    if settings.config is not None:
        environ["CORE_ALERTS_CONFIG"] = str(settings.config.resolve())
    with stopping_on_sigterm():
        try:
            with running(settings, environ, settings.data_dir.resolve(), _say) as local:
                typer.echo(introduction(local))
                watch(local.worker)
        except KeyboardInterrupt:
            _say("Stopped; the data stays.")


def watch(worker: WorkerProcess) -> None:
    """Wait for Ctrl-C; raise InfrastructureError if the worker ends before."""
    while True:
        worker.check()
        time.sleep(_LOOK_EVERY_S)


def introduction(local: Local) -> str:
    """Return where everything is, and how to send and see a first alert."""
    address = f"CORE_ALERTS_BROKER={local.broker.bootstrap}"
    return f"""\
Kafka    {local.broker.bootstrap}
Metrics  http://{HOST}:{local.worker.web_port}/metrics
Log      {local.worker.log}
Try, in another terminal:
  {address} core-alerts tail alerts.enriched
  echo '{{"tenant_id": "acme", "name": "HighCPU"}}' | {address} core-alerts send -
Ctrl-C stops everything."""


def _say(message: str) -> None:
    typer.echo(message, err=True)


@contextmanager
def _not_interrupted() -> Iterator[None]:
    """Let nothing be left running because somebody pressed Ctrl-C twice."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
