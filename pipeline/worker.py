"""The worker process: starts one app, stops it cleanly, and says why if it cannot go on."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

import structlog
import uvloop

from pipeline import app as composition
from pipeline.app import create_app
from pipeline.data_folder import held
from pipeline.domain.errors import CoreAlertsError
from pipeline.health_server import HealthServer
from pipeline.topic_admin import check_partitions
from pipeline.topics import ALERTS_CORRELATED, ALERTS_DLQ, ALERTS_ENRICHED, ALERTS_RAW, CONTROL, changelog_topic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.app import App
    from pipeline.settings import Settings

log = structlog.get_logger("core_alerts.worker")

# Live objects are few kinds of long-lived rows that hold no cycles: the collector would walk all of them for
# nothing. It still runs, a hundred times less often.
_GC_THRESHOLD = (70_000, 50, 1000)


def run_worker(settings: Settings, agents: Sequence[str] = (composition.INGEST,)) -> int:
    """Run until SIGTERM or SIGINT, or until something fails; return the exit code: 0, or 1 after a failure."""
    check_partitions(
        settings.connection(),
        settings.partitions,
        topics=[
            *([ALERTS_RAW] if composition.INGEST in agents else []),
            *([ALERTS_CORRELATED] if composition.CORRELATE in agents else []),
            CONTROL,
            ALERTS_ENRICHED,
            ALERTS_DLQ,
            *[changelog_topic(composition.changelog_topic(settings, agent)) for agent in agents],
        ],
    )
    gc.set_threshold(*_GC_THRESHOLD)
    with held(settings.data_dir), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, agents))


async def _run(settings: Settings, agents: Sequence[str]) -> int:
    app = create_app(settings, agents)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with HealthServer(settings.web.host, settings.web.port, app.health, app.registry) as web:
        log.info(
            "starting",
            brokers=settings.broker,
            group=settings.group,
            agents=list(agents),
            metrics=f"http://{settings.web.host}:{web.port}",
        )
        error = await _start(app) or await _wait(app, stop)
        if error is None:
            log.info("stopping")
        else:
            _explain(error)
            for agent in app.agents:
                agent.runtime.fail(error)  # nothing may be made durable on the way out
        in_time = await _stop(app, settings.worker.shutdown_timeout.total_seconds() + 1)
    failure = _failure(app)
    if error is None and failure is not None:
        _explain(failure)
    if failure is None:
        log.info("stopped")
    code = 0 if failure is None else 1
    if not in_time:
        # What does not stop does not let itself be cancelled either, and the loop would wait for it. Nothing is lost:
        # what counts is in the last checkpoint.
        sys.stderr.flush()
        os._exit(code)
    return code


def _failure(app: App) -> BaseException | None:
    return next((agent.runtime.failure for agent in app.agents if agent.runtime.failure is not None), None)


async def _start(app: App) -> BaseException | None:
    """Start the engines, what reads changes before what makes them; return what prevented it."""
    try:
        for agent in reversed(app.agents):
            await agent.engine.start()
            agent.runtime.consumer = agent.engine.consumer
    except Exception as error:  # noqa: BLE001 - told to the operator by the caller, with the exit code
        return error
    return None


async def _wait(app: App, stop: asyncio.Event) -> BaseException | None:
    """Return what made the worker fail, or None when it was asked to stop."""
    ends = [event for agent in app.agents for event in (agent.runtime.failed, agent.engine._crashed)]
    waiting = [asyncio.create_task(event.wait()) for event in (stop, *ends)]
    done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    if waiting[0] in done:
        return None
    crash = next((agent.engine.crash_reason for agent in app.agents if agent.engine.crash_reason), None)
    return _failure(app) or crash or RuntimeError("the stream engine stopped by itself")


async def _stop(app: App, seconds: float) -> bool:
    """Stop everything; return whether that was done in time."""

    async def stop() -> None:
        for agent in app.agents:
            await agent.engine.stop()
            await agent.runtime.stop()

    stopping = asyncio.create_task(stop())
    done, _ = await asyncio.wait([stopping], timeout=seconds)
    if not done:
        log.warning("leaving without waiting any longer", seconds=seconds)
        return False
    await stopping
    return True


def _explain(error: BaseException) -> None:
    if isinstance(error, CoreAlertsError):
        log.error("stopped without committing", error=str(error))
    else:
        log.error(
            "stopped without committing: an error nobody foresaw; please report it with the traceback",
            error=repr(error),
            exc_info=error,
        )
