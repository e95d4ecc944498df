"""The stage of a bench: a development broker of its own, topics, and workers as separate processes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from bench.load import PARTITIONS, is_led
from pipeline.dev import broker as dev_broker
from pipeline.kafka_admin import connected_admin
from pipeline.kafka_connection import KafkaConnection
from pipeline.topic_admin import create_topics
from pipeline.topics import ALERTS_CORRELATED, ALERTS_DLQ, ALERTS_ENRICHED, ALERTS_RAW, CONTROL, changelog_topic

if TYPE_CHECKING:
    from collections.abc import Iterator

READY_S = 120.0
_TOPICS = (ALERTS_RAW, CONTROL, ALERTS_ENRICHED, ALERTS_CORRELATED, ALERTS_DLQ)


class Stage:
    """One broker and what runs against it."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        self.bootstrap = bootstrap
        self.folder = folder
        self.connection = KafkaConnection(bootstrap=bootstrap)

    def fresh_topics(self) -> None:
        """Make the topics empty."""
        with connected_admin(self.connection) as admin:
            there = set(admin.list_topics())
            for topic in _TOPICS:
                if topic.name in there:
                    admin.delete_topics([topic.name])
        deadline = time.monotonic() + 30
        while True:
            try:
                create_topics(self.connection, PARTITIONS, 1, topics=_TOPICS)
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)
            else:
                break
        while not all(is_led(self.bootstrap, topic.name, PARTITIONS) for topic in _TOPICS):
            time.sleep(0.1)

    @contextmanager
    def worker(self, group: str, name: str = "", agents: str = "ingest", **settings: str) -> Iterator[Worker]:
        """Run a worker of `group` until the block ends; `settings` are CORE_ALERTS_ variables."""
        changelogs = [f"{group}-ingest-changelog"]
        if "correlate" in agents:
            changelogs.append(f"{group}-correlate-incidents-changelog")
        create_topics(self.connection, PARTITIONS, 1, topics=[], extra=[changelog_topic(one) for one in changelogs])
        process = Worker(self, group, name or group, {key: str(value) for key, value in settings.items()}, agents)
        try:
            yield process
        finally:
            process.stop()


@contextmanager
def stage(*, for_long: bool = False) -> Iterator[Stage]:
    """Start a broker in a folder of its own, as for a second or `for_long`; both are gone when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="core-alerts-bench-"))
    try:
        running = dev_broker.start(folder, for_long=for_long)
        made = Stage(running.bootstrap, folder)
        made.fresh_topics()
        yield made
    finally:
        dev_broker.stop(folder)
        shutil.rmtree(folder, ignore_errors=True)


class Worker:
    """One worker process."""

    def __init__(self, stage: Stage, group: str, name: str, settings: dict[str, str], agents: str = "ingest") -> None:
        self.data_dir = stage.folder / f"worker-{name}"
        self.log = stage.folder / f"worker-{name}.log"
        environment = {key: value for key, value in os.environ.items() if not key.startswith("CORE_ALERTS_")} | {
            "CORE_ALERTS_BROKER": stage.bootstrap,
            "CORE_ALERTS_GROUP": group,
            "CORE_ALERTS_PARTITIONS": str(PARTITIONS),
            "CORE_ALERTS_DATA_DIR": str(self.data_dir),
            "CORE_ALERTS_WEB__PORT": "0",
            **{f"CORE_ALERTS_{key}": value for key, value in settings.items()},
        }
        self.started_at = time.monotonic()
        self.log.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli", "worker", "--agents", agents],
                env=environment,
                stdout=log,
                stderr=log,
            )
        self._facts = psutil.Process(self._process.pid)
        self._port: int | None = None

    def wait_ready(self, timeout: float = READY_S) -> float:
        """Return the seconds from its start until it was ready."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise RuntimeError(f"the worker stopped:\n{self.tail()}")
            if self._get("/readyz") is not None:
                return time.monotonic() - self.started_at
            time.sleep(0.02)
        raise TimeoutError(f"the worker was not ready after {timeout} s:\n{self.tail()}")

    def processed(self) -> int:
        """Return how many alerts it has counted so far."""
        return self.sum_of("alerts_processed_total")

    def sum_of(self, metric: str) -> int:
        """Return the sum of a metric's series."""
        text = self._get("/metrics") or ""
        found = re.findall(rf"^{metric}(?:{{[^}}]*}})? ([0-9.e+]+)$", text, re.MULTILINE)
        return round(sum(map(float, found)))

    def resident_bytes(self) -> int:
        """Return its resident memory."""
        return int(self._facts.memory_info().rss)

    def cpu_seconds(self) -> float:
        """Return the CPU time it has used."""
        times = self._facts.cpu_times()
        return float(times.user + times.system)

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait(10)

    def stop(self) -> None:
        """End it in order."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def _get(self, path: str) -> str | None:
        if self._port is None:
            found = re.search(r'"metrics": ?"http://[^:]+:(\d+)"', self.log.read_text(errors="replace"))
            if found is None:
                return None
            self._port = int(found[1])
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=5) as answer:
                text: str = answer.read().decode()
                return text
        except (urllib.error.URLError, OSError):
            return None


def wait_processed(worker: Worker, total: int, timeout: float = 300.0) -> None:
    """Return once `worker` has counted `total` alerts."""
    deadline = time.monotonic() + timeout
    while worker.processed() < total:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{total} alerts were not processed within {timeout} s:\n{worker.tail()}")
        time.sleep(0.1)


def throughput(workers: list[Worker], total: int, timeout: float = 300.0, start_at: int = 1) -> dict[str, Any]:
    """Return the rate at which `workers` get from the alert number `start_at` to number `total`.

    Alerts count once a checkpoint includes them, so the clock stops when output and state are durable.
    """
    deadline = time.monotonic() + timeout
    first: tuple[float, int, float] | None = None
    while time.monotonic() < deadline:
        done = sum(worker.processed() for worker in workers)
        now = time.monotonic()
        cpu = sum(worker.cpu_seconds() for worker in workers)
        if done >= start_at and first is None:
            first = (now, done, cpu)
        if done >= total and first is not None:
            at, before, cpu_before = first
            if done == before:  # all at once between two looks: too few to have a rate
                raise ValueError(f"{total} alerts are too few to measure a rate")
            return {
                "alerts": total,
                "alerts_per_second": (done - before) / (now - at),
                "seconds": now - at,
                "cpu_us_per_alert": (cpu - cpu_before) / (done - before) * 1e6,
            }
        time.sleep(0.1)
    tails = "\n".join(worker.tail() for worker in workers)
    raise TimeoutError(f"{total} alerts were not processed within {timeout} s:\n{tails}")
