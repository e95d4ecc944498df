"""One partition at work: its step, its store, and the checkpoint that makes both and the output durable.

A checkpoint is made in this order and no other:

1. everything that the records up to its offset caused is written (at_least_once: it already left),
2. one transaction on the partition's own transactional id: the changed rows go to the changelog, and in
   exactly_once the outputs with them, and now and then the group's offset,
3. the same rows and the changelog offset go to RocksDB in one batch,
4. the offset may be committed.

A worker that dies in between resumes from the last checkpoint whose transaction was committed; one that was
only thought dead finds its transactional id fenced.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from pipeline.stream.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.schemas.records import Output
    from pipeline.stream.outbox import Leaving
    from pipeline.stream.producing import BatchProducer
    from pipeline.stream.runtime import Observer
    from pipeline.stream.step import Step
    from pipeline.stream.store import PartitionStore
    from tables.store import Rows

# How many outputs may wait for a commit before reading stops.
_UNCOMMITTED_OUTPUTS = 50_000


# How much longer than a checkpoint the time between two of them is at least.
_WORK_PER_CHECKPOINT = 12
_LONGEST_INTERVAL = 10.0
_STAGGER = 4
# How long a timer waits for a record whose own time rings it. Where records flow, one comes within milliseconds and
# nothing need be sealed; where none comes, the wall clock rings it so much later.
_PATIENCE_MS = 200
# How often the group's offset is part of a transaction. The state has an offset of its own, which is what a partition
# goes on from; the group's is for those who look at it, and takes two requests of five.
_GROUP_OFFSET_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a partition reads and writes, and how often it makes itself durable."""

    input_topic: str
    changelog_topic: str
    group: str
    exactly_once: bool
    interval: float  # seconds between checkpoints


@dataclass(slots=True)
class _Snapshot:
    """Everything one checkpoint makes durable."""

    offset: int
    rows: Rows
    sent: list[Leaving]  # at_least_once: on their way already
    outputs: dict[str, list[Output]]  # exactly_once: part of the transaction
    reach: int  # how far the input may be processed before the next one


