"""The runtime: every partition this worker owns, from its assignment to its last checkpoint."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from pipeline.domain.errors import InfrastructureError
from pipeline.stream.control_feed import ControlFeed
from pipeline.stream.partition import PartitionTask, Plan
from pipeline.stream.producing import BatchProducer, taken_over
from pipeline.stream.store import StoreLimits, StoreMemory, open_store
from pipeline.stream.transport import skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence
    from pathlib import Path

    from faust.types.tuples import TP

    from pipeline.kafka_connection import KafkaConnection
    from pipeline.schemas.records import Output
    from pipeline.stream.fetching import Fetched
    from pipeline.stream.step import StepFactory
    from pipeline.stream.store import PartitionStore
    from pipeline.stream.transport import BatchConsumer, BatchMessage, FetchState

log = structlog.get_logger("core_alerts.stream")

_TICK_SECONDS = 0.1
_HEALTH_SECONDS = 1.0
# Fetches are answered at least this often where there is nothing to read, so this is how old "caught up" can be.
FETCH_WAIT_MS = 250


class Observer(Protocol):
    """Who is told how the runtime fares: metrics and health."""

    def recovering(self, value: bool) -> None:
        """State is being restored, or no longer."""

    def assigned(self, topic: str, partitions: Iterable[int]) -> None:
        """Take note that this worker owns these partitions of the input."""

    def restored(self, records: int) -> None:
        """Changelog records were applied."""

    def missed(self, topic: str, partition: int, count: int) -> None:
        """Offsets of an input were deleted unread."""

    def batch_took(self, seconds: float) -> None:
        """A batch was processed."""

    def checkpoint_took(self, seconds: float, keys: int) -> None:
        """A checkpoint was made."""

    def leaving(self, outputs: Sequence[Output]) -> None:
        """Changes are handed to the producer."""

    def progress(self, topic: str, partition: int, end_offset: int, checkpoint_offset: int) -> None:
        """A partition's input ends at, and is durable to."""

    def lost(self, topic: str, partition: int) -> None:
        """A partition is somebody else's now."""


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """How the runtime is to run."""

    agent: str  # names the store's folder and the transactional ids
    group: str
    input_topic: str
    control_topic: str
    changelog_topic: str
    data_dir: Path
    connection: KafkaConnection
    exactly_once: bool
    interval: float  # seconds between checkpoints
    wall_clock: bool
    max_batch: int
    request_timeout: float
    shutdown_timeout: float
    limits: StoreLimits


