"""Which of the records that were fetched are handed over, while a rebalance goes on around the fetcher."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from faust.types.tuples import TP

from pipeline.stream.fetching import Fetched
from pipeline.stream.transport import BatchConsumer, _Place
from tests.step_driver import T0, firing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.stream.transport import BatchMessage

INPUT = TP("alerts.raw", 0)


def records(begin: int, *offsets: int) -> Fetched:
    fetched = Fetched(firing(offset, T0) for offset in offsets)
    fetched.begin = begin
    return fetched


class Fetcher(SimpleNamespace):
    """The far side: the thread with aiokafka's consumer, which knows where it was sent last."""

    def __init__(self) -> None:
        super().__init__(sought=[], first=0)

    def fetch_state(self, tp: TP) -> None:
        return None

    def pace(self, brought: int) -> None: ...

    async def highwaters(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, 10_000)

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return dict.fromkeys(tps, self.first)

    async def seek_wait(self, places: Mapping[TP, int]) -> None:
        self.sought.append(places[INPUT])


class Consumer(BatchConsumer):
    """A consumer of one input, fed by a script of what each round of fetching brings."""

    def __init__(self, *rounds: Callable[[Consumer], Any]) -> None:
        self.at: int | None = None  # where the state of the input is; None: not restored
        self.missed: list[int] = []
        self.taken: list[tuple[int, list[int]]] = []
        self._rounds = list(rounds)
        self._stopped: Any = asyncio.Event()
        self._thread: Any = Fetcher()
        self._read_offset: Any = defaultdict(lambda: None)
        self._committed_offset: Any = defaultdict(lambda: None)
        self._active_partitions = {INPUT}
        self._buffered_partitions: set[TP] = set()
        self._handed_over = {}
        self.flow_active = True
        self.suspend_flow: Any = asyncio.Event()
        self.callback = self._take
        self._seeking = asyncio.Lock()
        self._sought = _Place(-1, 0)
        self._dropped = False
        feed = SimpleNamespace(
            max_batch=1000,
            input_topics={INPUT.topic},
            changelog_topics=set(),
            is_restored=lambda tp: self.at is not None,
            next_offset=lambda tp: self.at,
            begins_at=lambda tp, offset, missed: self.missed.append(missed),
        )
        index: defaultdict[TP, set[Any]] = defaultdict(set)
        self.app: Any = SimpleNamespace(
            feed=feed, consumer_generation_id=1, topics=SimpleNamespace(_tp_index=index), should_stop=False
        )

    async def seek_to_committed(self) -> dict[TP, int]:
        return {INPUT: 100}

    def __repr__(self) -> str:
        return "consumer"

    def assignment(self) -> set[TP]:
        return {INPUT}

    @property
    def should_stop(self) -> bool:
        return False

    async def _take(self, message: Any) -> None:
        taken: BatchMessage = message
        self.taken.append((taken.begin, [record.offset for record in taken.records]))
        self.at = taken.next_offset

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109 - the base class's
        if not self._rounds:
            self._stopped.set()
            return {}, set()
        fetched = await self._rounds.pop(0)(self)
        return {INPUT: fetched} if fetched else {}, {INPUT}

    def run_to_its_end(self) -> Consumer:
        asyncio.run(self._drain_messages(SimpleNamespace(_stopped=asyncio.Event())))
        return self


async def nothing(consumer: Consumer) -> None: ...


def brings(begin: int, *offsets: int) -> Callable[[Consumer], Any]:
    async def round_(consumer: Consumer) -> Fetched:
        return records(begin, *offsets)

    return round_


async def restores(consumer: Consumer) -> None:
    consumer.at = 500
    await consumer.perform_seek()


def test_inputs_are_left_alone_until_they_were_sought_with_their_state_restored() -> None:
    async def seeks_before_the_state_is_there(consumer: Consumer) -> Fetched:
        await consumer.perform_seek()
        return records(100, 100, 101)

    done = Consumer(
        brings(100, 100),  # where the group was, which is where a fetcher begins
        seeks_before_the_state_is_there,
        brings(102, 102, 103),
        restores,
        brings(500, 500, 501),
        brings(502, 502),
    ).run_to_its_end()
    assert done.taken == [(500, [500, 501]), (502, [502])]


def test_a_fetch_that_overlaps_a_seek_is_dropped_and_the_fetcher_sent_back() -> None:
    async def fetched_before_the_seek_and_here_after_it(consumer: Consumer) -> Fetched:
        await restores(consumer)
        return records(900, 900, 901)

    done = Consumer(
        fetched_before_the_seek_and_here_after_it,
        brings(500, 500, 501),
        brings(502, 502),
    ).run_to_its_end()
    assert done.taken == [(500, [500, 501]), (502, [502])]
    assert done._thread.sought == [500, 500]


def test_a_fetch_of_another_generation_is_dropped() -> None:
    async def a_rebalance(consumer: Consumer) -> Fetched:
        consumer.app.consumer_generation_id += 1
        return records(502, 502)

    done = Consumer(
        restores, brings(500, 500, 501), a_rebalance, brings(503, 503), restores, brings(500, 500, 501, 502)
    ).run_to_its_end()
    assert done.taken == [(500, [500, 501]), (500, [500, 501, 502])]


def test_a_fetch_that_comes_while_the_flow_is_stopped_is_read_again_when_it_flows() -> None:
    async def the_flow_stops(consumer: Consumer) -> Fetched:
        consumer.flow_active = False
        return records(502, 502)

    async def the_flow_goes_on(consumer: Consumer) -> None:
        consumer.flow_active = True

    done = Consumer(
        restores, brings(500, 500, 501), the_flow_stops, the_flow_goes_on, brings(502, 502, 503)
    ).run_to_its_end()
    assert done.taken == [(500, [500, 501]), (502, [502, 503])]
    assert done._thread.sought == [500, 502]


def test_a_seek_that_fails_is_tried_again() -> None:
    async def fails_once(consumer: Consumer) -> Fetched:
        await restores(consumer)
        seek_wait = consumer._thread.seek_wait

        async def fail(places: Mapping[TP, int]) -> None:
            consumer._thread.seek_wait = seek_wait
            raise TimeoutError("the broker does not answer")

        consumer._thread.seek_wait = fail
        return records(900, 900)

    done = Consumer(fails_once, brings(900, 901), brings(500, 500)).run_to_its_end()
    assert done.taken == [(500, [500])]


def test_an_input_that_begins_after_the_state_s_place_is_read_from_there_and_told_of() -> None:
    async def restored_too_late(consumer: Consumer) -> None:
        consumer._thread.first = 700
        await restores(consumer)

    done = Consumer(restored_too_late, brings(700, 700)).run_to_its_end()
    assert (done._thread.sought, done.missed, done.taken) == ([700], [200], [(700, [700])])
