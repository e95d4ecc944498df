"""The batch transport: one Faust event per fetched chunk of a partition.

Faust's own path costs 60-100 µs for each record, most of it in `Consumer._drain_messages`. Here the records
that one fetch brought for a partition travel as one event; what is finished is what the checkpoint says,
never an acknowledgement; and changelogs are restored by the chunk without passing through streams at all.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import aiokafka
import faust
import structlog
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types.tuples import TP, ConsumerMessage

from pipeline.domain.errors import InfrastructureError
from pipeline.stream.fetching import Fetched, fetch_plain_records
from pipeline.stream.same_loop import SameLoopService

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pipeline.kafka_connection import KafkaConnection


log = structlog.get_logger("core_alerts.stream")

# How long a round waits for records; positions are noted between rounds.
_WAIT_SECONDS = 0.25
# Where records come one by one, a fetch, an event and a write for each would keep worker and brokers busy with
# little else. After a fetch that brought few records the broker gathers for a moment before it answers the next one.
_FEW = 500
_GATHER_MS = 5
_GATHER_BYTES = 64 << 10


class Feed(Protocol):
    """What the transport asks of whoever processes batches and restores state."""

    max_batch: int
    fetch_wait_ms: int
    connection: KafkaConnection
    input_topics: frozenset[str]
    changelog_topics: frozenset[str]
    taken: asyncio.Event  # set whenever a chunk has been processed

    def restore(self, tp: TP, records: Fetched) -> None:
        """Apply changelog records of `tp` to its store."""

    def restored_to(self, tp: TP, position: int) -> None:
        """Take note that everything of the changelog `tp` before `position` has been applied."""

    def is_restored(self, tp: TP) -> bool:
        """Say whether the state of the input `tp` is there."""

    def next_offset(self, tp: TP) -> int | None:
        """Return the offset that the state of the input `tp` goes on from; None if it knows of none."""

    def begins_at(self, tp: TP, offset: int, missed: int) -> None:
        """Take note that the input `tp` is read from there; so many offsets before it were deleted unread."""

    def committable(self, tp: TP) -> int | None:
        """Return the offset that may be committed for `tp`, None for nothing new."""

    async def quiesce(self) -> None:
        """Finish what is being processed and make it durable."""

    def fail(self, error: BaseException) -> None:
        """Stop the worker without committing any more."""


def recreated(tp: TP, offset: int, end: int) -> InfrastructureError:
    """Return the error for a state that is ahead of its input."""
    return InfrastructureError(
        f"the state of {tp.topic}-{tp.partition} goes on from offset {offset}, but the topic ends at {end}: it was "
        "deleted and created again, or lost records. Bring the topic back, or give the worker a new group "
        "(CORE_ALERTS_GROUP) to start with an empty state: old alerts are then forgotten, no record is skipped."
    )


def skipped(tp: TP, offset: int, begin: int) -> InfrastructureError:
    """Return the error for records that were fetched and never arrived."""
    return InfrastructureError(
        f"the records of {tp.topic}-{tp.partition} from offset {offset} to {begin} were fetched, but not handed over. "
        "Start the worker again: it goes on from its last checkpoint, and they are read again."
    )


class FetchState(NamedTuple):
    """How far the fetcher is in one partition."""

    position: int  # the next offset to read
    end: int  # the high watermark that the last answer told of
    fetched_at: int  # when that answer came, ms
    handed: int = 0  # the offset after the last record handed over


class _Place(NamedTuple):
    """Where inputs were sought: in which generation of the group, and for the how many-th time."""

    generation: int
    number: int


class BatchMessage(ConsumerMessage):
    """The records of one chunk; to Faust, the last of them."""

    def __init__(self, tp: TP, records: Sequence[Any], generation: int, begin: int) -> None:
        last = records[-1]
        super().__init__(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            (),
            None,
            b"",
            None,
            0,
            0,
            tp,
            generation_id=generation,
        )
        self.records = records
        self.begin = begin  # every record of the partition from here to the last of these is among them
        self.next_offset = last.offset + 1


class BatchTopic(faust.Topic):
    """A topic whose stream yields `BatchMessage`s."""

    def _compile_decode(self) -> None:
        app = self.app

        async def decode(message: BatchMessage, *, propagate: bool = False) -> Any:
            return app.conf.Event(app, None, message, None, message)

        self.decode = decode


class BatchConsumerThread(SameLoopService, driver.AIOKafkaConsumerThread):
    """What talks to the broker; Faust's name for it is all that is left of the thread."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        fetch_plain_records()
        conf, feed = self.app.conf, self.app.feed
        self._assignor = self.app.assignor
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            fetch_max_wait_ms=feed.fetch_wait_ms,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            retry_backoff_ms=50,
            # State is written in transactions, and in exactly_once so is everything else.
            isolation_level="read_committed",
            **feed.connection.aiokafka(),
        )

    def fetch_state(self, tp: TP) -> FetchState | None:
        """Return how far the fetcher is; None before the first answer."""
        if self._consumer is None:
            return None
        subscription = self._consumer._subscription.subscription
        if subscription is None or subscription.assignment is None:
            return None
        try:
            state = subscription.assignment.state_value(tp)
        except KeyError:
            return None
        if state is None or not state.has_valid_position or state.highwater is None or state.timestamp is None:
            return None
        return FetchState(state.position, state.highwater, state.timestamp)

    def pace(self, brought: int) -> None:
        """Say how the next fetch is to be answered: after so many records at once, or when some have gathered."""
        fetcher = None if self._consumer is None else self._consumer._fetcher
        if fetcher is not None:
            trickle = 0 < brought < _FEW
            fetcher._fetch_min_bytes = _GATHER_BYTES if trickle else 1
            fetcher._fetch_max_wait_ms = _GATHER_MS if trickle else self.app.feed.fetch_wait_ms

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: Faust's stall detector compares two different clocks. See pipeline/health.py."""


