"""One tenant never changes another's results.

A partition's time is shared: the timers of one tenant ring when the records of another move time on. So the
property is this. Put in the place of each record of the other tenants, at its offset and with its timestamp,
one without a value: then what the tenant's records and timers cause is the same to the byte, its ids and
origins included, and so are its rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tables import keys
from tests.merged_rows import merged
from tests.property.streams import ODD_PERIODS, PARTITIONS, PERIODS, cuts, records
from tests.step_driver import MINUTE, T0, Driver, Left, Record, alert_json

if TYPE_CHECKING:
    from pipeline.domain.alert import Periods


def tenant_of(record: Record) -> str | None:
    """Return whose record this is, None if nobody can tell."""
    try:
        said = msgspec.json.decode(record.value or b"")
    except ValueError:
        return None
    return said.get("tenant_id") if isinstance(said, dict) else None


def results(driver: Driver, tenant: str) -> tuple[list[Left], dict[bytes, bytes]]:
    """Return what a tenant sees: its changes, and its rows."""
    told = [left for left in driver.left if left.topic == "alerts.enriched" and left.output.key == tenant.encode()]
    return told, {key: row for key, row in merged(driver.rows).items() if keys.tenant_of(key) == tenant}


@given(st.sampled_from([PERIODS, ODD_PERIODS]), records(), st.data())
def test_the_results_of_a_tenant_are_those_it_would_have_alone_at_the_same_times(
    periods: Periods, stream: list[Record], data: st.DataObject
) -> None:
    capacity = data.draw(st.sampled_from([2, 1 << 62]), "capacity")
    ends = data.draw(cuts(len(stream)), "batches")
    for tenant in ("acme", "beta"):
        alone = [one if tenant_of(one) == tenant else Record(one.offset, one.timestamp, None) for one in stream]
        drivers = [Driver(periods, partitions=PARTITIONS, capacity=capacity) for _ in range(2)]
        for driver, records_ in zip(drivers, (stream, alone), strict=True):
            for start, end in zip([0, *ends], ends, strict=False):
                driver.take(records_[start:end])
                driver.checkpoint()
        assert results(drivers[0], tenant) == results(drivers[1], tenant)


@given(st.lists(st.tuples(st.integers(-MINUTE, MINUTE), st.integers(6 * MINUTE, 1 << 60)), max_size=12))
def test_a_tenant_with_a_clock_far_ahead_moves_no_other_tenant_s_time(ahead: list[tuple[int, int]]) -> None:
    """A timestamp beyond the skew may not expire what others have open, nor make their next records late."""
    mixed = Driver(PERIODS, wall_clock=True)
    alone = Driver(PERIODS, wall_clock=True)
    wall = T0
    for number, (step, far) in enumerate(ahead):
        mine = Record(2 * number, wall + step - 10 * MINUTE, alert_json("acme", severity=number % 5))
        theirs = Record(2 * number + 1, wall + far, alert_json("beta", severity=number % 5))
        mixed.take([mine, theirs], wall)
        alone.take([mine, Record(theirs.offset, -1, None)], wall)
        wall += 30_000
    mixed.checkpoint()
    alone.checkpoint()
    assert results(mixed, "acme") == results(alone, "acme")
