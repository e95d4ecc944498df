"""NAB's score on series of 1,000 points, of which the first 150 are not scored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench import nab as bench_nab
from bench.nab_peers import knn_cad, sad_with_gate, windowed_gaussian
from pipeline.domain.errors import ConfigurationError
from pipeline.evaluation.nab import LOW_FN, LOW_FP, PROFILES, STANDARD, Corpus, Labelled, probation, scaled_sigmoid
from pipeline.evaluation.nab_files import Series, is_series_set, read_series, read_set, rows_of, to_time
from pipeline.evaluation.series import (
    Said,
    WindowCount,
    chance,
    constant,
    evaluate,
    model,
    scored,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.evaluation.nab import Profile

ROWS = 1000
ONE_WINDOW = Labelled(ROWS, ((500, 599),))
TWO_WINDOWS = Labelled(ROWS, ((300, 399), (700, 799)))


def detections(*rows: int) -> list[float]:
    return [float(row in rows) for row in range(ROWS)]


def test_a_detection_is_worth_less_the_later_it_comes() -> None:
    worths = [scaled_sigmoid(position) for position in (-1.0, -0.5, 0.0, 1.0, 3.0, 3.1)]
    assert worths == pytest.approx([0.98661, 0.84828, 0.0, -0.98661, -1.0, -1.0], abs=1e-5)


def test_the_beginning_of_a_series_is_not_scored() -> None:
    assert [probation(rows) for rows in (0, 10, 4032, 5000, 22_695)] == [0, 1, 604, 750, 750]
    assert Corpus([ONE_WINDOW]).at([detections(149, 500)], 1.0).normalised == 100.0
    assert Corpus([ONE_WINDOW]).at([detections(150, 500)], 1.0).normalised < 100.0


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_never_is_0_and_perfect_is_100(profile: Profile) -> None:
    corpus = Corpus([ONE_WINDOW, TWO_WINDOWS], profile)
    assert corpus.windows == 3
    assert corpus.at([detections(), detections()], 1.0).normalised == 0.0
    perfect = corpus.best([detections(500), detections(300, 700)])
    assert perfect.normalised == pytest.approx(100.0)
    assert perfect.threshold == 1.0


def test_false_alarms_cost_their_weight_and_misses_theirs() -> None:
    # Raw: a hit of 1 less one false alarm, on the way from -miss to 1.
    hit_and_alarm = [detections(200, 500)]
    assert Corpus([ONE_WINDOW], STANDARD).at(hit_and_alarm, 1.0).normalised == pytest.approx(100 * 1.89 / 2)
    assert Corpus([ONE_WINDOW], LOW_FP).at(hit_and_alarm, 1.0).normalised == pytest.approx(100 * 1.78 / 2)
    assert Corpus([ONE_WINDOW], LOW_FN).at(hit_and_alarm, 1.0).normalised == pytest.approx(100 * 2.89 / 3)
    missed = [detections(300)]
    assert Corpus([TWO_WINDOWS], STANDARD).at(missed, 1.0).raw == pytest.approx(1.0 - 1.0)
    assert Corpus([TWO_WINDOWS], LOW_FN).at(missed, 1.0).raw == pytest.approx(1.0 - 2.0)


def test_only_the_earliest_detection_in_a_window_counts() -> None:
    corpus = Corpus([ONE_WINDOW])
    assert corpus.at([detections(550, 599)], 1.0) == corpus.at([detections(550)], 1.0)
    assert corpus.at([detections(550)], 1.0).raw == pytest.approx(scaled_sigmoid(-0.5) / scaled_sigmoid(-1.0))


def test_a_false_alarm_shortly_after_a_window_costs_less() -> None:
    corpus = Corpus([ONE_WINDOW])
    costs = [1.0 - corpus.at([detections(500, row)], 1.0).raw for row in (600, 649, 698, 950)]
    assert costs[0] == pytest.approx(0.11 * -scaled_sigmoid(1 / 99))
    assert costs == sorted(costs)
    assert costs[-1] == pytest.approx(0.11)


def test_the_threshold_is_the_best_of_the_whole_corpus_and_equal_scores_are_told_together() -> None:
    calm = [0.1] * ROWS
    first, second = calm.copy(), calm.copy()
    first[500], second[300], second[700] = 0.9, 0.6, 0.6
    best = Corpus([ONE_WINDOW, TWO_WINDOWS]).best([first, second])
    assert best.threshold == 0.6
    assert best.normalised == pytest.approx(100.0)
    first[200] = 0.6
    assert Corpus([ONE_WINDOW, TWO_WINDOWS]).best([first, second]).raw == pytest.approx(3 - 0.11)


def test_a_constant_score_is_best_told_never() -> None:
    best = Corpus([ONE_WINDOW]).best([[0.5] * ROWS])
    assert (best.threshold, best.normalised) == (float("inf"), 0.0)


def test_no_series_and_series_without_windows_have_a_score() -> None:
    assert Corpus([]).best([]).normalised == 0.0
    assert Corpus([Labelled(0), Labelled(ROWS)]).best([[], detections(500)]).normalised == 0.0


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(ValueError, match="3 scores for 1000 points"):
        Corpus([ONE_WINDOW]).best([[0.0, 1.0, 2.0]])
    with pytest.raises(ValueError, match="NaN"):
        Corpus([Labelled(1)]).best([[float("nan")]])
    with pytest.raises(ValueError, match="not apart"):
        Labelled(ROWS, ((5, 9), (9, 12)))
    with pytest.raises(ValueError, match="beyond the 10 points"):
        Labelled(10, ((5, 10),))


@pytest.mark.skipif(not bench_nab.FOLDER.exists(), reason="the corpus of NAB is not beside the checkout")
def test_a_detector_whose_scores_are_published_gets_them() -> None:
    series = bench_nab.corpus(bench_nab.FOLDER)
    scores = [windowed_gaussian(bench_nab.values_of(one)) for one in series]
    assert bench_nab.best_of(series, scores) == {
        "standard": 39.65,
        "reward_low_FP_rate": 20.87,
        "reward_low_FN_rate": 47.41,
    }


def test_what_is_known_of_simple_detectors() -> None:
    values = [10.0, 12.0] * 200 + [30.0]
    assert windowed_gaussian(values)[-1] == 1.0
    assert sad_with_gate(values)[-1] == pytest.approx(19.0, rel=0.01)  # (30 - 11) / 1
    assert len(knn_cad(values)) == len(values)
    assert set(knn_cad([1.0] * 10)) == {0.0}


def test_a_level_that_is_set_on_other_groups_is_told_beside_the_best() -> None:
    def one(group: str, spike: float) -> tuple[Series, list[float]]:
        stamps = tuple(map(str, range(ROWS)))
        series = Series(f"{group}/x.csv", stamps, tuple(range(ROWS)), (0.0,) * ROWS, ONE_WINDOW)
        return series, [spike if row == 500 else 0.0 for row in range(ROWS)]

    given = [one("a", 1.1), one("b", 0.8), one("c", 0.5)]
    groups = bench_nab.by_group([series for series, _ in given], [unusual for _, unusual in given])
    assert [groups[group]["as_set"] for group in "abc"] == pytest.approx([100.0, 0.0, 0.0])
    assert [groups[group]["at_its_own_level"] for group in "abc"] == pytest.approx([100.0, 100.0, 0.0])
    assert [groups[group]["level_of_the_others"] for group in "abc"] == [0.7, 0.7, 0.7]
    assert bench_nab.left_out(groups) == pytest.approx(200 / 3)


# -- files


def written(folder: Path, text: str) -> Path:
    path = folder / "one.csv"
    path.write_text(text)
    return path


def test_a_series_is_read_with_a_head_or_without_and_in_any_zone(tmp_path: Path) -> None:
    lines = "2026-01-31 12:00:00,1.5\n2026-01-31T13:00:01+01:00,2\n2026-01-31T12:00:02.500Z,nan\n2026-01-31 12:00:03,\n"
    for head in ("", "timestamp,value\n", "TimeStamp,Value,Label\n"):
        series = read_series(written(tmp_path, head + lines), "one.csv")
        noon = to_time("2026-01-31 12:00:00")
        assert [at - noon for at in series.times] == [0, 1000, 2500, 3000]
        assert series.values == (1.5, 2.0, None, None)
        assert series.stamps[1] == "2026-01-31T13:00:01+01:00"


def test_a_line_that_is_no_point_is_named_with_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"one.csv, line 3: no point. Write a time such as"):
        read_series(written(tmp_path, "timestamp,value\n2026-01-31 12:00:00,1\nyesterday,2\n"), "one.csv")
    with pytest.raises(ConfigurationError, match=r"windows.json"):
        list(read_set(tmp_path))


def test_a_window_is_the_points_in_its_span() -> None:
    times = [0, 10, 20, 20, 30, 40, 50]
    assert rows_of(times, [(10, 20)]) == ((1, 2),)  # NAB ends a window at the first point of its last time
    assert rows_of(times, [(5, 25)]) == ((1, 3),)
    assert rows_of(times, [(35, 100), (-5, 5)]) == ((0, 0), (5, 6))
    assert rows_of(times, [(0, 20), (15, 35), (41, 49)]) == ((0, 4),)


def test_a_folder_of_series_is_a_set_and_files_without_an_entry_have_no_windows(tmp_path: Path) -> None:
    (tmp_path / "series" / "a").mkdir(parents=True)
    (tmp_path / "windows.json").write_text('{"a/x.csv": [["2026-01-01 00:00:01", "2026-01-01 00:00:02"]]}')
    for name in ("x", "y"):
        lines = "".join(f"2026-01-01 00:00:0{second},{second}\n" for second in range(4))
        (tmp_path / "series" / "a" / f"{name}.csv").write_text("timestamp,value\n" + lines)
    x, y = read_set(tmp_path)
    assert is_series_set(tmp_path)
    assert not is_series_set(tmp_path / "series")
    assert (x.name, x.labelled) == ("a/x.csv", Labelled(4, ((1, 2),)))
    assert (y.name, y.labelled) == ("a/y.csv", Labelled(4))


# -- detectors on a set


def spiked(folder: Path) -> Path:
    (folder / "series").mkdir()
    minutes = [f"2026-01-{1 + row // 1440:02d} {row // 60 % 24:02d}:{row % 60:02d}:00" for row in range(ROWS)]
    (folder / "windows.json").write_text(f'{{"one.csv": [["{minutes[500]}", "{minutes[599]}"]]}}')
    values = [f"{100 + row % 7 + (900 if 520 <= row < 530 else 0)}" for row in range(ROWS)]
    values[777] = "NaN"
    (folder / "series" / "one.csv").write_text(
        "timestamp,value\n" + "".join(f"{at},{value}\n" for at, value in zip(minutes, values, strict=True))
    )
    return folder


def test_the_model_finds_a_spike_and_the_baselines_do_not(tmp_path: Path) -> None:
    told: list[Said] = []
    scores = evaluate(list(read_set(spiked(tmp_path))), told.extend)
    assert [one.timestamp for one in told if one.detection] == ["2026-01-01 08:40:00"]
    assert scores["model"].windows == WindowCount(found=1, missed=0, false_alarms=0)
    assert scores["model"].told[0].normalised == scores["model"].best[0].normalised > 98.0
    assert scores["constant"].best[0].normalised == 0.0
    assert scores["random"].best[0].normalised < scores["model"].best[0].normalised


def test_a_point_without_a_number_is_said_nothing_of(tmp_path: Path) -> None:
    (series,) = read_set(spiked(tmp_path))
    assert model(series)[777] == Said("one.csv", "2026-01-01 12:57:00", 0.0, detection=False)
    assert len(model(series)) == len(chance(series)) == len(constant(series)) == ROWS


def test_chance_is_the_same_on_every_run(tmp_path: Path) -> None:
    (series,) = read_set(spiked(tmp_path))
    assert chance(series) == chance(series)


def test_windows_are_counted_once_however_often_they_are_found(tmp_path: Path) -> None:
    (series,) = read_set(spiked(tmp_path))
    rows = (100, 300, 550, 560, 700)
    said = [Said("one.csv", stamp, 0.5, row in rows) for row, stamp in enumerate(series.stamps)]
    count = scored([series], [said]).windows
    assert count == WindowCount(found=1, missed=0, false_alarms=2)
    assert count.precision == pytest.approx(1 / 3)
    assert (count.recall, count.f1) == (1.0, 0.5)
    assert (WindowCount().precision, WindowCount().recall, WindowCount().f1) == (1.0, 1.0, 1.0)