class BatchConsumer(driver.Consumer):
    """Hands chunks on, and commits what the checkpoint has made durable."""

    _thread: BatchConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._handed_over: dict[TP, FetchState] = {}
        self._room = asyncio.Event()  # there is room in a queue again
        self._seeking = asyncio.Lock()
        self._sought = _Place(-1, 0)
        self._dropped = False  # the fetcher is past input records that were not handed over

    def handed_over(self, tp: TP) -> FetchState | None:
        """Return the state of the fetcher when last everything before its position had been handed over."""
        return self._handed_over.get(tp)

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: Any) -> None:
        feed = self.app.feed
        stopped, fetcher_stopped = self._stopped.is_set, fetcher._stopped.is_set
        try:
            while not (stopped() or fetcher_stopped()):
                if self._dropped and self.flow_active and self._is_sought:
                    await self._seek_again()
                self._note_positions(feed)
                place = self._place
                await asyncio.sleep(0)
                await self._until_taken(feed)
                fetched, active = await self._wait_next_records(_WAIT_SECONDS)
                self._thread.pace(sum(map(len, fetched.values())))
                if not fetched or self.should_stop:
                    continue
                for key, records in self._restore(fetched, feed).items():
                    tp = ensure_TP(key)
                    wanted = active is None or tp in active or tp in self._buffered_partitions
                    if wanted and self.flow_active and place is not None and place == self._place:
                        await self._hand_over(tp, records, place.generation, feed)
                    else:
                        self._dropped = True
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise

    async def _until_taken(self, feed: Feed) -> None:
        """Wait until everything that was handed over is being processed.

        Whoever fetches while chunks wait brings many small ones, each at the price of a large one, and takes from the
        processing the time in which it does: the more there is to do, the longer the queue. Left with the broker,
        what comes meanwhile is one chunk. The next answer is on its way already, so nobody waits for it.
        """
        inputs = [tp for tp in self._active_partitions or () if tp.topic in feed.input_topics]
        while self.flow_active and not self.should_stop and self._is_waiting(inputs):
            feed.taken.clear()
            with suppress(TimeoutError):  # a flow that is stopped takes nothing
                async with asyncio.timeout(_WAIT_SECONDS):
                    await feed.taken.wait()

    def _is_waiting(self, inputs: Iterable[TP]) -> bool:
        channels_of = self.app.topics._tp_index
        return any(not channel.queue.empty() for tp in inputs for channel in channels_of.get(tp, ()))

    async def _wait_next_records(self, timeout: float) -> tuple[Any, Any]:  # noqa: ASYNC109 - Faust's signature
        """Return what was fetched, and for whom.

        Where every queue is full, Faust sleeps for a second, however soon there is room.
        """
        if self.flow_active and not self._get_active_partitions():
            self._room.clear()
            await self.wait(self._room.wait(), timeout=timeout)
            return {}, set()
        return await super()._wait_next_records(timeout)

    def on_buffer_drop(self, tp: TP) -> None:
        """Take note that there is room for this partition again."""
        super().on_buffer_drop(tp)
        self._room.set()

    @property
    def _is_sought(self) -> bool:
        """Say whether inputs were sought in this generation, and are not being sought just now.

        Before, the fetcher reads from wherever it began; meanwhile, nobody can say whether what was fetched came from
        before or after that.
        """
        return self._sought.generation == self.app.consumer_generation_id and not self._seeking.locked()

    @property
    def _place(self) -> _Place | None:
        """Return what inputs are read from now, None where nobody can say."""
        return self._sought if self._is_sought and not self._dropped else None

    def _note_positions(self, feed: Feed) -> None:
        """Note how far each partition is, between two rounds: nothing is on its way from the fetcher to here."""
        sought = self._place is not None
        noted: dict[TP, FetchState] = {}
        for tp in self._active_partitions or ():
            state = self._thread.fetch_state(tp)
            if state is None:
                continue
            if tp.topic in feed.changelog_topics:
                feed.restored_to(tp, state.position)
            elif sought:
                noted[tp] = state._replace(handed=self._read_offset[tp] or 0)
        self._handed_over = noted

    def _restore(self, fetched: Mapping[Any, Fetched], feed: Feed) -> dict[Any, Fetched]:
        """Apply what was fetched of changelogs; return the rest.

        Before anything else, and whatever the group is doing: the fetcher has moved past these records, and no
        seek to a committed offset would ever bring them back.
        """
        rest: dict[Any, Fetched] = {}
        for key, records in fetched.items():
            if key.topic in feed.changelog_topics:
                feed.restore(ensure_TP(key), records)
            else:
                rest[key] = records
        return rest

    async def _hand_over(self, tp: TP, fetched: Fetched, generation: int, feed: Feed) -> None:
        read_from = self._read_offset[tp]
        records: Sequence[Any] = fetched
        begin = fetched.begin
        if read_from is not None and begin < read_from:
            records, begin = [record for record in records if record.offset >= read_from], read_from
            if not records:
                return
        size = feed.max_batch
        for start in range(0, len(records), size):
            chunk = records if len(records) <= size else records[start : start + size]
            message = BatchMessage(tp, chunk, generation, begin)
            if not await self._put(message):
                self._dropped = True
                return
            begin = self._read_offset[tp] = chunk[-1].offset + 1

    async def _put(self, message: BatchMessage) -> bool:
        """Queue a chunk; return whether that was done before the flow was stopped.

        Where there is room it takes no turn of the loop: what one fetch brought is processed in a row, and what comes
        of it leaves together.
        """
        if self.flow_active and not any(channel.queue.full() for channel in self.app.topics._tp_index[message.tp]):
            await self.callback(message)
            return True
        await self.wait_first(self.callback(message), self.suspend_flow.wait())
        return not self.suspend_flow.is_set()

    async def _seek_again(self) -> None:
        try:
            await self.perform_seek()
        except Exception as error:  # noqa: BLE001 - a rebalance came in between, or the next round tries again
            log.warning("inputs could not be sought, and will be once more", error=repr(error))

    async def perform_seek(self) -> None:
        """Go on from where the state of each partition stands, where there is none from the committed offset.

        Where that is missing too, from the beginning.
        """
        async with self._seeking:
            generation = self.app.consumer_generation_id
            self._dropped = False  # what is dropped from here on may be behind the new place
            try:
                restored = await self._seek_inputs()
            except BaseException:
                self._dropped = True  # the fetcher may be anywhere now
                raise
            if restored:
                self._sought = _Place(generation, self._sought.number + 1)

    async def _seek_inputs(self) -> bool:
        """Seek, and return whether the state of every input was there to say where to."""
        await super().perform_seek()
        feed = self.app.feed
        wanted = {tp: feed.next_offset(tp) for tp in self.assignment() if tp.topic in feed.input_topics}
        if not wanted:
            return False
        restored = all(feed.is_restored(tp) for tp in wanted)
        ends = await self._thread.highwaters(*wanted)
        begins = await self._thread.earliest_offsets(*wanted)
        places = {}
        for tp, offset in wanted.items():
            if offset is not None and offset > (ends.get(tp) or 0):
                feed.fail(recreated(tp, offset, ends.get(tp) or 0))
                return False
            # Said for each: a committed offset of 0, or none, is where aiokafka's own seek does nothing, and a fetcher
            # that was somewhere already would stay there.
            known = self._committed_offset[tp] if offset is None else offset
            places[tp] = max(known or 0, begins.get(tp) or 0)
            feed.begins_at(tp, places[tp], missed=0 if known is None else places[tp] - known)
        await self._thread.seek_wait(places)
        self._read_offset.update(places)
        return restored

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic not in self.app.feed.input_topics:
            return None
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return self.app.feed.committable(tp)

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        inputs = self.app.feed.input_topics
        return (
            tp
            for tp in self.assignment()
            if tp.topic in inputs and (topics is None or tp in topics or tp.topic in topics)
        )

    async def wait_empty(self) -> None:
        """Finish what is being processed, make it durable, and commit that."""
        await self.app.feed.quiesce()
        self._unacked_messages.clear()
        await self.commit()


class SecureProducer(driver.Producer):
    """Faust's own producer, which sends nothing here, with the connection of everything else."""

    def _settings_default(self) -> Mapping[str, Any]:
        return {
            "client_id": self.client_id,
            "request_timeout_ms": int(self.request_timeout * 1000),
            "partitioner": self.partitioner,
            **self.app.feed.connection.aiokafka(),
        }

    def _settings_auth(self) -> Mapping[str, Any]:
        return {}


class BatchTransport(driver.Transport):
    """The aiokafka transport with the classes above."""

    Consumer: ClassVar[type[Any]] = BatchConsumer
    Producer: ClassVar[type[Any]] = SecureProducer


__all__ = ["BatchConsumer", "BatchMessage", "BatchTopic", "BatchTransport", "Feed", "FetchState"]
