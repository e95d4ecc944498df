from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from bench import report, storm_detection
from bench.storm_detection import Score, Sent, detect, episode_score, episodes, minute_score, scenario
from pipeline.domain.storms import StormPolicy

if TYPE_CHECKING:
    from pathlib import Path

LINES = [
    {"time": str(60 * minute), "name": f"Wazuh: {name}", "ip": "10.0.0.1", "host": "h", "event_label": label}
    for minute, times, label in ((100, 10, "-"), (200, 300, "dirb"), (201, 300, "wpscan"), (300, 600, "-"))
    for name in ("x", "y")
    for _ in range(times)
]


def written(folder: Path) -> Path:
    (folder / "one.jsonl").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    with gzip.open(folder / "two.jsonl.gz", "wt") as file:
        file.write((folder / "one.jsonl").read_text())
    return folder


def test_minutes_are_compared_one_by_one() -> None:
    assert minute_score([1, 2, 3], [2, 3, 4, 5]) == Score(tp=2, fp=1, fn=2)


def test_an_episode_is_found_if_a_storm_overlaps_it() -> None:
    assert episode_score([(1, 2), (10, 20)], [(2, 5), (20, 21), (30, 30)]) == Score(tp=2, fp=0, fn=1)
    assert episode_score([(1, 2), (4, 4)], [(3, 3)]) == Score(tp=0, fp=2, fn=1)


def test_minutes_that_lie_close_together_are_one_episode() -> None:
    assert episodes({9, 1, 3, 2}, gap=5) == [(1, 3), (9, 9)]
    assert episodes({8, 1, 3, 2}, gap=5) == [(1, 8)]


def test_the_figures_follow_from_the_counts() -> None:
    told = Score(tp=3, fp=1, fn=2).told()
    assert (told["precision"], told["recall"]) == (0.75, 0.6)
    assert told["f1"] == pytest.approx(2 / 3)
    assert Score().told() == {"tp": 0, "fp": 0, "fn": 0, "precision": 1.0, "recall": 1.0, "f1": 1.0}


def test_a_name_is_read_without_its_sender(tmp_path: Path) -> None:
    first, *_ = scenario(written(tmp_path) / "two.jsonl.gz")
    assert first == Sent(100, b"x\0h\00010.0.0.1", "x", "h", scan=False)


def test_the_detector_finds_what_is_over_the_limit_and_where_the_storms_are(tmp_path: Path) -> None:
    found = detect(list(scenario(written(tmp_path) / "one.jsonl")), StormPolicy())
    assert found.over == {200, 201, 300}
    assert found.storms == [(200, 201), (300, 300)]


def test_the_bench_scores_every_scenario_and_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written_to = {}
    monkeypatch.setattr(report, "write_result", lambda name, data: written_to.update({name: data}))
    storm_detection.main(written(tmp_path))
    result = written_to["storm_detection"]
    assert list(result["scenarios"]) == ["one", "two"]
    in_all = result["in_all"]["minutes"]
    assert (in_all["tp"], in_all["fp"], in_all["fn"], in_all["f1"]) == (4, 2, 0, pytest.approx(0.8))


def test_without_the_data_the_bench_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storm_detection.main(tmp_path)
    assert "nothing was measured" in capsys.readouterr().out
