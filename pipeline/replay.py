"""The pipeline on a file: the worker's own step, fed with lines, in event time and without a broker.

The output is a function of the lines, the periods and the number of partitions. How many lines are processed in
one go changes nothing.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import lru_cache
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Final, cast

from agents.ingest import DEAD_TOPIC, RAW_TOPIC, IngestStep
from pipeline.domain.errors import ConfigurationError
from pipeline.domain.partitioner import partition_of
from pipeline.exchange import Place, envelope, without_ours
from pipeline.replay_summary import Summary
from tables.store import DictStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.domain.alert import Periods
    from pipeline.exchange import Line

_SNAPSHOT_EVERY: Final = 100_000  # records: what is kept until a snapshot must not pile up
_IN_MEMORY: Final = 1 << 20  # bytes of a partition's output before they go to a file


@dataclass(slots=True)
class Record:
    """One record as a step takes it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Replay:
    """Take lines one by one; write changes, and dead letters where somebody wants them.

    Without `partitions` all lines are one partition and outputs are written at once, in the order in which they
    were caused. With it they are written at the end, partition by partition.
    """

    def __init__(
        self,
        periods: Periods,
        changes: IO[bytes],
        dead: IO[bytes] | None = None,
        *,
        partitions: int | None = None,
        batch_size: int = 1000,
    ) -> None:
        self._periods = periods
        self._changes = changes
        self._dead = dead
        self._partitions = partitions
        self._batch_size = batch_size
        self._runs: dict[int, _Run] = {}
        self._summary = Summary()
        self._waiting = 0
        self._latest = 0  # the timestamp of the line before
        self._recorded_on: int | None = None

    def take(self, line: Line) -> None:
        """Take the next line.

        Raises ConfigurationError for a recorded record that does not fit the number of partitions.
        """
        place = line.place if line.place is not None and line.place.topic == RAW_TOPIC else None
        if line.timestamp is not None:
            self._latest = line.timestamp
        run = self._run(self._partition(line, place))
        offset = run.next_offset
        if place is not None and self._partitions is not None:
            if place.offset < offset:
                self._summary.again += 1
                return
            offset = place.offset
        headers = line.headers if place is not None else without_ours(line.headers)
        run.add(Record(offset, self._latest, line.key, line.value, headers))
        self._waiting += 1
        if self._waiting >= self._batch_size:
            self._process()

    def finish(self, *, drain: bool = False) -> Summary:
        """Process what is left, with `drain` let time pass until nothing is open, and return what was counted."""
        self._process()
        for _, run in sorted(self._runs.items()):
            if drain:
                run.drain()
            run.count(self._summary)
            if self._partitions is not None:
                _append(run.changes, self._changes)
                if self._dead is not None and run.dead is not None:
                    _append(run.dead, self._dead)
        return self._summary

    def _process(self) -> None:
        for run in self._runs.values():
            run.process()
        self._waiting = 0

    def _partition(self, line: Line, place: Place | None) -> int:
        if self._partitions is None:
            if place is not None:
                self._refuse_second_partition(line.number, place.partition)
            return 0
        if place is None:
            return _partition_of(line.key or b"", self._partitions)
        if place.partition >= self._partitions:
            message = (
                f"Line {line.number} was recorded on partition {place.partition}, but there are only "
                f"{self._partitions}. Give --partitions as many as the topic had."
            )
            raise ConfigurationError(message)
        return place.partition

    def _refuse_second_partition(self, number: int, partition: int) -> None:
        # Each partition has a time of its own: on one clock, the second one would come hours too late.
        if self._recorded_on is None:
            self._recorded_on = partition
        if partition != self._recorded_on:
            message = (
                f"Line {number} was recorded on partition {partition}, lines before it on {self._recorded_on}. "
                "Give --partitions as many as the topic had."
            )
            raise ConfigurationError(message)

    def _run(self, partition: int) -> _Run:
        run = self._runs.get(partition)
        if run is None:
            if self._partitions is None:
                run = _Run(partition, 1, self._periods, self._changes, self._dead)
            else:
                run = _Run(partition, self._partitions, self._periods, _spool(), self._dead and _spool())
            self._runs[partition] = run
        return run


class _Run:
    """One partition of a replay."""

    def __init__(
        self, partition: int, partitions: int, periods: Periods, changes: IO[bytes], dead: IO[bytes] | None
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
        )
        self._batch: list[Record] = []
        self._processed = 0
        self._next_snapshot = _SNAPSHOT_EVERY
        self._dead_letters = 0

    def add(self, record: Record) -> None:
        """Keep a record for the next batch."""
        self._batch.append(record)
        self.next_offset = record.offset + 1

    def process(self) -> None:
        """Process the batch and write what it caused."""
        if not self._batch:
            return
        self._step.process(self._batch, 0)
        self._processed += len(self._batch)
        self._batch = []
        self._write()
        if self._processed >= self._next_snapshot:
            self._next_snapshot = self._processed + _SNAPSHOT_EVERY
            self._store.write(self._step.snapshot())

    def drain(self) -> None:
        """Let time pass until no alert is open."""
        while self._step.alerts.open_count:
            self._step.advance(self._step.next_timer_ms)
            self._write()

    def count(self, summary: Summary) -> None:
        """Add what was counted to a summary."""
        tally = self._step.take_tally()
        summary.alerts += self._processed
        for (_, change), count in tally.changes.items():
            summary.changes[change.value] += count
        for unchanged, count in tally.unchanged.items():
            summary.unchanged[unchanged.value] += count
        for rejection, count in tally.rejected.items():
            summary.dead_letters[rejection.value] += count
        summary.forwarded += tally.forwarded
        summary.open_at_the_end += self._step.alerts.open_count

    def _write(self) -> None:
        emitted = self._step.take_emitted()
        if emitted.enriched:
            self.changes.write(b"".join([(output.value or b"") + b"\n" for output in emitted.enriched]))
        for output in emitted.dead:
            if self.dead is not None:
                place = Place(DEAD_TOPIC, self._partition, self._dead_letters)
                self.dead.write(envelope(place, output.timestamp, output.key, output.headers, output.value) + b"\n")
            self._dead_letters += 1


@lru_cache(maxsize=100_000)
def _partition_of(key: bytes, partitions: int) -> int:
    return partition_of(key.decode(), partitions) if key else 0


def _spool() -> IO[bytes]:
    return cast("IO[bytes]", SpooledTemporaryFile(max_size=_IN_MEMORY))


def _append(source: IO[bytes], target: IO[bytes]) -> None:
    with source:
        source.seek(0)
        shutil.copyfileobj(source, target)
