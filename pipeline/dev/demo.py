"""The demonstration: a recorded day of real alerts through a broker and a worker of its own."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.app import CORRELATE, group_of
from pipeline.dev.collector import Collector
from pipeline.dev.demo_report import Report, percentile
from pipeline.dev.incidents import Incidents, injected, write_topologies
from pipeline.dev.live_alerts import RATE, SECONDS, live_alerts, send_live
from pipeline.dev.local import PARTITIONS, introduction, running, stopping_on_sigterm, watch
from pipeline.dev.outcome import Outcome
from pipeline.dev.playback import play, read_episodes, recorded_day, shift_to_end_at
from pipeline.domain.errors import InfrastructureError
from pipeline.kafka_io import Sender
from pipeline.settings import Settings, load_settings
from pipeline.settings_catalogue import CACHE_VARIABLE, PREFIX
from pipeline.topic_admin import lag
from pipeline.topics import ALERTS_CORRELATED, ALERTS_DLQ, ALERTS_ENRICHED, ALERTS_RAW

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.dev.incidents import Judged
    from pipeline.dev.local import Local
    from pipeline.dev.playback import Record

DIGEST_MINUTES: Final = 15
_INTERRUPTED: Final = 130
_PROCESSED_S: Final = 300.0
_READ_S: Final = 30.0
_LOOK_EVERY_S: Final = 0.2
_SHOW_EVERY: Final = 1000
_WIDTH_OF_A_FILE: Final = 120


def run_demo(*, hours: float, guarantee: str, stay: bool, as_json: bool) -> None:
    """Run the demonstration and print what it measured; nothing of it is left unless `stay`."""
    own = {
        "CORE_ALERTS_PARTITIONS": str(PARTITIONS),
        "CORE_ALERTS_PROCESSING_GUARANTEE": guarantee,
        "CORE_ALERTS_INGEST__CLOCK": "event",  # the day is over in seconds: time is what the records say
        "CORE_ALERTS_INGEST__DIGEST_INTERVAL": f"{DIGEST_MINUTES}m",
    }
    with stopping_on_sigterm():
        try:
            with _folder(keep=stay) as folder, running(load_settings(None, own), _environ(own), folder, _say) as local:
                report, outcome, judged = measure(local, hours=hours, guarantee=guarantee)
                if as_json:
                    typer.echo(json.dumps(report.as_json(), indent=2))
                else:
                    report.show(_console(), outcome.story(), judged)
                if stay:
                    _say(f"\n{introduction(local)} The data stays in {folder}.")
                    watch(local.worker)
        except KeyboardInterrupt:
            _say("Stopped.")
            if not stay:
                raise typer.Exit(_INTERRUPTED) from None


def measure(local: Local, *, hours: float, guarantee: str) -> tuple[Report, Outcome, Judged]:
    """Play the recorded hours, then the live alerts; return the figures and what came out.

    Raises InfrastructureError where the worker ends, or does not process everything in time.
    """
    episodes = recorded_day(read_episodes(), hours)
    shift = shift_to_end_at(episodes, datetime.now(UTC))
    recorded = list(play(episodes, shift=shift))
    outcome, incidents = Outcome(), Incidents()
    write_topologies(local.connection, time.time_ns() // 1_000_000)
    with (
        Collector(local.connection, ALERTS_CORRELATED.name, incidents.take) as correlated,
        Collector(local.connection, ALERTS_ENRICHED.name, outcome.take_change) as changes,
        Collector(local.connection, ALERTS_DLQ.name, outcome.take_dead_letter) as dead_letters,
    ):
        started = time.perf_counter()
        with _progress() as progress:
            _send(local, recorded, progress)
            _wait_until_processed(local, len(recorded), progress)
        _catch_up(local, changes, dead_letters)
        took = outcome.latest - started
        _wait_until_correlated(local)
        _catch_up(local, correlated)
        judged = incidents.judged(injected(episodes, shift))
        _say(f"Measuring latency: {RATE} changes a second for {SECONDS} s")
        live = live_alerts(episodes, RATE * SECONDS // 2)
        due = send_live(Sender(local.connection, ALERTS_RAW.name, linger_ms=0), live)
        _wait_until_processed(local, len(recorded) + len(due))
        _catch_up(local, changes, dead_letters)
    missing = due.keys() - outcome.live.keys()
    if missing or not due:
        raise InfrastructureError(
            local.worker.explain(f"{len(missing)} of {len(due)} changes never came out of the pipeline")
        )
    latencies = [(outcome.live[change] - moment) * 1000 for change, moment in due.items()]
    report = Report(
        processing_guarantee=guarantee,
        hours=hours,
        digest_minutes=DIGEST_MINUTES,
        alerts_in=len(recorded),
        unique_alerts=len(outcome.alerts),
        changes_out=outcome.changes.total(),
        changes=dict(outcome.changes.most_common()),
        noise_reduction=round(1 - outcome.changes.total() / len(recorded), 4),
        alerts_per_second=round(len(recorded) / took),
        live_rate=RATE,
        live_alerts=len(due),
        latency_p50_ms=round(percentile(latencies, 0.5), 1),
        latency_p99_ms=round(percentile(latencies, 0.99), 1),
        dead_letters=dict(outcome.dead_letters.most_common()),
        seen_twice=outcome.twice,
        incidents=len(incidents.last),
        large_incidents=judged.incidents,
        causes_named_first=judged.named_first,
        causes_named_in_three=judged.named_in_three,
    )
    return report, outcome, judged


def _environ(own: Mapping[str, str]) -> dict[str, str]:
    """Return this environment with `own` as its only settings: the demonstration is the same everywhere."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX) or name == CACHE_VARIABLE}
    return {**kept, **own}


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    if keep:
        yield Path(tempfile.mkdtemp(prefix="core-alerts-demo-"))
        return
    with tempfile.TemporaryDirectory(prefix="core-alerts-demo-") as name:
        yield Path(name)


