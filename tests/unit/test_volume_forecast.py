"""The volume forecast on counts whose continuation is plain to see; a day has 24 buckets unless said otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from models.volume_forecast import Forecast, VolumeForecast
from pipeline.evaluation.forecast import coverage

if TYPE_CHECKING:
    from collections.abc import Iterable

A_DAY = 24
QUIET_BUT_AT_NOON = [10] * 12 + [100] + [10] * 11


def learned(counts: Iterable[int], season: int = A_DAY) -> VolumeForecast:
    model = VolumeForecast(season)
    for count in counts:
        model.learn(count)
    return model


def test_before_the_first_count_there_is_no_forecast() -> None:
    model = VolumeForecast()
    assert model.forecast() is None
    assert model.usual == 0
    assert not model.more_than_usual()
    assert model.score(5).score == 0


def test_what_never_changes_goes_on() -> None:
    model = learned([7] * 50)
    assert [model.forecast(ahead) for ahead in (1, 6, 24)] == [Forecast(7, 7, 7)] * 3


def test_on_the_first_day_the_last_counts_are_all_there_is() -> None:
    assert learned([5]).forecast(6) == Forecast(5, 5, 5)
    model = learned([5] * 10 + [50] * 12)
    assert model.forecast() == Forecast(50, 50, 50)
    assert not model.ready


def test_buckets_that_were_skipped_are_counts_of_zero_that_were_not_compared() -> None:
    skipped, learned_all = learned([7] * 50), learned([7] * 50 + [0] * 30)
    before = msgspec.json.encode(skipped.snapshot())
    skipped.skip(30)
    assert skipped.totals(1) == learned_all.totals(1)
    was, now = (msgspec.json.decode(one) for one in (before, msgspec.json.encode(skipped.snapshot())))
    assert [was[name] for name in ("missed", "errors")] == [now[name] for name in ("missed", "errors")]
    skipped.learn(3)
    assert skipped.totals(1)[-2:] == [0, 3]


@pytest.mark.parametrize("buckets", [0, 1, 10**12])
def test_any_number_of_buckets_is_skipped_at_once_and_no_more_is_kept_than_ever(buckets: int) -> None:
    model = learned([7] * A_DAY * 8)
    model.skip(buckets)
    assert len(model.totals(1)) == 7 * A_DAY
    assert model.totals(1).count(0) == min(buckets, 7 * A_DAY)


def test_nothing_is_skipped_backwards() -> None:
    with pytest.raises(ValueError, match="not -1"):
        learned([7]).skip(-1)


def test_the_next_buckets_together_lie_between_the_sums_of_their_ends() -> None:
    model = learned(QUIET_BUT_AT_NOON * 5 + [10] * 9)
    each = [forecast for ahead in range(1, 7) if (forecast := model.forecast(ahead))]
    assert model.together() == (sum(one.low for one in each), sum(one.high for one in each))


def test_of_buckets_that_were_not_watched_nothing_is_said_together() -> None:
    model = VolumeForecast()
    assert model.together() is None
    model.learn(1)
    model.skip(1)
    assert model.together() is None
    model.learn(1)
    assert model.together() is not None


def test_totals_are_of_buckets_in_a_row() -> None:
    assert learned([1, 2, 3, 4]).totals(3) == [6, 9]
    assert learned([1, 2]).totals(3) == []
    assert learned([9] + [1] * 7 * A_DAY).totals(1) == [1] * 7 * A_DAY


def test_what_comes_every_noon_is_expected_at_noon_however_quiet_it_was_before() -> None:
    model = learned(QUIET_BUT_AT_NOON * 5 + [10] * 9)
    assert [forecast.expected for ahead in (2, 3, 4, 5) if (forecast := model.forecast(ahead))] == [10, 10, 100, 10]


def test_one_wild_day_among_seven_moves_nothing() -> None:
    wild = [0] * 10 + [5000] * 10 + [0] * 4
    model = learned([10] * A_DAY * 4 + wild + [10] * A_DAY * 2)
    assert {forecast.expected for ahead in range(1, 25) if (forecast := model.forecast(ahead))} == {10}


def test_another_level_is_followed_within_a_day() -> None:
    model = learned([10] * A_DAY * 7 + [40] * A_DAY)
    forecast = model.forecast()
    assert forecast is not None
    assert forecast.high == 40
    assert learned([10] * A_DAY * 7 + [40] * A_DAY * 4).forecast() == Forecast(40, 40, 40)


def test_the_interval_is_wide_where_days_differ_and_narrow_where_they_are_alike() -> None:
    days = [[10] * 12 + [count] + [10] * 11 for count in (20, 40, 60, 80, 100)]
    model = learned([count for day in days for count in day] + [10] * 9)
    assert model.forecast(3) == Forecast(10, 10, 10)
    noon = model.forecast(4)
    assert noon is not None
    assert noon.low <= 40
    assert noon.high >= 80


def test_four_of_five_counts_lie_within_their_intervals() -> None:
    model = VolumeForecast(A_DAY)
    came, said = [], []
    for bucket in range(2000):
        # Not random, and without a pattern that the model could find.
        count = (bucket * 7919 + bucket * bucket * 31) % 101
        forecast = model.forecast()
        if forecast is not None and bucket >= 100:
            came.append(count)
            said.append(forecast)
        model.learn(count)
    assert 0.78 <= coverage(came, [one.low for one in said], [one.high for one in said]) <= 0.82


def test_more_than_usual_is_told_before_it_comes() -> None:
    busy_mornings = [0] * 6 + [50] * 6 + [0] * 12
    model = learned(busy_mornings * 5)  # it is midnight
    assert [ahead for ahead in range(1, 25) if model.more_than_usual(ahead)] == [7, 8, 9, 10, 11, 12]


def test_nothing_is_more_than_usual_before_a_day_is_known() -> None:
    model = learned([0] * 13 + [50] * 10)
    assert model.usual == 0
    assert model.forecast(24) == Forecast(50, 50, 50)
    assert not model.more_than_usual(24)
    model.learn(50)
    assert model.more_than_usual(24)


def test_a_count_is_the_more_surprising_the_fewer_were_like_it() -> None:
    model = learned([10, 12, 14, 16, 18, 20, 22] * 14)  # seven buckets, so no day is like the one before
    forecast = model.forecast()
    assert forecast is not None
    scores = [model.score(count).score for count in (forecast.expected, 19, 22, 23)]
    assert scores == sorted(scores)
    assert (scores[0], scores[-1], model.score(9).score) == (0, 1, 1)


def test_where_days_are_not_alike_the_last_hours_speak() -> None:
    levels = [[30] * A_DAY, [5] * A_DAY, [60] * A_DAY, [10] * A_DAY, [40] * A_DAY, [20] * 16]
    forecast = learned([count for level in levels for count in level]).forecast()
    assert forecast is not None
    assert forecast.expected == 20


def test_the_reason_says_what_was_expected_and_how_far_off_it_is() -> None:
    model = learned([10] * A_DAY * 3)
    (reason,) = model.score(25).reasons
    assert (reason.feature, reason.value, reason.usual, reason.distance) == ("count", 25, 10, 15)
    assert model.score(5).reasons[0].distance == -5
    assert model.score(10).score == 0


@pytest.mark.parametrize("count", [-1, 0.5, float("nan"), float("inf"), 2.0**40])
def test_what_is_no_count_is_refused_and_changes_nothing(count: float) -> None:
    model = learned([3, 4])
    before = model.snapshot()
    with pytest.raises(ValueError, match="count"):
        model.learn(count)
    with pytest.raises(ValueError, match="count"):
        model.score(count)
    assert model.snapshot() == before


@pytest.mark.parametrize("ahead", [0, -1, 25])
def test_a_forecast_reaches_a_day_ahead(ahead: int) -> None:
    with pytest.raises(ValueError, match="from 1 bucket ahead to 24"):
        learned([1]).forecast(ahead)


def test_a_day_has_at_least_one_bucket() -> None:
    with pytest.raises(ValueError, match="at least one bucket"):
        VolumeForecast(0)


def test_a_snapshot_of_any_counts_takes_at_most_6_kb() -> None:
    model = learned([(1 << 32) - 1 - number % 2 for number in range(1200)], season=144)
    assert len(msgspec.msgpack.encode(model.snapshot())) < 6_000
