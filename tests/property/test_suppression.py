"""Suppression keeps what the step promises: the same outputs after any crash, at any batch size, for any neighbour."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.held_alerts import wrongly_held
from tests.merged_rows import merged
from tests.property.rules import TOUCHY, rules
from tests.property.streams import ODD_PERIODS, PARTITIONS, PERIODS, TENANTS, cuts, records
from tests.property.test_crashes import TOPICS, World, live
from tests.property.test_tenants import results, tenant_of
from tests.step_driver import MINUTE, Driver, Record

if TYPE_CHECKING:
    from pipeline.domain.alert import Periods

BOTH = st.sampled_from([PERIODS, msgspec.structs.replace(ODD_PERIODS, bursts=True)])


def is_control(record: Record) -> bool:
    return record.key is not None


@st.composite
def mixed(draw: st.DrawFn) -> list[Record]:
    """Draw records of the input with records of the topic control between them."""
    stream: list[Record] = []
    written = 0
    for record in draw(records(max_size=30)):
        while draw(st.integers(0, 2)) == 2:
            stream.append(draw(rules(written, record.timestamp, TENANTS)))
            written += 1
        stream.append(record)
    return stream


def give(driver: Driver, record: Record) -> None:
    if is_control(record):
        driver.take_control(record)
    else:
        driver.take([record])


@given(BOTH, mixed(), st.data())
def test_from_any_snapshot_the_rest_gives_the_rest_of_the_outputs_and_the_same_rows(
    periods: Periods, stream: list[Record], data: st.DataObject
) -> None:
    capacity = data.draw(st.sampled_from([1, 1 << 62]), "capacity")
    driver = Driver(periods, partitions=PARTITIONS, capacity=capacity, defaults=TOUCHY)
    snapshots = []
    for index, record in enumerate(stream):
        give(driver, record)
        if data.draw(st.booleans(), "snapshot"):
            driver.checkpoint()
            snapshots.append((index + 1, len(driver.left), driver.rows))
    driver.checkpoint()
    for done, told, rows in snapshots:
        again = Driver(periods, partitions=PARTITIONS, capacity=capacity, rows=dict(rows), defaults=TOUCHY)
        for record in stream[done:]:
            give(again, record)
        again.checkpoint()
        assert again.left == driver.left[told:]
        assert merged(again.rows) == merged(driver.rows)


@given(BOTH, mixed(), st.data())
def test_how_many_records_are_processed_in_one_go_changes_nothing(
    periods: Periods, stream: list[Record], data: st.DataObject
) -> None:
    one_by_one, in_batches = (Driver(periods, partitions=PARTITIONS, defaults=TOUCHY) for _ in range(2))
    for record in stream:
        give(one_by_one, record)
    ends = data.draw(cuts(len(stream)), "batches")
    batch: list[Record] = []
    for index, record in enumerate(stream, 1):
        if is_control(record):
            in_batches.take(batch)
            batch = []
            in_batches.take_control(record)
        else:
            batch.append(record)
        if index in ends:
            in_batches.take(batch)
            batch = []
    in_batches.take(batch)
    for topic in TOPICS:  # how records of different topics alternate says nothing
        assert [one for one in in_batches.left if one.topic == topic] == [
            one for one in one_by_one.left if one.topic == topic
        ]


@given(BOTH, mixed())
def test_neither_the_rules_nor_the_alerts_of_one_tenant_change_another_s_results(
    periods: Periods, stream: list[Record]
) -> None:
    together, alone = (Driver(periods, partitions=PARTITIONS, defaults=TOUCHY) for _ in range(2))
    for record in stream:
        give(together, record)
        if is_control(record):
            mine = (record.key or b"").startswith(b"acme/")
            give(alone, record if mine else Record(record.offset, record.timestamp, b"{", key=b"acme/silence/none"))
        else:
            give(alone, record if tenant_of(record) == "acme" else Record(record.offset, record.timestamp, None))
    together.checkpoint()
    alone.checkpoint()
    assert results(together, "acme") == results(alone, "acme")


@given(BOTH, mixed(), st.integers(0, 3 * MINUTE))
def test_an_open_alert_is_held_by_exactly_the_rules_that_are_active_for_it(
    periods: Periods, stream: list[Record], later: int
) -> None:
    driver = Driver(periods, partitions=PARTITIONS, defaults=TOUCHY)
    for record in stream:
        give(driver, record)
        assert wrongly_held(driver.step) == []
    driver.pass_time(driver.step.progress.stream_ms + later)
    assert wrongly_held(driver.step) == []


class Ruled(World):
    """The same world with a topic of rules, which are taken in only where the worker has been everywhere before."""

    ACTS: ClassVar = [*World.ACTS, "write", "rules"]
    DEADLY: ClassVar = {*World.DEADLY, "rules"}
    rules: list[Record]
    furthest = 0  # how far any run has read

    def __post_init__(self) -> None:
        self.rules = []
        self.defaults = TOUCHY
        super().__post_init__()

    def take_rules(self, age: int, *, crash_after_seal: bool) -> None:
        self.furthest = max(self.furthest, self.read)
        if self.read < self.furthest:
            return
        unseen = [rule for rule in self.rules if rule.offset >= self.driver.step.control_offset]
        now = self.wall - age if self.read == len(self.log) else None
        if unseen:
            self.driver.take_control(*unseen, now_ms=now, crash_after_seal=crash_after_seal)

    def do(self, act: str, data: st.DataObject, *, dies: bool) -> None:
        match act:
            case "write":
                self.rules.append(data.draw(rules(len(self.rules), self.wall, TENANTS)))
            case "rules":
                self.take_rules(data.draw(st.sampled_from([0, 300])), crash_after_seal=dies)
            case _:
                super().do(act, data, dies=dies)

    def crash(self) -> None:
        self.furthest = max(self.furthest, self.read)
        super().crash()


@given(BOTH, st.sampled_from([1, 1 << 62]), st.data())
def test_what_left_is_one_sequence_with_rules_and_timers_in_flight(
    periods: Periods, capacity: int, data: st.DataObject
) -> None:
    """No output is lost, changed, told in another order or under another id, wherever the worker is killed."""
    live(Ruled(periods, capacity), data)
