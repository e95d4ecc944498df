"""What holds for a series of any finite values at any times."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.series_anomaly import Judged, Point, SeriesAnomaly
from models.series_gate import CLEARLY, QUIET, WARM

finite = st.floats(allow_nan=False, allow_infinity=False)
times = st.integers(-(1 << 45), 1 << 45)
steps = st.one_of(st.just(0.0), st.sampled_from([1.0, -1.0, 50.0, 1e6]), st.floats(-10, 10, allow_nan=False))
wild = st.lists(st.builds(Point, at=times, value=finite), max_size=60)


@st.composite
def plain(draw: st.DrawFn) -> list[Point]:
    """Draw a series of one level, with here and there something else."""
    rows = draw(st.integers(1, 3 * QUIET + WARM))
    odd = draw(st.dictionaries(st.integers(0, rows - 1), steps, max_size=12))
    return [Point(row * 300_000, 20.0 + row % 5 + odd.get(row, 0.0)) for row in range(rows)]


def run(points: list[Point], model: SeriesAnomaly) -> list[Judged]:
    said = []
    for point in points:
        said.append(model.score(point))
        model.learn(point)
    return said


def known(model: SeriesAnomaly) -> bytes:
    return msgspec.msgpack.encode(model.snapshot())


@given(wild)
def test_whatever_comes_is_judged_with_finite_numbers_in_bounded_memory(points: list[Point]) -> None:
    model = SeriesAnomaly()
    for one in run(points, model):
        assert 0.0 <= one.score <= 1.0
        assert one.detected == (one.score >= 0.5)
        assert all(math.isfinite(part) for reason in one.reasons for part in (reason.value, reason.distance))
    assert len(known(model)) < 3000


@given(wild | plain(), st.data())
def test_a_restored_model_goes_on_as_if_nothing_had_been(points: list[Point], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(points)))
    once, again = SeriesAnomaly(), SeriesAnomaly()
    said = run(points, once)
    before = run(points[:cut], again)
    again = SeriesAnomaly.restore(msgspec.msgpack.decode(known(again)))
    assert before + run(points[cut:], again) == said
    assert known(again) == known(once)


@given(wild, st.lists(st.builds(Point, at=times, value=finite), max_size=5))
def test_scoring_never_learns(points: list[Point], others: list[Point]) -> None:
    model = SeriesAnomaly()
    run(points, model)
    before = known(model)
    assert [model.score(one) for one in others] == [model.score(one) for one in others]
    assert known(model) == before


@given(wild, st.sampled_from([math.nan, math.inf, -math.inf]))
def test_what_is_no_finite_number_is_refused_and_nothing_learned(points: list[Point], bad: float) -> None:
    model = SeriesAnomaly()
    run(points, model)
    before = known(model)
    for call in (model.score, model.learn):
        with pytest.raises(ValueError, match="finite numbers"):
            call(Point(0, bad))
    assert known(model) == before


@given(plain())
def test_detections_lie_apart_unless_one_is_clearly_more_unusual(points: list[Point]) -> None:
    said = run(points, SeriesAnomaly())
    rows = [row for row, one in enumerate(said) if one.detected]
    assert all(row >= WARM for row in rows)
    for before, row in pairwise(rows):
        assert row - before > QUIET or said[row].unusual >= CLEARLY * said[before].unusual


@given(plain(), st.integers(-20, 20))
def test_the_unit_of_a_series_changes_nothing(points: list[Point], power: int) -> None:
    scaled = [Point(one.at, math.ldexp(one.value, power)) for one in points]
    scores = [one.score for one in run(points, SeriesAnomaly())]
    assert [one.score for one in run(scaled, SeriesAnomaly())] == pytest.approx(scores, rel=1e-6, abs=1e-9)