class Runtime:
    """Own the partitions of one agent. Faust calls it through the transport, the table and the agent."""

    def __init__(self, config: RuntimeConfig, make_step: StepFactory, observer: Observer) -> None:
        self.config = config
        self.max_batch = config.max_batch
        self.fetch_wait_ms = FETCH_WAIT_MS
        self.connection = config.connection
        self.input_topics = frozenset([config.input_topic])
        self.changelog_topics = frozenset([config.changelog_topic])
        self.failure: BaseException | None = None
        self.failed = asyncio.Event()
        self.consumer: BatchConsumer | None = None
        self.restored_to: Callable[[TP, int], None] = lambda tp, position: None
        self.generation: Callable[[], int] = lambda: 0
        self._make_step = make_step
        self._observer = observer
        self._plan = Plan(
            config.input_topic, config.changelog_topic, config.group, config.exactly_once, config.interval
        )
        self._memory = StoreMemory(config.limits)
        self._stores: dict[int, PartitionStore] = {}
        self._state_producers: dict[int, BatchProducer] = {}
        self._output_producer: BatchProducer | None = None
        self._tasks: dict[int, PartitionTask] = {}
        self._starting: dict[int, PartitionTask] = {}  # restored, and yet to learn what the control topic holds
        self._control: ControlFeed | None = None
        self._control_reader: asyncio.Task[None] | None = None
        self._control_waiting: dict[int, list[Any]] = {}  # control records that may not be applied yet
        self._begins: dict[int, int] = {}  # where each input was last sought
        self.taken = asyncio.Event()
        self._quiet = asyncio.Lock()  # held by who processes a batch
        self._changing = asyncio.Lock()  # held by who opens, starts or closes partitions
        self.leaving: Callable[[], bool] = lambda: False
        self._stopping = False
        self._handing_over = False  # everything is durable, and the group is deciding who has what next
        self._ticker: asyncio.Task[None] | None = None

    # -- what Faust calls

    async def on_assigned(self, actives: set[int], standbys: set[int]) -> None:
        """Open the stores of what is assigned, give the others back, and fence whoever was active before."""
        self._observer.recovering(True)
        async with self._changing:  # Faust may still be on its way through `on_restored`
            await self._take_over(actives, standbys)

    async def _take_over(self, actives: set[int], standbys: set[int]) -> None:
        await self._close(set(self._stores) - actives - standbys)
        await self._demote(set(self._state_producers) - actives)
        for number in sorted((actives | standbys) - set(self._stores)):
            self._stores[number] = await asyncio.to_thread(self._open_store, number)
        if not self.config.exactly_once and self._output_producer is None:
            self._output_producer = self._producer(None, "outputs")
            await self._output_producer.start()
        new = sorted(actives - set(self._state_producers))
        producers = [self._producer(self._transactional_id(number), f"state-{number}") for number in new]
        await asyncio.gather(*[producer.start() for producer in producers])
        self._state_producers.update(zip(new, producers, strict=True))

    async def on_restored(self, actives: set[int]) -> None:
        """Start the tasks of partitions whose state is complete."""
        try:
            async with self._changing:
                await self._start_tasks(actives)
        except Exception as error:  # noqa: BLE001 - Faust would go on waiting for it
            self.fail(error)
            return
        self._observer.assigned(self.config.input_topic, list(self._tasks))
        self._observer.recovering(False)
        log.info("ready", partitions=sorted(self._tasks), guarantee=self._guarantee)
        if self._ticker is None:
            self._ticker = asyncio.create_task(self._guard(self._tick()), name="ticks")

    async def _start_tasks(self, actives: set[int]) -> None:
        here = actives & set(self._state_producers)  # the others were given away while their state was restored
        self._starting = {}
        for number in sorted(here - set(self._tasks)):
            store = self._stores[number]
            step = await asyncio.to_thread(self._make_step, number, store, len(here))
            task = self._starting[number] = PartitionTask(
                number,
                self._plan,
                step,
                store,
                self._state_producers[number],
                self._output_producer,
                self._observer,
                self.fail,
            )
            await task.start()
        await self._begin_with_control(list(self._starting.values()))
        self._tasks.update(self._starting)
        self._starting = {}
        for task in self._tasks.values():
            task.step.share(len(self._tasks))
        self._handing_over = False
        if self._control is not None:
            self._control_waiting.clear()
            self._control.follow({task.number: task.step.control_offset for task in self._tasks.values()})

    async def _begin_with_control(self, tasks: Sequence[PartitionTask]) -> None:
        """Let partitions without any state know what the control topic holds before they process anything.

        The others go on from what their state holds, and hear of what is new when they may.
        """
        if self._control is None:
            self._control = ControlFeed(
                self.config.connection,
                self.config.control_topic,
                client_id=f"{self.config.group}-{self.config.agent}-control",
                request_timeout_ms=int(self.config.request_timeout * 1000),
            )
            await self._control.start()
            self._control_reader = asyncio.create_task(self._guard(self._control.run(self._on_control)), name="control")
        wanted = {
            task.number: task.step.control_offset for task in tasks if task.step.is_fresh or self.config.exactly_once
        }
        if not wanted:
            return
        held = await self._control.read_to_end(wanted)
        for task in tasks:
            if task.number in held:
                await task.begin_with(held[task.number])

    async def _on_control(self, partition: int, records: Sequence[Any]) -> None:
        """Take in records of the control topic, or keep them until they may be."""
        self._control_waiting.setdefault(partition, []).extend(records)
        await self._apply_control(partition)

    async def _apply_control(self, partition: int) -> None:
        async with self._quiet:
            task = self._tasks.get(partition)
            if task is None or self._stopping or self.leaving() or self.failure is not None:
                self._control_waiting.pop(partition, None)  # whoever has the partition next reads them again
                return
            if partition in self._control_waiting and task.may_take_control and not self._handing_over:
                await task.take_control(self._control_waiting.pop(partition), self._idle_since(task))

    def _idle_since(self, task: PartitionTask) -> int | None:
        """Return when a partition last had nothing left to read; None if it has, or if it follows event time."""
        fetched = None if self.consumer is None else self.consumer.handed_over(task.tp)
        if fetched is None or not self.config.wall_clock or not _is_caught_up(task, fetched):
            return None
        return fetched.fetched_at

    def changelog_offset(self, partition: int) -> int | None:
        """Return the changelog offset that the local rows include."""
        store = self._stores.get(partition)
        return None if store is None else store.changelog_offset

    def restore(self, tp: TP, records: Fetched) -> None:
        """Apply changelog records to the local rows.

        The fetcher of a new assignment reads from the beginning until it is sought: what the rows include already is
        older than they are.
        """
        store = self._stores.get(tp.partition)
        if store is None:
            return
        known = store.changelog_offset
        task = self._tasks.get(tp.partition) or self._starting.get(tp.partition)
        if task is not None:
            if records[-1].offset > max(task.changelog_offset, -1 if known is None else known):
                self.fail(taken_over())  # somebody else had the partition meanwhile: what this task knows is stale
            return
        if known is not None and records.begin > known + 1:
            self.fail(store.incomplete(known + 1, records.begin))
            return
        new = [record for record in records if known is None or record.offset > known]
        if new:
            store.write({record.key: record.value for record in new}, new[-1].offset)
            self._observer.restored(len(new))

    def is_restored(self, tp: TP) -> bool:
        """Say whether the state of this input is there and may be asked."""
        return tp.partition in self._tasks

    def next_offset(self, tp: TP) -> int | None:
        """Return where the input goes on from: what the state includes, not what was committed."""
        task = self._tasks.get(tp.partition)
        return task.step.next_offset or None if task is not None else None

    def begins_at(self, tp: TP, offset: int, missed: int) -> None:
        """Take note of where an input is read from: its state says so, or where that knows nothing, the group.

        Where the topic begins only after that, `missed` offsets are gone.
        """
        if missed and self._begins.get(tp.partition) != offset:
            self._observer.missed(tp.topic, tp.partition, missed)
            log.error(
                "records were deleted before they were read: lengthen the retention of the topic",
                topic=tp.topic,
                partition=tp.partition,
                first=offset - missed,
                last=offset - 1,
            )
        self._begins[tp.partition] = offset

    def committable(self, tp: TP) -> int | None:
        """Return what may be committed; nothing in exactly_once, where transactions carry the offsets."""
        task = self._tasks.get(tp.partition)
        return None if task is None or self.config.exactly_once else task.durable_offset

    async def handle(self, batch: BatchMessage) -> None:
        """Process one chunk. A failure stops the worker; it never skips the chunk."""
        try:
            await self._handle(batch)
        finally:
            self.taken.set()

    async def _handle(self, batch: BatchMessage) -> None:
        if batch.generation_id != self.generation():
            return
        async with self._quiet:
            task = self._tasks.get(batch.tp.partition)
            # Faust empties queues when it stops: what arrives after that may not follow what came before.
            if task is None or self._stopping or self.leaving() or self.failure is not None:
                return
            started = time.perf_counter()
            try:
                known = max(task.step.next_offset, self._begins.get(task.number, 0))
                if batch.begin > known:
                    raise skipped(batch.tp, known, batch.begin)
                await task.take(batch.records)
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be committed past it
                self.fail(error)
                return
            self._observer.batch_took(time.perf_counter() - started)

    async def quiesce(self) -> None:
        """Finish the chunk being processed and make everything durable, in bounded time."""
        if self.failure is not None:
            return
        try:
            async with asyncio.timeout(self.config.shutdown_timeout), self._quiet:
                self._handing_over = True
                await asyncio.gather(*[task.finish() for task in self._tasks.values()])
        except TimeoutError:
            seconds = self.config.shutdown_timeout
            log.warning("the last checkpoint took too long and was given up", seconds=seconds)
            for task in self._tasks.values():
                await task.abandon()
            if not self.leaving():
                # What was in that checkpoint is in no other: this process must not go on from there.
                self.fail(
                    InfrastructureError(
                        f"a checkpoint before a rebalance was not made within {seconds:g} s. Look at the brokers, and "
                        "start the worker again: it goes on from its last checkpoint, and nothing is lost."
                    )
                )
        except Exception as error:  # noqa: BLE001 - as in `handle`
            self.fail(error)

    # -- life

    def fail(self, error: BaseException) -> None:
        """Note what went wrong and stop processing; the worker exits without committing any more."""
        if self.failure is None:
            self.failure = error
            self.failed.set()

    async def stop(self) -> None:
        """Give everything back; call it when Faust has stopped."""
        self._stopping = True
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.wait([self._ticker])
        if self._control_reader is not None:
            self._control_reader.cancel()
            await asyncio.wait([self._control_reader])
        if self._control is not None:
            await self._control.stop()
        await self._demote(set(self._state_producers))
        if self._output_producer is not None:
            await self._output_producer.stop()
        await self._close(set(self._stores))

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - as in `handle`
            self.fail(error)

    async def _tick(self) -> None:
        told_at = 0.0
        while self.failure is None:
            await asyncio.sleep(_TICK_SECONDS)
            consumer = self.consumer
            if consumer is None:
                continue
            tell = time.monotonic() - told_at >= _HEALTH_SECONDS
            told_at = time.monotonic() if tell else told_at
            for task in list(self._tasks.values()):
                # The batch lock keeps ticks out of rebalances and shutdown as well.
                async with self._quiet:
                    if self._tasks.get(task.number) is task and self.failure is None:
                        await self._tick_one(task, consumer, tell=tell)
                if task.number in self._control_waiting:
                    await self._apply_control(task.number)

    async def _tick_one(self, task: PartitionTask, consumer: BatchConsumer, *, tell: bool) -> None:
        fetched = consumer.handed_over(task.tp)
        caught_up = False
        if fetched is not None:
            # Caught up: the broker had nothing beyond what was processed when it answered that fetch. The time of
            # the answer is the partition's now; a broker that does not answer moves nobody's time.
            caught_up = _is_caught_up(task, fetched)
            if self.config.wall_clock and caught_up:
                await task.pass_time(fetched.fetched_at)
            if tell:
                durable = task.durable_offset if task.durable_offset is not None else task.step.next_offset
                idle = caught_up and not task.pending
                self._observer.progress(task.tp.topic, task.number, fetched.end, fetched.end if idle else durable)
        if caught_up:
            task.caught_up()
        await task.checkpoint_if_due(busy=not caught_up)

    # -- partitions

    async def _demote(self, numbers: set[int]) -> None:
        if not numbers:
            return
        async with self._quiet:  # neither a batch nor a tick is in the middle of using them
            for number in numbers:
                self._control_waiting.pop(number, None)
                if self._tasks.pop(number, None) is not None:
                    self._observer.lost(self.config.input_topic, number)
                if number in self._stores:
                    self._stores[number].in_flight = {}
                await self._state_producers.pop(number).stop()

    async def _close(self, numbers: set[int]) -> None:
        await self._demote(numbers & set(self._state_producers))
        for number in numbers:
            self._stores.pop(number).close()

    def _open_store(self, number: int) -> PartitionStore:
        path = self.config.data_dir / "state" / f"{self.config.agent}-{number}"
        store, damage = open_store(path, self._memory)
        if damage is not None:
            log.warning(
                "the local state was damaged and has been wiped; it is being restored from its changelog",
                partition=number,
                damage=damage,
            )
        return store

    def _producer(self, transactional_id: str | None, role: str) -> BatchProducer:
        return BatchProducer(
            self.config.connection,
            client_id=f"{self.config.group}-{self.config.agent}-{role}",
            request_timeout_ms=int(self.config.request_timeout * 1000),
            transactional_id=transactional_id,
        )

    def _transactional_id(self, number: int) -> str:
        return f"{self.config.group}-{self.config.agent}-{number}"

    @property
    def _guarantee(self) -> str:
        return "exactly_once" if self.config.exactly_once else "at_least_once"


def _is_caught_up(task: PartitionTask, fetched: FetchState) -> bool:
    return fetched.position >= fetched.end and task.step.next_offset >= fetched.handed