class PartitionTask:
    """Process the batches of one partition, one after the other."""

    def __init__(
        self,
        number: int,
        plan: Plan,
        step: Step,
        store: PartitionStore,
        state_producer: BatchProducer,
        output_producer: BatchProducer | None,
        observer: Observer,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self.number = number
        self.step = step
        self.durable_offset: int | None = step.next_offset or None  # what may be committed
        self.durable_at = time.monotonic()
        self.changelog_offset = -1  # the last that this task wrote
        self._plan = plan
        self._store = store
        self._state_producer = state_producer
        self._outbox = None if output_producer is None else Outbox(output_producer, on_failure, f"outputs-{number}")
        self._observer = observer
        self._on_failure = on_failure
        self._turn = asyncio.Lock()  # one batch, tick or snapshot at a time
        self._outputs: dict[str, list[Output]] = {}
        self._waiting = 0  # outputs in `_outputs`
        self._checkpoint: asyncio.Task[None] | None = None
        # Partitions that start together would make all their checkpoints at once, and readers would wait for each.
        self._snapshot_at = time.monotonic() - plan.interval * (number % _STAGGER) / _STAGGER
        self._commit_took = 0.0  # seconds, the last one
        self._checkpoint_cost = 0.0  # CPU seconds of taking the last snapshot and writing it to the store
        self.pending = False  # something happened since the last snapshot
        # Until then another run, which ended without a checkpoint, may have got: see `may_take_control`.
        self._control_after = 0 if plan.exactly_once or step.is_fresh else step.reach
        self._caught_up = False
        self._may_reach = step.reach  # as the last checkpoint says
        self._told_group: int | None = None  # exactly_once: the offset that the group has been told
        self._told_group_at = 0.0

    @property
    def tp(self) -> TopicPartition:
        """Return the input partition."""
        return TopicPartition(self._plan.input_topic, self.number)

    async def start(self) -> None:
        """Let leave what a sealed tick caused while the step was restored."""
        async with self._turn:
            await self._let_leave()
        self.step.report()  # what was restored shows, before anything new comes

    async def begin_with(self, control: Sequence[Any]) -> None:
        """Take in what the control topic held before the first input record, and make that durable."""
        async with self._turn:
            self.step.seal_control(control)
            await self._commit_sealed()
            self.step.apply_control()
            self.pending = bool(control)
            await self._let_leave()

    def caught_up(self) -> None:
        """Take note that everything has been processed that the input held when it was asked last."""
        self._caught_up = True

    @property
    def may_take_control(self) -> bool:
        """Say whether control records may be taken in.

        With at_least_once, an earlier run may have let outputs leave beyond the checkpoint that this one goes on from.
        They left without the control records that this run has not seen yet: until it is past them, it must decide
        without these as well, or one id would tell two stories.
        """
        return self._caught_up or self.step.next_offset >= self._control_after

    async def take_control(self, records: Sequence[Any], now_ms: int | None) -> None:
        """Let control records have their effect, here and in every later run at this very place of the input.

        `now_ms` is the wall clock at which nothing was left to read, None where something is: then it is as late as
        the records before have made it.

        As with the clock in `_seal`: where outputs leave before a checkpoint, the records are made durable first, and
        what they cause comes after. A run that dies in between finds them in its state and applies them again.
        """
        records = [record for record in records if record.offset >= self.step.control_offset]
        if not records:
            return
        async with self._turn:
            self.step.seal_control(records)
            if now_ms is None:
                await self._commit_sealed()
            else:
                await self._seal(tick=True, now_ms=now_ms)
                self.step.advance(now_ms)
            self.step.apply_control()
            self.pending = True
            await self._let_leave()

    async def take(self, records: Sequence[Any]) -> None:
        """Process `records`, and make a checkpoint if it is time."""
        async with self._turn:
            if records[-1].offset >= self._may_reach:
                await self._commit_sealed()
            done = 0
            while True:
                done = self.step.process(records, done)
                self.pending = True
                if done == len(records):
                    break
                await self._seal(tick=False, now_ms=_wall_ms())
            await self._let_leave()
            if self._is_due(busy=True):
                await self._checkpoint_if_free()

    async def pass_time(self, now_ms: int) -> None:
        """Ring the timers that are due by `now_ms`, a wall clock time at which nothing was left to read.

        With at_least_once that needs a checkpoint first, for which the records of all partitions wait. So it is not
        done while records come, whose own time rings the timers.
        """
        if self.step.next_timer_ms > now_ms - _PATIENCE_MS:
            return
        async with self._turn:
            if self.step.next_timer_ms > now_ms - _PATIENCE_MS:
                return
            await self._seal(tick=True, now_ms=now_ms)
            self.step.advance(now_ms)
            self.pending = True
            await self._let_leave()

    async def checkpoint_if_due(self, *, busy: bool) -> None:
        """Make a checkpoint if something is pending, or the group is to be told, and the interval is over."""
        if (self.pending or (self._owes_group and self._may_tell_group)) and self._is_due(busy=busy):
            async with self._turn:
                await self._checkpoint_if_free()

    async def finish(self) -> None:
        """Make everything durable."""
        async with self._turn:
            await self._wait_for_checkpoint()
            if self.pending or self._owes_group:
                await self._commit(self._take_snapshot(last=True), tell_group=True)

    async def abandon(self) -> None:
        """Stop without making anything durable."""
        if self._checkpoint is not None and not self._checkpoint.done():
            self._checkpoint.cancel()
            await asyncio.wait([self._checkpoint])

    @property
    def _owes_group(self) -> bool:
        """Say whether the group's offset, which transactions carry, is behind what is durable."""
        return self._plan.exactly_once and self.durable_offset != self._told_group

    @property
    def _may_tell_group(self) -> bool:
        """Say whether it is time to tell the group again."""
        return time.monotonic() - self._told_group_at >= _GROUP_OFFSET_SECONDS

    def _is_due(self, *, busy: bool) -> bool:
        """Say whether it is time for a checkpoint: the interval is over and, while there is work, work is mostly work.

        In a storm that touches many alerts a checkpoint is long; then they come less often.
        """
        stretched = min(self._checkpoint_cost * _WORK_PER_CHECKPOINT, _LONGEST_INTERVAL) if busy else 0.0
        # Slow brokers get more slow when they are asked for more: half of the time belongs to others.
        wait = max(self._plan.interval, stretched, self._commit_took * 2)
        return time.monotonic() - self._snapshot_at >= wait

    async def _seal(self, *, tick: bool, now_ms: int) -> None:
        """Let the step see the wall clock `now_ms`.

        In at_least_once what follows leaves before the next checkpoint, and a second run must come to the same
        result: so the time is made durable first. In exactly_once both are one transaction.
        """
        self.step.seal(now_ms, tick=tick and not self._plan.exactly_once)
        await self._commit_sealed()

    async def _commit_sealed(self) -> None:
        """Make what was sealed durable before anything that follows from it leaves; in exactly_once both do at once."""
        if self._plan.exactly_once:
            return
        await self._let_leave()
        await self._wait_for_checkpoint()
        await self._commit(self._take_snapshot())

    async def _let_leave(self) -> None:
        emitted = self.step.take_emitted()
        if not emitted:
            return
        self.pending = True
        for topic, outputs in emitted.by_topic().items():
            self._observer.leaving(outputs)
            if self._outbox is not None:
                await self._outbox.put(topic, outputs)
            else:
                self._outputs.setdefault(topic, []).extend(outputs)
                self._waiting += len(outputs)

    async def _checkpoint_if_free(self) -> None:
        if self._checkpoint is not None and not self._checkpoint.done():
            if self._waiting < _UNCOMMITTED_OUTPUTS:
                return  # go on reading; the next batch asks again
            await self._wait_for_checkpoint()
        elif self._checkpoint is not None:
            await self._wait_for_checkpoint()  # passes on what it failed with
        snapshot = self._take_snapshot()
        self._checkpoint = asyncio.create_task(self._commit(snapshot), name=f"checkpoint-{self.number}")
        self._checkpoint.add_done_callback(self._pass_on)

    def _pass_on(self, checkpoint: asyncio.Task[None]) -> None:
        """Let the worker know of a failed checkpoint at once: on a quiet partition nobody else would ask for long."""
        if not checkpoint.cancelled() and (error := checkpoint.exception()) is not None:
            self._on_failure(error)

    async def _wait_for_checkpoint(self) -> None:
        if self._checkpoint is not None:
            task, self._checkpoint = self._checkpoint, None
            await task

    def _take_snapshot(self, *, last: bool = False) -> _Snapshot:
        started = time.thread_time()
        rows = self.step.snapshot(last=last)
        self._store.in_flight = rows
        self.step.shrink()
        self.step.report()
        sent = [] if self._outbox is None else self._outbox.cut()
        snapshot = _Snapshot(self.step.next_offset, rows, sent, self._outputs, self.step.reach)
        self._outputs, self._waiting = {}, 0
        self._snapshot_at = time.monotonic()
        self._checkpoint_cost = time.thread_time() - started
        self.pending = False
        return snapshot

    async def _commit(self, snapshot: _Snapshot, *, tell_group: bool = False) -> None:
        started = time.monotonic()
        for leaving in snapshot.sent:
            await leaving.delivered()
        producer, plan = self._state_producer, self._plan
        # Before the first record there is nothing to tell: the group goes on from wherever it is to begin.
        tell_group = plan.exactly_once and snapshot.offset > 0 and (tell_group or self._may_tell_group)
        written_to = {(topic, one.partition) for topic, outputs in snapshot.outputs.items() for one in outputs}
        await producer.begin(written_to | {(plan.changelog_topic, self.number)})
        parts = [await producer.send(topic, outputs) for topic, outputs in snapshot.outputs.items()]
        changelog = await producer.send_rows(plan.changelog_topic, self.number, snapshot.rows)
        if tell_group:
            await producer.add_offsets({self.tp: snapshot.offset}, plan.group)
        for part in parts:
            await part.delivered()
        changelog_offset = self.changelog_offset = await changelog.delivered()
        await producer.commit()
        self._checkpoint_cost += await asyncio.to_thread(self._write, snapshot.rows, changelog_offset)
        if self._store.in_flight is snapshot.rows:
            self._store.in_flight = {}
        self.durable_offset = snapshot.offset or None
        self._may_reach = snapshot.reach
        if tell_group:
            self._told_group, self._told_group_at = snapshot.offset, time.monotonic()
        self.durable_at = time.monotonic()
        self._commit_took = min(self.durable_at - started, _LONGEST_INTERVAL)
        self._observer.checkpoint_took(self.durable_at - started, len(snapshot.rows))

    def _write(self, rows: Rows, changelog_offset: int) -> float:
        """Write to the store, in a thread; return the CPU seconds that took."""
        started = time.thread_time()
        self._store.write(rows, changelog_offset)
        return time.thread_time() - started


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000
