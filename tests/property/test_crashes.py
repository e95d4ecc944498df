"""A worker that is killed anywhere goes on from its last checkpoint as if nothing had been."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from hypothesis import given
from hypothesis import strategies as st

from agents.ingest import DEAD_TOPIC, ENRICHED_TOPIC, RAW_TOPIC
from tests.merged_rows import merged
from tests.property.streams import ODD_PERIODS, PARTITIONS, PERIODS, TENANTS, records, values
from tests.step_driver import MINUTE, T0, Crash, Driver, Left, Record

if TYPE_CHECKING:
    from agents.suppress.defaults import Defaults
    from pipeline.domain.alert import Periods

TOPICS = (ENRICHED_TOPIC, DEAD_TOPIC, RAW_TOPIC)
BOTH = st.sampled_from([PERIODS, ODD_PERIODS])


@given(BOTH, records(), st.data())
def test_from_any_snapshot_the_rest_of_the_stream_gives_the_rest_of_the_outputs(
    periods: Periods, stream: list[Record], data: st.DataObject
) -> None:
    """In event time: the same bytes with the same ids from every snapshot on, and the same rows in the end."""
    capacity = data.draw(st.sampled_from([1, 1 << 62]), "capacity")
    driver = Driver(periods, partitions=PARTITIONS, capacity=capacity)
    snapshots = []
    for index, record in enumerate(stream):
        driver.take([record])
        if data.draw(st.booleans(), "snapshot"):
            driver.checkpoint()
            snapshots.append((index + 1, len(driver.left), driver.rows))
    driver.checkpoint()

    for done, told, rows in snapshots:
        again = Driver(periods, partitions=PARTITIONS, capacity=capacity, rows=dict(rows))
        for record in stream[data.draw(st.integers(0, done), "read again from") :]:
            again.take([record])
        again.checkpoint()
        assert again.left == driver.left[told:]
        assert merged(again.rows) == merged(driver.rows)
        assert again.step.alerts.open_count == driver.step.alerts.open_count


@dataclass
class World:
    """A topic that grows, a wall clock, and a worker in at_least_once that is killed now and then.

    Everything that ever left for a topic is one sequence: a run that begins again repeats it from the last
    checkpoint on, output by output, before it adds to it.
    """

    ACTS: ClassVar = ["send", "send", "read", "read", "tick", "checkpoint", "crash"]
    DEADLY: ClassVar = {"read", "tick"}

    periods: Periods
    capacity: int
    wall: int = T0
    log: list[Record] = field(default_factory=list)
    read: int = 0  # how far into the log the worker is
    told: dict[str, list[Left]] = field(default_factory=lambda: {topic: [] for topic in TOPICS})
    place: Counter[str] = field(default_factory=Counter)  # how far into `told` the worker is
    committed_place: Counter[str] = field(default_factory=Counter)
    defaults: Defaults | None = None

    def __post_init__(self) -> None:
        self.driver = Driver(
            self.periods,
            partitions=PARTITIONS,
            capacity=self.capacity,
            wall_clock=True,
            defaults=self.defaults,
            on_leave=self._left,
            on_commit=self._committed,
        )

    def _left(self, one: Left) -> None:
        told, place = self.told[one.topic], self.place[one.topic]
        if place < len(told):
            assert one == told[place], "a second run told something else"
        else:
            told.append(one)
        self.place[one.topic] += 1

    def _committed(self) -> None:
        self.committed_place = Counter(self.place)

    def crash(self) -> None:
        self.place = Counter(self.committed_place)
        self.driver.restart()
        self.read = self.driver.step.next_offset

    def read_on(self, count: int, *, crash_after_seal: bool) -> None:
        batch = self.log[self.read : self.read + count]
        if batch:
            self.driver.take(batch, self.wall, crash_after_seal=crash_after_seal)
            self.read += len(batch)

    def tick(self, age: int, *, crash_after_seal: bool) -> None:
        """Let time pass, as the answer to a fetch `age` ago said that there is nothing more."""
        if self.read == len(self.log):
            self.driver.pass_time(self.wall - age, crash_after_seal=crash_after_seal)

    def do(self, act: str, data: st.DataObject, *, dies: bool) -> None:
        """Let one thing happen; with `dies` the worker is killed right after it made a clock or rules durable."""
        match act:
            case "send":
                for _ in range(data.draw(st.integers(1, 4))):
                    at = self.wall + data.draw(_AHEAD)
                    self.log.append(Record(len(self.log), at, data.draw(values(at, TENANTS))))
            case "read":
                self.read_on(data.draw(st.integers(1, 5)), crash_after_seal=dies)
            case "tick":
                self.tick(data.draw(_AGES), crash_after_seal=dies)
            case "checkpoint":
                self.driver.checkpoint()
            case "crash":
                self.crash()


# How far ahead of the wall clock a record's own clock is.
_AHEAD = st.sampled_from([0, 0, 0, -1_000, -MINUTE, -20 * MINUTE, MINUTE, 6 * MINUTE, 60 * MINUTE])
_AGES = st.sampled_from([0, 300])
_WAITS = st.sampled_from([0, 1, 400, 1_500, 61_000, 301_000, 1_000_000])


def live(world: World, data: st.DataObject) -> None:
    """Let things happen to a world, and at last let the worker read on: what left before must have been told again."""
    for _ in range(data.draw(st.integers(5, 40), "steps")):
        world.wall += data.draw(_WAITS)
        act = data.draw(st.sampled_from(world.ACTS))
        dies = act in world.DEADLY and data.draw(st.integers(0, 5), "dies") == 0
        try:
            world.do(act, data, dies=dies)
        except Crash:
            world.crash()
    world.read_on(len(world.log), crash_after_seal=False)
    for topic, told in world.told.items():
        assert world.place[topic] == len(told), "something that left was not told again"
    assert world.driver.step.next_offset == len(world.log)


@given(BOTH, st.sampled_from([1, 1 << 62]), st.data())
def test_what_left_is_one_sequence_however_often_the_worker_is_killed(
    periods: Periods, capacity: int, data: st.DataObject
) -> None:
    """With wall clocks, ticks and clocks ahead of their time: no output is lost, changed or told in another order."""
    live(World(periods, capacity), data)
