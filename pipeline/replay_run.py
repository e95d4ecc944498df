"""One partition of a replay: the step of the ingest agent over records and control records, in event time."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from agents.ingest import DEAD_TOPIC, RAW_TOPIC, IngestStep
from pipeline.domain.timestamps import LATEST
from pipeline.exchange import Place, envelope
from pipeline.replay_outcome import Outcome
from tables import keys
from tables.store import DictStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import IO

    from agents.suppress.defaults import Defaults
    from pipeline.domain.alert import Periods
    from pipeline.domain.storm_account import Storm
    from pipeline.replay_control import ControlInput
    from pipeline.replay_summary import Summary
    from pipeline.schemas.records import Output

    Watch = Callable[[Sequence[Output]], None]
    """Told of changes as they are caused."""

_SNAPSHOT_EVERY: Final = 100_000  # records: what is kept until a snapshot must not pile up
_NEVER: Final = 1 << 62


class Record(msgspec.Struct, gc=False):
    """One record as a step takes it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Run:
    """One partition of a replay, with the control records that are for it in the order of their times."""

    def __init__(
        self,
        partition: int,
        partitions: int,
        periods: Periods,
        defaults: Defaults,
        control: Iterable[ControlInput],
        watch: Watch,
        changes: IO[bytes] | None,
        dead: IO[bytes] | None,
    ) -> None:
        self.next_offset = 0
        self.changes = changes
        self.dead = dead
        self._partition = partition
        self._store = DictStore()
        self._step = IngestStep(
            self._store,
            topic=RAW_TOPIC,
            partition=partition,
            partitions=partitions,
            periods=periods,
            wall_clock=False,
            defaults=defaults,
        )
        self._outcome = Outcome()
        self._control = deque(control)
        self._next_control = self._control[0].at if self._control else _NEVER
        self._watch = watch
        self._batch: list[Record] = []
        self._begun = False
        self._processed = 0
        self._controlled = 0
        self._next_snapshot = _SNAPSHOT_EVERY
        self._dead_letters = 0

    def add(self, record: Record) -> None:
        """Keep a record for the next batch; first let the control records before it have their effect."""
        if self._next_control < record.timestamp:
            self._take_control(record.timestamp)
        self._batch.append(record)
        self.next_offset = record.offset + 1

    def process(self) -> None:
        """Process the batch and write what it caused."""
        if not self._batch:
            return
        self._step.process(self._batch, 0)
        self._begun = True
        self._processed += len(self._batch)
        self._batch = []
        self._write()
        if self._processed >= self._next_snapshot:
            self._next_snapshot = self._processed + _SNAPSHOT_EVERY
            self._store.write(self._step.snapshot())

    def finish(self) -> None:
        """Process what is left, and let the last control records have their effect."""
        self.process()
        self._take_control(_NEVER)

    def drain(self) -> None:
        """Let time pass until no alert is open or flaps, and no storm goes on."""
        while self._step.alerts.open_count or self._storms() or self._flaps():
            self._step.advance(self._step.next_timer_ms)
            self._write()

    def _storms(self) -> list[Storm]:
        pulses = (tenant.pulse for tenant in self._step.suppression.tenants.values())
        return [pulse.storm for pulse in pulses if pulse.storm is not None]

    def _flaps(self) -> bool:
        """Say whether an alert is still to be called steady; one whose policy was switched off never is."""
        known = (self._step.alerts.find(keys.alert(*one)) for one in self._outcome.flapping_now)
        return any(alert is not None and alert.steady_at for alert in known)

    def count(self, summary: Summary) -> None:
        """Add what was counted to a summary."""
        tally = self._step.take_tally()
        summary.alerts += self._processed
        summary.control += self._controlled
        for (_, change), count in tally.changes.items():
            summary.changes[change.value] += count
        for unchanged, count in tally.unchanged.items():
            summary.unchanged[unchanged.value] += count
        for rejection, count in tally.rejected.items():
            summary.dead_letters[rejection.value] += count
        summary.forwarded += tally.forwarded
        summary.open_at_the_end += self._step.alerts.open_count
        summary.outcome.add(self._outcome)
        for storm in self._storms():
            summary.outcome.storm_goes_on(storm.minutes, storm.hidden)

    def _take_control(self, before: int) -> None:
        """Let the control records that are older than `before` have their effect, between two records."""
        self.process()
        due: list[ControlInput] = []
        while self._control and self._control[0].at < before:
            due.append(self._control.popleft())
        self._next_control = self._control[0].at if self._control else _NEVER
        if not due:
            return
        if not self._begun and before <= LATEST:
            # Time begins with the first alert: what was on, or over, long before it is not told now.
            self._step.advance(before)
        self._step.seal_control(due)
        self._step.apply_control()
        self._controlled += len(due)
        self._write()

    def _write(self) -> None:
        emitted = self._step.take_emitted()
        if emitted.enriched:
            self._outcome.take(emitted.enriched)
            self._watch(emitted.enriched)
            if self.changes is not None:
                self.changes.write(b"".join([(output.value or b"") + b"\n" for output in emitted.enriched]))
        for output in emitted.dead:
            if self.dead is not None:
                place = Place(DEAD_TOPIC, self._partition, self._dead_letters)
                self.dead.write(envelope(place, output.timestamp, output.key, output.headers, output.value) + b"\n")
            self._dead_letters += 1
