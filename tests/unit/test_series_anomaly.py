"""Anomalies of a series of a point every five minutes, 100 and a little that repeats, unless a test says otherwise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import pytest

from models.series_anomaly import Judged, Point, SeriesAnomaly
from models.series_gate import CLEARLY, QUIET, WARM, Gate
from models.series_hours import Hours
from models.series_spread import Spread, Tail
from models.series_states import States

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
EVERY = 5 * MINUTE


def calm(row: int) -> float:
    """Return 100 and what looks like noise and is the same on every run."""
    return 100 + 3 * math.sin(row * 12.9898) * math.cos(row * 4.1414)


def points(values: Iterable[float], every: int = EVERY) -> list[Point]:
    return [Point(row * every, value) for row, value in enumerate(values)]


def judged(given: Iterable[Point], model: SeriesAnomaly | None = None) -> list[Judged]:
    model = model or SeriesAnomaly()
    said = []
    for point in given:
        said.append(model.score(point))
        model.learn(point)
    return said


def detected(said: Iterable[Judged]) -> list[int]:
    return [row for row, one in enumerate(said) if one.detected]


def series(rows: int, value: Callable[[int], float]) -> list[Point]:
    return points(value(row) for row in range(rows))


def test_a_calm_series_has_no_anomaly() -> None:
    assert detected(judged(series(4000, calm))) == []
    assert detected(judged(series(4000, lambda row: 45.0))) == []


def test_a_spike_is_detected_at_once_and_told_once() -> None:
    said = judged(series(2000, lambda row: 300 if 1500 <= row < 1510 else calm(row)))
    assert detected(said) == [1500]
    assert said[1500].score > 0.5
    assert all(one.score < 0.5 for one in said[1501:])


def test_a_small_shift_that_lasts_is_detected_although_no_point_of_it_is_far() -> None:
    said = judged(series(3000, lambda row: calm(row) + (4 if row >= 2500 else 0)))
    first = detected(said)[0]
    assert 2500 <= first < 2530
    assert said[first].reasons[0].feature in {"short", "long"}


def test_a_constant_series_that_changes_is_detected_within_three_points() -> None:
    said = judged(series(1000, lambda row: 5.0 if row < 800 else 6.0))
    assert detected(said)[0] in {800, 801, 802}


def test_a_day_that_is_not_as_the_days_before_is_detected_although_its_values_are_usual() -> None:
    def daily(row: int) -> float:
        busy = 8 <= row // 12 % 24 < 18
        return calm(row) + (100 if busy and row // 288 != 12 else 0)

    said = judged(series(288 * 14, daily))
    days = {row // 288 for row in detected(said) if row // 288 > 3}
    assert 12 in days
    assert days <= {12, 13}


def test_nothing_is_detected_before_the_series_is_known() -> None:
    said = judged(series(WARM + 5, lambda row: calm(row) if row % 10 else 1e6))
    assert not detected(said[:WARM])


def test_after_a_detection_only_what_is_clearly_more_unusual_is_detected() -> None:
    def spikes(second: float, at: int) -> list[int]:
        return detected(judged(series(2000, lambda row: {1500: 200, at: second}.get(row, calm(row)))))

    assert spikes(210, 1500 + QUIET - 20) == [1500]
    assert spikes(1200, 1500 + QUIET - 20) == [1500, 1500 + QUIET - 20]
    assert 1500 + QUIET + 50 in spikes(300, 1500 + QUIET + 50)


def test_what_lasts_is_one_detection_until_it_has_been_calm_for_a_while() -> None:
    def bursts(apart: int) -> list[int]:
        return detected(judged(series(2500, lambda row: calm(row) + 30 * (1500 <= row < 1800 and row % apart == 0))))

    assert bursts(10) == [1500]
    assert len(bursts(150)) == 2


def test_what_is_held_back_keeps_half_its_score() -> None:
    said = judged(series(2000, lambda row: 300 if row in {1500, 1520} else calm(row)))
    held_back = said[1520]
    assert not held_back.detected
    assert 1 < held_back.unusual < CLEARLY * said[1500].unusual
    assert held_back.score == pytest.approx(held_back.unusual / (1 + held_back.unusual) / 2)


def test_the_explanation_names_the_features_the_weightiest_first_with_what_is_usual() -> None:
    said = judged(series(2000, lambda row: 40 if row == 1500 else calm(row)))
    reasons = {one.feature: one for one in said[1500].reasons}
    unusual = [abs(one.distance) for one in said[1500].reasons]
    assert unusual[0] > 20
    assert set(reasons) == {"short", "long", "value", "change"}
    assert reasons["value"].value == 40
    assert reasons["value"].usual == pytest.approx(100, abs=1.0)
    assert reasons["value"].distance < -20
    assert reasons["short"].usual == pytest.approx(100, abs=0.5)
    assert reasons["short"].distance < 0


def test_points_need_not_be_evenly_spaced_nor_in_order() -> None:
    given = series(2000, lambda row: 300 if 1500 <= row < 1510 else calm(row))
    uneven = [Point(one.at + (row * 7919) % 4 * EVERY, one.value) for row, one in enumerate(given)]
    assert detected(judged(uneven)) == [1500]
    assert detected(judged([Point(0, one.value) for one in given])) == [1500]


def test_scoring_another_point_in_between_changes_nothing() -> None:
    given = series(600, lambda row: 300 if row == 500 else calm(row))
    model = SeriesAnomaly()
    said = []
    for point in given:
        model.score(Point(point.at, -1e9))
        said.append(model.score(point))
        model.score(Point(point.at, 1e9))
        model.learn(point)
    assert said == judged(given)


def test_a_series_takes_little_memory() -> None:
    model = SeriesAnomaly()
    judged(points([calm(row) * row % 977 for row in range(5000)], every=7 * MINUTE), model)
    assert len(msgspec.msgpack.encode(model.snapshot())) < 2500


def test_a_snapshot_of_something_else_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        SeriesAnomaly.restore({"points": 3})


# -- parts


def test_a_gate_is_shut_after_a_detection_until_it_has_been_calm() -> None:
    gate = Gate()
    assert [gate.learn(9.0) for _ in range(WARM)] == [False] * WARM
    assert [gate.learn(one) for one in (0.9, 1.0, 1.9, 2.0, 3.9)] == [False, True, False, True, False]
    assert [gate.learn(1.5) for _ in range(QUIET)] == [False] * QUIET
    assert [gate.learn(one) for one in [0.5] * 20 + [1.5]] == [False] * 20 + [True]


def test_a_spread_is_the_mean_and_deviation_of_what_it_learned() -> None:
    spread = Spread()
    assert spread.distance(5.0) == 0.0
    for value in (2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0):
        spread.learn(value)
    assert [spread.mean, spread.variance] == pytest.approx([5.0, 4.0])
    assert spread.distance(9.0) == pytest.approx(2.0)
    assert spread.distance(1.0) == pytest.approx(-2.0)


def test_a_surprise_is_minus_the_logarithm_of_a_probability() -> None:
    tail = Tail()
    for row in range(20_000):
        share = (row * 0.618_033_988_75) % 1.0  # evenly spread, in no order
        tail.learn(-math.log(1.0 - share) if share < 0.9999 else 9.0)  # exponential, mean 1
    # Of values, one in e^10 is more than 10; their mean is 1, and nothing lies further below than that.
    assert tail.mean == pytest.approx(1.0, abs=0.1)
    assert tail.surprise(10.0) == pytest.approx(10.0, rel=0.2)
    assert tail.surprise(1.0) < 0.5
    assert tail.surprise(20.0) > tail.surprise(10.0) > tail.surprise(5.0)


def test_nothing_is_a_surprise_before_enough_is_known() -> None:
    tail = Tail()
    for _ in range(Tail.ENOUGH):
        tail.learn(1.0)
    assert tail.surprise(1e9) == 0.0
    tail.learn(1.0)
    assert tail.surprise(1.0) == 0.0
    assert tail.surprise(1e9) > 5.0


def test_hours_follow_their_values_and_an_incident_pulls_little() -> None:
    hours = Hours()
    assert hours.usual(0) is None
    for day in range(30):
        for hour in range(24):
            hours.learn(day * DAY + hour * 60 * MINUTE, 10.0 * hour + day % 2)
    assert hours.usual(30 * DAY + 5 * 60 * MINUTE) == pytest.approx(50.5, abs=0.6)
    hours.learn(31 * DAY, 1_000_000.0)
    assert hours.usual(32 * DAY) == pytest.approx(0.5, abs=3.0)
    assert hours.usual(-60 * MINUTE) == hours.usual(23 * 60 * MINUTE)


def test_a_state_is_known_once_it_was_met_and_the_longest_unmet_is_forgotten() -> None:
    states = States()
    assert states.nearest(0.0, 0.0) == (0.0, -1)
    for number in range(41):
        states.learn(10.0 * number, 0.0, *states.nearest(10.0 * number, 0.0))
    assert states.nearest(400.0, 0.0) == (0.0, 0)  # in the place of the first
    assert states.nearest(390.0, 0.3)[0] == pytest.approx(0.3)
    assert states.nearest(0.0, 0.0)[0] == pytest.approx(10.0)
    assert len(states.state()[2]) == 40
