"""Rates are the same after a restart at any point, and for any neighbour: of a tenant that is known for a day."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, ClassVar

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agents.ingest import ENRICHED_TOPIC
from agents.suppress.defaults import Defaults
from tests.merged_rows import merged
from tests.property.streams import PARTITIONS, PERIODS
from tests.property.test_crashes import World, live
from tests.step_driver import MINUTE, T0, Driver, Record, body, firing

if TYPE_CHECKING:
    from collections.abc import Sequence

SCORED = msgspec.structs.replace(Defaults.switched_off(), scores=True)
KNOWN = 1500  # minutes
USUAL = 3
Minutes = list[tuple[int, int]]
STEPS: st.SearchStrategy[Minutes] = st.lists(
    st.tuples(st.sampled_from([1, 1, 1, 1, 2, 5, 61, 300, 2000]), st.sampled_from([0, 1, USUAL, USUAL, 40, 90])),
    min_size=1,
    max_size=40,
)
"""Minutes that pass, and how many records come then."""


def sent(offset: int, minute: int, count: int, tenant: str = "acme") -> list[Record]:
    return [
        firing(offset + number, T0 + minute * MINUTE + number, tenant_id=tenant, labels={"a": "1"})
        for number in range(count)
    ]


@cache
def known() -> tuple[dict[bytes, bytes], int]:
    """Return the rows in which a tenant is known for a day, and how many records that took."""
    driver, offset = Driver(PERIODS, partitions=PARTITIONS, defaults=SCORED), 0
    for minute in range(KNOWN):
        driver.take(sent(offset, minute, USUAL))
        offset += USUAL
    driver.checkpoint()
    return dict(driver.rows), offset


def begun() -> Driver:
    return Driver(PERIODS, partitions=PARTITIONS, defaults=SCORED, rows=dict(known()[0]))


def lived(
    steps: Minutes, restarts: Sequence[int] = (), checkpoints: Sequence[int] = (), *, neighbour: bool = False
) -> Driver:
    """Return the driver after `steps`; at `restarts` it begins anew from a checkpoint that it has just made."""
    driver, (_, offset), minute = begun(), known(), KNOWN
    for number, (gap, count) in enumerate(steps):
        minute += gap
        if neighbour:
            driver.take(sent(offset, minute, count + 7, "beta"))
        else:
            driver.take([Record(one.offset, one.timestamp, None) for one in sent(offset, minute, count + 7, "beta")])
        offset += count + 7
        driver.take(sent(offset, minute, count))
        offset += count
        if number in restarts or number in checkpoints:
            driver.checkpoint()
        if number in restarts:
            driver.restart()
    driver.take([Record(offset, T0 + (minute + 3 * 1440) * MINUTE, None)])
    driver.checkpoint()
    return driver


def test_there_is_something_to_tell_of_such_a_tenant() -> None:
    driver = lived([(1, 90)] * 12)
    names = {body(left.output)["name"] for left in driver.left if left.topic == ENRICHED_TOPIC}
    assert "AlertRateUnusual" in names


POINTS = st.lists(st.integers(0, 39), max_size=6)


@given(STEPS, POINTS, POINTS)
def test_restarts_at_any_minute_change_nothing_that_is_told_or_kept(
    steps: Minutes, restarts: list[int], checkpoints: list[int]
) -> None:
    once, restarted = lived(steps), lived(steps, restarts, checkpoints)
    assert restarted.left == once.left
    assert merged(restarted.rows) == merged(once.rows)


@given(STEPS)
def test_what_a_neighbour_sends_changes_nothing_that_is_told_of_a_tenant(steps: Minutes) -> None:
    alone, together = lived(steps), lived(steps, neighbour=True)

    def of_acme(driver: Driver) -> list[object]:
        return [left for left in driver.left if b'"tenant_id":"acme"' in (left.output.value or b"")]

    assert of_acme(together) == of_acme(alone)


class Watched(World):
    """The same world with a tenant that is known for a day, and sends far more at times."""

    ACTS: ClassVar = [*World.ACTS, "burst", "burst"]

    def __post_init__(self) -> None:
        self.defaults = SCORED
        super().__post_init__()
        rows, count = known()
        self.wall = T0 + KNOWN * MINUTE
        self.log = [Record(offset, T0, None) for offset in range(count)]  # nobody reads these again
        self.read = count
        self.driver.rows = dict(rows)
        self.driver.restart()

    def do(self, act: str, data: st.DataObject, *, dies: bool) -> None:
        if act == "burst":
            count = data.draw(st.sampled_from([1, USUAL, 40, 90]))
            self.log += [firing(len(self.log) + number, self.wall, labels={"a": "1"}) for number in range(count)]
        else:
            super().do(act, data, dies=dies)


@given(st.data())
def test_what_left_is_one_sequence_with_rates_in_it_wherever_the_worker_is_killed(data: st.DataObject) -> None:
    live(Watched(PERIODS, 1 << 62), data)
