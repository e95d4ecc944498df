"""What is known of a rule does not depend on the order in which its versions arrive."""

from __future__ import annotations

from functools import cmp_to_key
from itertools import permutations
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pipeline.control.kafka import ControlState
from pipeline.schemas.control_records import ControlKey, ControlRecord, as_bytes, is_newer, new_record

if TYPE_CHECKING:
    from collections.abc import Sequence

KEYS = [ControlKey(tenant, "silence", name) for tenant in ("acme", "globex") for name in ("a", "b")]


@st.composite
def versions(draw: st.DrawFn) -> ControlRecord:
    """Draw a version with much chance that another has the same number, time, or both."""
    key = draw(st.sampled_from(KEYS))
    spec = draw(st.sampled_from([None, b"{}", b'{"matchers":[]}', b'{"matchers": []}']))
    number, updated_at = draw(st.integers(1, 3)), draw(st.integers(0, 2))
    return new_record(key, number, draw(st.sampled_from(["ada", "bob"])), updated_at, "", spec)


def merged(records: Sequence[ControlRecord]) -> dict[ControlKey, ControlRecord]:
    state = ControlState()
    for place, record in enumerate(records):
        state.take(as_bytes(record.key), record.value, str(place))
    assert state.refused == []
    return state.records


@given(st.lists(versions(), max_size=12), st.data())
def test_versions_that_arrive_in_any_order_and_more_than_once_leave_the_same_newest(
    records: list[ControlRecord], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(records), max_size=4)) if records else []
    shuffled = data.draw(st.permutations([*records, *again]))
    assert merged(shuffled) == merged(records)


@given(st.lists(versions(), min_size=1, max_size=12))
def test_the_newest_is_the_one_that_no_other_is_newer_than(records: list[ControlRecord]) -> None:
    for key, newest in merged(records).items():
        same = [record for record in records if record.key == key]
        assert newest in same
        assert not any(is_newer(record, newest) for record in same)


@given(st.lists(versions(), min_size=2, max_size=4, unique_by=lambda record: record.value))
def test_versions_have_one_order(records: list[ControlRecord]) -> None:
    def later(one: ControlRecord, other: ControlRecord) -> int:
        return 1 if is_newer(one, other) else -1

    orders = [sorted(order, key=cmp_to_key(later)) for order in permutations(records)]
    assert all(order == orders[0] for order in orders)
    assert all(is_newer(later, earlier) for earlier, later in zip(orders[0], orders[0][1:], strict=False))


@given(versions())
def test_no_version_is_newer_than_itself(record: ControlRecord) -> None:
    assert not is_newer(record, record)
