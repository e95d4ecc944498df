from __future__ import annotations

import random
from collections import Counter

import pytest

from pipeline.domain.top_values import LABELS, PLACES, SHOWN, VALUE_LENGTH, Frequent, TopValues


def counted(keys: list[str], places: int = PLACES) -> Frequent[str]:
    frequent: Frequent[str] = Frequent(places)
    for key in keys:
        frequent.add(key)
    return frequent


def test_keys_that_are_counted_together_count_as_one_after_the_other() -> None:
    keys = stream(3)
    together: Frequent[str] = Frequent(8)
    for begin in range(0, len(keys), 7):
        together.add_each(keys[begin : begin + 7])
    assert together.snapshot() == counted(keys, 8).snapshot()


def stream(seed: int, size: int = 5000) -> list[str]:
    """Return keys of which few are frequent and most are rare."""
    drawn = random.Random(seed)  # noqa: S311 - test data, not a secret
    return [str(int(drawn.paretovariate(0.7))) for _ in range(size)]


def top(*alerts: dict[str, str]) -> TopValues:
    values = TopValues()
    for alert in alerts:
        values.add(alert)
    return values


def test_as_long_as_there_is_room_all_counts_are_exact() -> None:
    keys = [str(number % PLACES) for number in range(1000)]
    frequent = counted(keys)
    assert (frequent.counts, frequent.error) == (Counter(keys), 0)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("places", [4, 16, 128])
def test_no_count_is_too_high_and_none_is_too_low_by_more_than_the_error(seed: int, places: int) -> None:
    keys = stream(seed)
    frequent, true = counted(keys, places), Counter(keys)
    assert 0 < frequent.error <= len(keys) // (places // 2 + 1)
    assert all(0 <= true[key] - frequent.counts.get(key, 0) <= frequent.error for key in true)
    assert len(frequent.counts) <= places


def test_adding_returns_the_most_that_a_key_can_have_been_counted() -> None:
    frequent: Frequent[str] = Frequent(2)
    assert [frequent.add(key) for key in "aabc"] == [1, 2, 1, 1]  # the third key cuts: c is gone and may have been one
    assert (frequent.counts, frequent.error) == ({"a": 1}, 1)
    assert frequent.add("a", 5) == 7


@pytest.mark.parametrize("seed", range(5))
def test_two_counts_add_up_to_one_with_the_bound_of_one(seed: int) -> None:
    one, other = stream(seed), stream(seed + 100)
    both, true = counted(one), Counter(one + other)
    both.merge(counted(other))
    assert both.error <= (len(one) + len(other)) // (PLACES // 2 + 1)
    assert all(0 <= true[key] - both.counts.get(key, 0) <= both.error for key in true)
    assert len(both.counts) <= PLACES


def test_the_top_values_come_most_frequent_first_and_then_by_name() -> None:
    told = top({"host": "b"}, {"host": "c"}, {"host": "a"}, {"host": "c"}).told()
    assert told == {
        "estimate": False,
        "more_labels": False,
        "labels": [
            {
                "label": "host",
                "values": [{"value": "c", "count": 2}, {"value": "a", "count": 1}, {"value": "b", "count": 1}],
                "error": 0,
            }
        ],
    }


def test_a_label_with_too_many_values_makes_it_an_estimate() -> None:
    told = top(*({"pod": f"p{number}", "job": "j"} for number in range(PLACES + 1))).told()
    assert told["estimate"] is True
    assert told["labels"] == [
        {"label": "job", "values": [{"value": "j", "count": PLACES + 1}], "error": 0},
        {"label": "pod", "values": [], "error": 1},
    ]


def test_ten_values_of_a_label_are_told() -> None:
    (label,) = top(*({"a": str(number)} for number in range(SHOWN + 1))).snapshot()[1]
    assert len(label[1][1]) == SHOWN + 1
    told = top(*({"a": str(number)} for number in range(SHOWN + 1))).told()
    assert str(told).count("'value'") == SHOWN


def test_the_labels_that_come_first_are_looked_at_and_no_more_than_sixteen() -> None:
    values = top({"zone": "z"}, {f"l{number:02}": "v" for number in reversed(range(40))}, {"another": "x"})
    kept = [label for label, _ in values.snapshot()[1]]
    assert kept == ["zone", *(f"l{number:02}" for number in range(LABELS - 1))]
    assert values.told()["more_labels"] is True
    assert values.told()["estimate"] is True


def test_the_order_of_an_alerts_labels_changes_nothing() -> None:
    labels = {f"l{number:02}": "v" for number in range(30)}
    backwards = dict(reversed(labels.items()))
    assert top(labels, backwards).snapshot() == top(backwards, labels).snapshot()


def test_a_long_value_is_cut() -> None:
    values = top({"a": "x" * 5000}, {"a": "x" * 4000})
    assert values.snapshot()[1] == [("a", (0, [("x" * VALUE_LENGTH, 2)]))]


def test_merged_minutes_tell_what_one_long_minute_would() -> None:
    first, second = {"host": "a", "job": "x"}, {"host": "b"}
    merged = top(first, second)
    merged.merge(top(second, {"rack": "7"}))
    assert merged.told() == top(first, second, second, {"rack": "7"}).told()


def test_a_merge_keeps_to_sixteen_labels() -> None:
    values = top({f"a{number:02}": "v" for number in range(10)})
    values.merge(top({f"b{number:02}": "v" for number in range(10)}))
    assert len(values.snapshot()[1]) == LABELS
    assert values.told()["more_labels"] is True


def test_that_labels_were_left_out_survives_a_merge() -> None:
    values = TopValues()
    values.merge(top({f"a{number:02}": "v" for number in range(LABELS + 1)}))
    assert values.told()["more_labels"] is True
