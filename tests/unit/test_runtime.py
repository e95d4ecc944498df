"""What a runtime does with the chunks that the transport hands it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from faust.types.tuples import TP

from pipeline.app import create_app
from pipeline.domain.errors import InfrastructureError, StateDamagedError
from pipeline.settings import load_settings
from pipeline.stream.fetching import Fetched
from pipeline.stream.partition import PartitionTask, Plan
from pipeline.stream.store import PartitionStore, StoreLimits, StoreMemory, open_store
from pipeline.stream.transport import BatchMessage
from tests.step_driver import T0, Deaf, firing, make_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from agents.ingest import IngestStep
    from tests.step_driver import Record

INPUT = TP("alerts.raw", 0)
CHANGELOG = TP("g-ingest-changelog", 0)
NEVER = 1e9  # seconds between checkpoints
NOBODY: Any = None


class Row(NamedTuple):
    """A record of a changelog."""

    offset: int
    key: bytes
    value: bytes | None


def rows(begin: int, *records: Row) -> Fetched:
    fetched = Fetched(records)
    fetched.begin = begin
    return fetched


class Scene:
    """A runtime with one partition, whose checkpoints never come."""

    def __init__(self, folder: Path) -> None:
        settings = load_settings(None, {"CORE_ALERTS_BROKER": "127.0.0.1:1", "CORE_ALERTS_DATA_DIR": str(folder)})
        app = create_app(settings)
        self.runtime, self.registry = app.agents[0].runtime, app.registry
        self.store = PartitionStore(folder / "s", StoreMemory(StoreLimits()))
        self.step: IngestStep = make_step()
        plan = Plan("alerts.raw", "g-ingest-changelog", "g", exactly_once=True, interval=NEVER)
        observer: Any = Deaf()
        self.runtime._tasks[0] = PartitionTask(
            0, plan, self.step, self.store, NOBODY, NOBODY, observer, self.runtime.fail
        )

    def take(self, begin: int, records: Sequence[Record], generation: int = 0) -> None:
        asyncio.run(self.runtime.handle(BatchMessage(INPUT, records, generation, begin)))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    one = Scene(tmp_path)
    yield one
    one.store.close()


def test_chunks_that_follow_one_another_are_processed(scene: Scene) -> None:
    scene.runtime.begins_at(INPUT, 7, missed=0)
    scene.take(7, [firing(7, T0), firing(9, T0)])  # between the two was a mark of a transaction
    scene.take(10, [firing(11, T0)])
    assert scene.step.next_offset == 12
    assert scene.runtime.failure is None


@pytest.mark.parametrize(("known_to", "begin"), [(None, 8), (9, 10)])
def test_a_chunk_that_begins_after_what_is_known_stops_the_worker(
    scene: Scene, known_to: int | None, begin: int
) -> None:
    scene.runtime.begins_at(INPUT, 7, missed=0)
    if known_to is not None:
        scene.take(7, [firing(known_to - 1, T0)])
    known = scene.step.next_offset
    scene.take(begin, [firing(begin, T0)])
    assert scene.step.next_offset == known
    assert isinstance(scene.runtime.failure, InfrastructureError)
    assert str(scene.runtime.failure).startswith(
        f"the records of alerts.raw-0 from offset {known_to or 7} to {begin} were fetched, but not handed over."
    )


def test_records_that_come_again_after_a_seek_are_no_gap_and_count_once(scene: Scene) -> None:
    scene.take(0, [firing(0, T0), firing(1, T0)])
    scene.runtime.begins_at(INPUT, 1, missed=0)
    scene.take(1, [firing(1, T0), firing(2, T0)])
    assert scene.runtime.failure is None
    assert [alert.count for alert in scene.step.alerts._alerts.values()] == [3]


def test_where_records_were_deleted_unread_the_state_goes_on_behind_them(scene: Scene) -> None:
    scene.take(0, [firing(0, T0)])
    for _ in range(2):  # inputs may be sought more than once
        scene.runtime.begins_at(INPUT, 50, missed=49)  # where the topic begins now
    scene.take(50, [firing(50, T0)])
    assert scene.runtime.failure is None
    assert scene.step.next_offset == 51
    labels = {"topic": "alerts.raw", "partition": "0"}
    assert scene.registry.get_sample_value("core_alerts_records_missed_total", labels) == 49


def test_a_chunk_of_another_generation_is_left_alone(scene: Scene) -> None:
    scene.take(0, [firing(0, T0)], generation=1)
    assert scene.step.next_offset == 0


def test_a_worker_that_is_leaving_takes_nothing_more(scene: Scene) -> None:
    scene.take(0, [firing(0, T0)])
    scene.runtime.leaving = lambda: True
    scene.take(1, [firing(1, T0)])
    assert scene.step.next_offset == 1


@pytest.fixture
def standby(scene: Scene) -> Scene:
    """A partition whose rows are being restored."""
    del scene.runtime._tasks[0]
    scene.runtime._stores[0] = scene.store
    return scene


def test_a_changelog_that_is_read_from_its_beginning_brings_no_row_back(standby: Scene) -> None:
    standby.runtime.restore(CHANGELOG, rows(0, Row(0, b"a", b"old"), Row(1, b"b", b"old"), Row(3, b"a", b"new")))
    standby.runtime.restore(CHANGELOG, rows(0, Row(0, b"a", b"old"), Row(1, b"b", b"old")))
    assert (standby.store.get(b"a"), standby.store.changelog_offset) == (b"new", 3)
    standby.runtime.restore(CHANGELOG, rows(1, Row(1, b"b", b"old"), Row(3, b"a", b"new"), Row(5, b"b", None)))
    assert (standby.store.get(b"a"), standby.store.get(b"b"), standby.store.changelog_offset) == (b"new", None, 5)
    assert standby.runtime.failure is None


def test_a_gap_in_a_changelog_stops_the_worker_and_the_next_start_restores_it_all(
    standby: Scene, tmp_path: Path
) -> None:
    standby.runtime.restore(CHANGELOG, rows(0, Row(0, b"a", b"old")))
    standby.runtime.restore(CHANGELOG, rows(2, Row(2, b"a", b"new")))
    assert isinstance(standby.runtime.failure, StateDamagedError)
    assert "the records of its changelog from offset 1 to 2 are missing. Start the worker again" in str(
        standby.runtime.failure
    )
    assert standby.store.get(b"a") == b"old"
    standby.store.close()
    again, damage = open_store(tmp_path / "s", StoreMemory(StoreLimits()))
    standby.store = again  # the fixture closes it
    assert (damage, again.changelog_offset) == ("it was found damaged while the worker ran", None)
