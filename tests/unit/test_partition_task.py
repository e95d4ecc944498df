"""A partition's task against a broker that does not do what it is asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from agents.ingest import IngestStep
from pipeline.domain.errors import InfrastructureError
from pipeline.stream.partition import PartitionTask, Plan
from pipeline.stream.store import PartitionStore, StoreLimits, StoreMemory
from tests.step_driver import T0, Deaf, Driver, firing, make_step, process

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from pipeline.schemas.records import Output
    from tables.store import Rows

PLAN = Plan("alerts.raw", "g-ingest-changelog", "g", exactly_once=True, interval=0.0)
REFUSED = InfrastructureError("the broker is away")


class RefusingProducer:
    """The far side: a broker that takes no transaction."""

    async def begin(self, partitions: object) -> None:
        raise REFUSED


class Delivered:
    """What was sent, at a broker that took it."""

    def __init__(self, last: int) -> None:
        self._last = last

    async def delivered(self) -> int:
        return self._last


class TakingProducer:
    """The far side: a broker that takes every transaction, and what was in each."""

    def __init__(self) -> None:
        self.transactions: list[dict[str, Any]] = []
        self._offset = 0

    async def begin(self, partitions: Iterable[tuple[str, int]]) -> None:
        self.transactions.append({"named": set(partitions), "written": set(), "group": None})

    async def send(self, topic: str, outputs: Sequence[Output]) -> Delivered:
        self.transactions[-1]["written"] |= {(topic, one.partition) for one in outputs}
        return Delivered(-1)

    async def send_rows(self, topic: str, partition: int, rows: Rows) -> Delivered:
        self.transactions[-1]["written"].add((topic, partition))
        self._offset += len(rows)
        return Delivered(self._offset)

    async def add_offsets(self, offsets: dict[Any, int], group: str) -> None:
        self.transactions[-1]["group"] = (group, *offsets.values())

    async def commit(self) -> None: ...


def test_a_checkpoint_that_fails_is_known_at_once_though_nobody_asks_for_it(tmp_path: Path) -> None:
    async def run() -> list[BaseException]:
        failures: list[BaseException] = []
        store = PartitionStore(tmp_path / "s", StoreMemory(StoreLimits()))
        step = Driver().step
        producer: Any = RefusingProducer()
        observer: Any = Deaf()
        task = PartitionTask(0, PLAN, step, store, producer, None, observer, failures.append)
        await task.take([firing(0, T0)])
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.pending  # so nothing would ask again before the next record
        store.close()
        return failures

    assert asyncio.run(run()) == [REFUSED]


def test_what_was_restored_is_reported_before_anything_new_comes(tmp_path: Path) -> None:
    reported: list[int] = []
    store = PartitionStore(tmp_path / "s", StoreMemory(StoreLimits()))
    before = make_step()
    process(before, firing(0, T0))
    store.write(before.snapshot(), 1)
    step = IngestStep(
        store,
        topic="alerts.raw",
        partition=0,
        partitions=1,
        on_report=lambda step, _: reported.append(step.alerts.open_count),
    )
    nothing: Any = None
    asyncio.run(PartitionTask(0, PLAN, step, store, nothing, None, nothing, lambda _: None).start())
    assert reported == [1]
    store.close()


@pytest.mark.parametrize(("busy", "due"), [(True, False), (False, True)])
def test_a_long_checkpoint_is_followed_by_work_while_there_is_work(tmp_path: Path, *, busy: bool, due: bool) -> None:
    store = PartitionStore(tmp_path / "s", StoreMemory(StoreLimits()))
    nothing: Any = None
    task = PartitionTask(0, PLAN, Driver().step, store, nothing, None, nothing, lambda _: None)
    task._checkpoint_cost = 60.0
    assert task._is_due(busy=busy) is due
    store.close()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PartitionStore]:
    one = PartitionStore(tmp_path / "s", StoreMemory(StoreLimits()))
    yield one
    one.close()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of the task: one number, to be moved."""
    seconds = [1000.0]
    monkeypatch.setattr("pipeline.stream.partition.time.monotonic", lambda: seconds[0])
    return seconds


def a_task(store: PartitionStore, producer: Any, step: IngestStep | None = None) -> PartitionTask:
    observer: Any = Deaf()
    return PartitionTask(0, PLAN, step or make_step(), store, producer, None, observer, lambda _: None)


def test_a_transaction_names_every_partition_that_it_writes_to_before_it_writes(store: PartitionStore) -> None:
    producer = TakingProducer()

    async def run() -> None:
        task = a_task(store, producer)
        await task.take([firing(0, T0)])
        await task.finish()

    asyncio.run(run())
    assert [one["named"] == one["written"] for one in producer.transactions] == [True]
    assert producer.transactions[0]["named"] == {("alerts.enriched", 0), ("g-ingest-changelog", 0)}


def test_the_group_is_told_at_most_once_a_second_and_of_everything_in_the_end(
    store: PartitionStore, now: list[float]
) -> None:
    producer = TakingProducer()

    async def run() -> None:
        task = a_task(store, producer)
        for offset in range(5):  # one transaction each, 0.4 s apart
            await task.take([firing(offset, T0 + offset)])
            await task._wait_for_checkpoint()
            now[0] += 0.4
        assert not task.pending
        await task.checkpoint_if_due(busy=False)  # the last told was offset 4, 0.8 s ago
        await task._wait_for_checkpoint()
        assert len(producer.transactions) == 5
        now[0] += 0.4
        await task.checkpoint_if_due(busy=False)
        await task._wait_for_checkpoint()
        await task.finish()  # nothing is left to tell

    asyncio.run(run())
    assert [one["group"] for one in producer.transactions] == [
        *(("g", 1), None, None, ("g", 4), None),
        ("g", 5),
    ]


def test_a_partition_that_is_given_away_tells_the_group_where_it_is(store: PartitionStore, now: list[float]) -> None:
    producer = TakingProducer()

    async def run() -> None:
        task = a_task(store, producer)
        await task.take([firing(0, T0)])
        await task._wait_for_checkpoint()
        now[0] += 0.4
        await task.take([firing(1, T0 + 1)])
        await task._wait_for_checkpoint()
        await task.finish()

    asyncio.run(run())
    assert [one["group"] for one in producer.transactions] == [("g", 1), None, ("g", 2)]


def test_a_restored_partition_tells_the_group_where_it_is_though_nothing_new_comes(store: PartitionStore) -> None:
    producer = TakingProducer()
    before = make_step()
    process(before, firing(41, T0))
    store.write(before.snapshot(), 1)

    async def run() -> None:
        step = IngestStep(store, topic="alerts.raw", partition=0, partitions=1)
        task = a_task(store, producer, step)
        await task.start()
        await task.checkpoint_if_due(busy=False)
        await task._wait_for_checkpoint()

    asyncio.run(run())
    assert [one["group"] for one in producer.transactions] == [("g", 42)]


def test_a_timer_waits_a_moment_for_a_record_that_rings_it_before_the_wall_clock_does(store: PartitionStore) -> None:
    async def run() -> list[int]:
        step = make_step()
        producer: Any = TakingProducer()
        task = PartitionTask(0, PLAN, step, store, producer, None, Deaf(), lambda _: None)
        await task.take([firing(0, T0)])
        due = step.next_timer_ms
        rung = []
        for now in (due, due + 199, due + 200):
            await task.pass_time(now)
            rung.append(step.progress.stream_ms)
        return [at - due for at in rung[1:]] + [rung[0] - T0]

    before, rung, untouched = asyncio.run(run())
    assert (before < 0, rung, untouched) == (True, 200, 0)