def _send(local: Local, recorded: Sequence[Record], progress: Progress) -> None:
    task = progress.add_task("Sending the recorded alerts", total=len(recorded))
    sender = Sender(local.connection, ALERTS_RAW.name)
    for count, (at, tenant, value) in enumerate(recorded, start=1):
        sender.send(tenant.encode(), value, at)
        if count % _SHOW_EVERY == 0:
            progress.update(task, completed=count)
    sender.finish()
    progress.update(task, completed=len(recorded))


def _wait_until_processed(local: Local, total: int, progress: Progress | None = None) -> None:
    """Wait until the worker has committed everything sent; raise InfrastructureError if it ends or takes too long."""
    task = progress.add_task("Processing them", total=total) if progress is not None else None
    deadline = time.monotonic() + _PROCESSED_S
    while True:
        local.worker.check()
        left = sum(row.lag for row in lag(local.connection, Settings().group, [ALERTS_RAW.name]))
        if progress is not None and task is not None:
            progress.update(task, completed=total - left)
        if left == 0:
            return
        if time.monotonic() >= deadline:
            what = f"{left:,} of {total:,} alerts were not processed after {_PROCESSED_S:.0f} s"
            raise InfrastructureError(local.worker.explain(what))
        time.sleep(_LOOK_EVERY_S)


def _wait_until_correlated(local: Local) -> None:
    deadline = time.monotonic() + _PROCESSED_S
    settings = Settings()
    group = group_of(settings, CORRELATE)
    # The mark that ends a transaction takes an offset that nobody reads.
    while any(row.lag > 1 for row in lag(local.connection, group, [ALERTS_ENRICHED.name])):
        local.worker.check()
        if time.monotonic() >= deadline:
            raise InfrastructureError(
                local.worker.explain(f"not all changes were correlated after {_PROCESSED_S:.0f} s")
            )
        time.sleep(_LOOK_EVERY_S)


def _catch_up(local: Local, *collectors: Collector) -> None:
    if not all(collector.catch_up(_READ_S) for collector in collectors):
        raise InfrastructureError(local.worker.explain(f"The changes could not be read within {_READ_S:.0f} s"))


def _progress() -> Progress:
    columns = (TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())


def _console() -> Console:
    return Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)


def _say(message: str) -> None:
    typer.echo(message, err=True)
