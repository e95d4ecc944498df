"""The pipeline on a file or a range of the topic: the worker's own step, in event time and without a worker.

The output is a function of the alerts, the control records, the settings and the number of partitions. How many
alerts are processed in one go changes nothing.
"""

from __future__ import annotations

import shutil
from functools import lru_cache
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Final, cast

from agents.ingest import RAW_TOPIC
from agents.suppress.defaults import Defaults
from pipeline.domain.errors import ConfigurationError
from pipeline.domain.partitioner import partition_of
from pipeline.exchange import without_ours
from pipeline.replay_control import ControlLog
from pipeline.replay_run import Record, Run
from pipeline.replay_summary import Summary

if TYPE_CHECKING:
    from pipeline.domain.alert import Periods
    from pipeline.exchange import Line, Place
    from pipeline.replay_run import Watch

_IN_MEMORY: Final = 1 << 20  # bytes of a partition's output before they go to a file


class Replay:
    """Take alerts one by one; write changes, and dead letters where somebody wants them.

    Without `partitions` all alerts are in one partition and outputs are written at once, in the order in which they
    were caused. With it they are written at the end, partition by partition. `watch` is told of changes at once.
    """

    def __init__(
        self,
        periods: Periods,
        changes: IO[bytes] | None = None,
        dead: IO[bytes] | None = None,
        *,
        defaults: Defaults | None = None,
        control: ControlLog | None = None,
        partitions: int | None = None,
        batch_size: int = 1000,
        watch: Watch = lambda _outputs: None,
    ) -> None:
        self._periods = periods
        self._changes = changes
        self._dead = dead
        self._defaults = defaults or Defaults.switched_off()
        self._control = (control or ControlLog()).by_partition(partitions)
        self._partitions = partitions
        self._batch_size = batch_size
        self._watch = watch
        self._runs: dict[int, Run] = {}
        self._summary = Summary()
        self._waiting = 0
        self._latest = 0  # the timestamp of the alert before
        self._recorded_on: int | None = None

    def take(self, line: Line) -> None:
        """Take the next alert.

        Raises ConfigurationError for a recorded record that does not fit the number of partitions.
        """
        _, key, value, headers, timestamp, place, _ = line
        if timestamp is not None:
            self._latest = timestamp
        if place is not None and place.topic != RAW_TOPIC:
            place = None
        number = 0 if place is None and self._partitions is None else self._partition(line, place)
        run = self._runs.get(number)
        if run is None:
            run = self._begin(number)
        offset = run.next_offset
        if place is None:
            headers = without_ours(headers) if headers else ()
        elif self._partitions is not None:
            if place.offset < offset:
                self._summary.again += 1
                return
            offset = place.offset
        run.add(Record(offset, self._latest, key, value, headers))
        self._waiting += 1
        if self._waiting >= self._batch_size:
            self.process()

    def process(self) -> None:
        """Process everything that was taken."""
        for run in self._runs.values():
            run.process()
        self._waiting = 0

    def finish(self, *, drain: bool = False) -> Summary:
        """Process what is left and return what was counted; with `drain`, let time pass until nothing is open."""
        for number in self._control:
            if number not in self._runs:
                self._begin(number)
        for _, run in sorted(self._runs.items()):
            run.finish()
            if drain:
                run.drain()
            run.count(self._summary)
            if self._partitions is not None:
                _append(run.changes, self._changes)
                _append(run.dead, self._dead)
        return self._summary

    def _partition(self, line: Line, place: Place | None) -> int:
        if place is None:
            return 0 if self._partitions is None else _partition_of(line.key or b"", self._partitions)
        if self._partitions is None:
            self._refuse_second_partition(line.number, place.partition)
            return 0
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

    def _begin(self, partition: int) -> Run:
        changes, dead = self._changes, self._dead
        if self._partitions is not None:
            changes, dead = changes and _spool(), dead and _spool()
        run = self._runs[partition] = Run(
            partition,
            self._partitions or 1,
            self._periods,
            self._defaults,
            self._control.get(partition, ()),
            self._watch,
            changes,
            dead,
        )
        return run


@lru_cache(maxsize=100_000)
def _partition_of(key: bytes, partitions: int) -> int:
    return partition_of(key.decode(), partitions) if key else 0


def _spool() -> IO[bytes]:
    return cast("IO[bytes]", SpooledTemporaryFile(max_size=_IN_MEMORY))


def _append(source: IO[bytes] | None, target: IO[bytes] | None) -> None:
    if source is None or target is None:
        return
    with source:
        source.seek(0)
        shutil.copyfileobj(source, target)
