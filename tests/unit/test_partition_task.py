"""A partition's task against a broker that does not do what it is asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from agents.ingest import IngestStep
from pipeline.domain.errors import InfrastructureError
from pipeline.stream.partition import PartitionTask, Plan
from pipeline.stream.store import PartitionStore, StoreLimits, StoreMemory
from tests.step_driver import T0, Driver, firing, make_step, process

if TYPE_CHECKING:
    from pathlib import Path

PLAN = Plan("alerts.raw", "g-ingest-changelog", "g", exactly_once=True, interval=0.0)
REFUSED = InfrastructureError("the broker is away")


class RefusingProducer:
    """The far side: a broker that takes no transaction."""

    async def begin(self) -> None:
        raise REFUSED


class Deaf:
    """An observer that notes nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


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
