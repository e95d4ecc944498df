from __future__ import annotations

import pytest

from pipeline.evaluation.grouping import (
    Contingency,
    average_within,
    best_f1,
    calibration_error,
    macro_f1,
    mean_interval,
    pair_interval,
    pair_score,
    place_of,
    reliability,
    within,
)

# Two incidents of two lines and a line of noise: the second incident shares its group with the noise.
TRUTH = ["a", "a", "b", "b", None]
GROUPS = ["1", "1", "2", "2", "2"]


def test_noise_in_a_group_counts_against_it() -> None:
    table = Contingency.of(TRUTH, GROUPS)
    assert best_f1(table) == {"a": 1.0, "b": pytest.approx(0.8)}
    assert macro_f1(table) == pytest.approx(0.9)


def test_pairs_are_of_lines_with_an_incident_only() -> None:
    assert pair_score(Contingency.of(TRUTH, GROUPS)).f1 == 1.0


def test_one_group_for_all_has_recall_and_no_precision() -> None:
    score = pair_score(Contingency.of(["a", "a", "b", "b"], ["1"] * 4))
    assert score.precision == pytest.approx(2 / 6)
    assert score.recall == 1.0


def test_a_line_in_no_group_is_a_group_of_its_own() -> None:
    table = Contingency.of(["a", "a"], [None, None])
    assert len(table.sizes) == 2
    assert pair_score(table).recall == 0.0


def test_as_many_groups_as_truths_are_wanted() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Contingency.of(["a"], [])


def test_nothing_to_find_is_found() -> None:
    assert macro_f1(Contingency.of([None], ["1"])) == 1.0


def test_an_interval_holds_the_value_and_is_the_same_every_time() -> None:
    table = Contingency.of([*"aabbccdd"], [*"11122233"])
    low, high = pair_interval(table)
    assert low <= pair_score(table).f1 <= high
    assert pair_interval(table) == (low, high)
    low, high = mean_interval(best_f1(table))
    assert low <= macro_f1(table) <= high


def test_root_causes_are_counted_by_their_place() -> None:
    places = [place_of(ranking, "x") for ranking in (["x", "y"], ["y", "x"], ["y"])]
    assert places == [1, 2, None]
    assert within(places, 1) == pytest.approx(1 / 3)
    assert within(places, 3) == pytest.approx(2 / 3)
    assert average_within(places) == pytest.approx((1 / 3 + 4 * 2 / 3) / 5)


def test_a_confidence_that_says_what_happens_has_no_error() -> None:
    honest = [(0.75, True)] * 3 + [(0.75, False)]
    assert calibration_error(reliability(honest)) == pytest.approx(0.0)
    assert calibration_error(reliability([(0.95, False)])) == pytest.approx(0.95)
