from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bench import forecast, report
from bench.forecast import BUCKET, Life, Told, WeightedMean, counts_of, flap_figures, lives_of, openings, told_of
from models.volume_forecast import Forecast
from pipeline.exchange import interpret

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.exchange import Line

MINUTE = 60_000


def line(minute: int, name: str = "a") -> Line:
    begin, end = (f"2026-01-01T{at // 60:02}:{at % 60:02}:00Z" for at in (minute, minute + 5))
    alert = {"tenant_id": "t", "name": name, "labels": {"host": "h"}, "starts_at": begin, "ends_at": end}
    return interpret(1, json.dumps(alert).encode())


def life(begin: int, end: int, *, is_new: bool = True, fingerprint: str = "f") -> Life:
    return Life(begin * MINUTE, end * MINUTE, "a", "h", fingerprint, is_new)


def test_empty_buckets_between_the_first_and_the_last_count_as_0() -> None:
    assert counts_of([line(0), line(9), line(30)]) == [2, 0, 0, 1]


def test_the_baseline_is_a_weighted_mean_of_logarithms() -> None:
    mean = WeightedMean(0.5)
    assert mean.forecast() == 0
    mean.learn(0)
    mean.learn(3)
    assert mean.forecast() == pytest.approx(1.0)  # the geometric mean of 1 and 4, less 1


def test_what_is_told_of_a_bucket_was_told_before_it_came() -> None:
    told, cost = told_of([5] * 300 + [100] * 2)
    assert [one.came for one in told[1]] == [5] * 12 + [100] * 2
    assert [one.said.expected for one in told[1]][:13] == [5] * 13
    assert len(told[6]) == 14
    assert cost["snapshot_bytes"] < 2000


def test_the_figures_compare_the_forecast_with_the_baseline() -> None:
    told = [Told(10, Forecast(5, 12, 20), 14, 9, True, 8), Told(4, Forecast(5, 6, 20), 8, 4, False, 8)]
    figures = forecast.volume_figures(told)
    assert (figures["error"], figures["error_weighted_mean"], figures["mase"]) == (2, 4, 0.5)
    assert (figures["coverage"], figures["warnings"], figures["warnings_right"]) == (0.5, 1, 1)
    assert figures["busy_buckets_warned_of"] == 1


def test_a_life_lasts_from_an_opening_to_its_end() -> None:
    first, second, third = lives_of([line(0), line(2), line(20), line(100)])
    assert (first.ended_at - first.opened_at, first.is_new) == (7 * MINUTE, True)
    assert (second.opened_at - first.opened_at, second.is_new) == (20 * MINUTE, False)
    assert (third.name, third.instance, third.is_new) == ("a", "h", True)


def test_an_opening_flapped_if_three_changes_followed_within_half_an_hour() -> None:
    lives = [life(0, 5), life(12, 18, is_new=False), life(100, 105), life(200, 205), life(0, 5, fingerprint="g")]
    assert [(one.opened_at // MINUTE, flapped, at) for one, flapped, at in openings(lives)] == [
        (0, True, 18 * MINUTE),
        (100, False, 130 * MINUTE + 1),
        (200, False, 230 * MINUTE + 1),
        (0, False, 30 * MINUTE + 1),
    ]


def test_where_nothing_flaps_there_is_nothing_to_tell() -> None:
    assert flap_figures([life(100 * number, 100 * number + 5) for number in range(100)]) is None


def test_times_to_resolve_are_told_before_they_are_learned() -> None:
    lives = [life(100 * number, 100 * number + 10) for number in range(60)]
    figures = forecast.resolve_figures(lives)
    assert figures is not None
    assert (figures["lives"], figures["median_seconds"], figures["coverage"]) == (10, 600, 1)
    assert figures["to_per_name"] is None  # neither is ever wrong
    assert forecast.resolve_figures(lives[:50]) is None


def test_without_data_it_says_so_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "write_result", lambda *_: pytest.fail("written"))
    forecast.main(tmp_path)
    assert "nothing was measured" in capsys.readouterr().out


def test_a_bucket_is_ten_minutes() -> None:
    assert BUCKET == 10 * MINUTE
