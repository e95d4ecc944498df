"""How long alerts last, from ends whose quantiles can be read off."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.time_to_resolve import LONGEST, LastEnds, Open, Resolves, TimeToResolve, _ways

if TYPE_CHECKING:
    from collections.abc import Iterable


def learned(ends: Iterable[tuple[str, float]]) -> TimeToResolve:
    model = TimeToResolve()
    for name, seconds in ends:
        model.learn(Open(name), seconds)
    return model


MINUTES = [("DiskFull", 60.0 * minute) for minute in range(1, 101)]
HOURS = [("BackupFailed", 3600.0)] * 100


def test_nothing_is_told_from_fewer_than_five_ends() -> None:
    assert learned([("a", 60.0)] * 4).forecast(Open("a")) is None
    assert learned([("a", 60.0)] * 5).forecast(Open("a")) == Resolves(60, 60, 60)


def test_a_name_that_is_known_speaks_for_itself() -> None:
    model = learned([end for pair in zip(MINUTES, HOURS, strict=True) for end in pair])
    forecast = model.forecast(Open("DiskFull"))
    assert forecast is not None
    assert forecast.early == pytest.approx(10 * 60, abs=60)
    assert forecast.expected == pytest.approx(51 * 60, abs=120)
    assert forecast.late == pytest.approx(90 * 60, abs=60)
    assert model.forecast(Open("BackupFailed")) == Resolves(3600, 3600, 3600)


def test_of_a_new_name_the_ends_of_all_are_expected() -> None:
    assert learned(HOURS).forecast(Open("NeverSeen")) == Resolves(3600, 3600, 3600)


def test_a_few_ends_of_a_name_weigh_more_than_those_of_all() -> None:
    model = learned(HOURS + [("Quick", 10.0)] * 3)
    assert model.forecast(Open("Quick")) == Resolves(10, 10, 3600)


def test_what_is_open_already_counts() -> None:
    model = learned(MINUTES)
    forecast = model.forecast(Open("DiskFull", open_for=80 * 60.0))
    assert forecast is not None
    assert 80 * 60 <= forecast.early < 85 * 60
    assert forecast.expected == pytest.approx(90 * 60, abs=60)
    assert model.forecast(Open("DiskFull", open_for=101 * 60.0)) is None


def test_a_name_whose_ends_change_is_followed() -> None:
    assert learned([("a", 600.0)] * 127 + [("a", 60.0)] * 127).forecast(Open("a")) == Resolves(60, 60, 60)


def test_the_score_is_the_share_that_had_ended_by_then() -> None:
    model = learned(MINUTES)
    assert model.score(Open("DiskFull", 0)).score == 0
    assert model.score(Open("DiskFull", 50.5 * 60)).score == pytest.approx(0.5, abs=0.03)
    assert model.score(Open("DiskFull", 200 * 60)).score == 1
    assert TimeToResolve().score(Open("DiskFull", 1e6)).score == 0


def test_the_reason_says_how_long_is_usual() -> None:
    (reason,) = learned(HOURS).score(Open("BackupFailed", 3700.0)).reasons
    assert (reason.feature, reason.value, reason.usual, reason.distance) == ("open_for", 3700, 3600, 100)


def test_the_name_that_ended_longest_ago_is_forgotten_first() -> None:
    model = learned([("first", 10.0)] * 5 + [(f"name {number}", 1000.0) for number in range(255)])
    assert model.forecast(Open("first")) == Resolves(10, 10, 1000)
    model.learn(Open("one more"), 1000.0)
    assert model.forecast(Open("first")) == Resolves(1000, 1000, 1000)


def test_what_lasts_longer_than_a_month_counts_as_a_month() -> None:
    assert learned([("a", 1e12)] * 5).forecast(Open("a")) == Resolves(LONGEST, LONGEST, LONGEST)


def test_the_oldest_end_of_a_name_makes_room_for_the_newest_one() -> None:
    last = LastEnds(3)
    for seconds in (30, 10, 20, 10, 40):
        last.add(seconds)
    assert ([*last.came], [*last.ascending]) == ([20, 10, 40], [10, 20, 40])


def test_how_the_shares_may_come_together_is_remembered_for_a_bounded_number_of_cases() -> None:
    most = _ways.cache_info().maxsize
    assert most is not None
    for ends in range(2 * most):
        _ways(ends, 1, 1.0, 0.5)
    assert _ways.cache_info().currsize == most


def test_without_a_time_nothing_is_learned() -> None:
    model = learned(HOURS)
    before = model.snapshot()
    model.learn(Open("BackupFailed", 7.0))
    assert model.snapshot() == before


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_what_is_no_time_is_refused_and_nothing_is_learned(seconds: float) -> None:
    model = learned(HOURS)
    before = model.snapshot()
    with pytest.raises(ValueError, match="open"):
        model.learn(Open("BackupFailed"), seconds)
    assert model.snapshot() == before


@pytest.mark.parametrize("open_for", [-1.0, float("nan"), float("inf")])
def test_what_is_no_time_open_is_refused(open_for: float) -> None:
    model = learned(HOURS)
    with pytest.raises(ValueError, match="a time open"):
        model.score(Open("BackupFailed", open_for))
    with pytest.raises(ValueError, match="a time open"):
        model.forecast(Open("BackupFailed", open_for))
