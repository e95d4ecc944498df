from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench import noise, report
from bench.noise import Line, RatePerRule, by_step, judged, pooled, scenario, taught, with_others
from pipeline.domain.severity import Severity
from pipeline.evaluation.classification import auc

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def line(name: str, at: int, step: str | None = None) -> Line:
    return Line(at, name, "Wazuh", "h", Severity.WARNING, step, 0, changes=True, anomaly=0.0)


def written(folder: Path) -> Path:
    """Write two scenarios: every ten minutes noise, and in the end an attack of two steps."""
    for file in ("one", "two"):
        noise_lines = [(600 * number, "Wazuh: login", "-") for number in range(400)]
        attack = [(240_100, "Wazuh: scan", "dirb"), (240_101, "Wazuh: scan", "dirb"), (241_000, "AMiner: odd", "shell")]
        with (folder / f"{file}.jsonl").open("w") as out:
            for at, name, label in noise_lines + attack:
                told = {"time": str(at), "name": name, "ip": "i", "host": "h", "short": name, "event_label": label}
                out.write(json.dumps(told) + "\n")
    return folder


def test_what_comes_while_its_like_is_active_repeats_it(tmp_path: Path) -> None:
    first, second, third = scenario(written(tmp_path) / "one.jsonl")[-3:]
    assert [(one.changes, one.change) for one in (first, second, third)] == [(True, 400), (False, 400), (True, 402)]
    assert second.anomaly == first.anomaly
    assert (first.name, first.source, first.step) == ("scan", "Wazuh", "dirb")


def test_the_steps_together_give_the_area_under_the_curve() -> None:
    lines = [line("a", 0), line("b", 0, "s"), line("c", 0, "s"), line("d", 0, "t"), line("e", 0)]
    scores = [0.5, 0.4, 0.9, 0.5, 0.1]
    steps = by_step(scores, lines)
    assert steps == [(0.5 + 1, 2), (0.75, 1)]
    assert pooled(steps) == auc(scores, [one.step is not None for one in lines])


def test_the_baseline_is_the_smoothed_rate_and_hides_nothing_that_it_has_not_seen() -> None:
    judge = taught(RatePerRule(), [line("a", 0)] * 20 + [line("b", 0, "s")])
    assert judge.told(line("a", 1)) == (1 - 0.01 / 21, True)
    assert judge.told(line("b", 1)) == (1 - 1.01 / 2, False)
    assert judge.told(line("c", 1)) == (0.99, False)


def test_labels_come_an_hour_late() -> None:
    lines = [line("a", minute * 60_000, "s") for minute in (0, 59, 60, 61)]
    scores = [score for score, _ in judged(RatePerRule(), lines, lines)]
    assert scores == [0.99, 0.99, 1 - 1.01 / 2, 1 - 1.01 / 2]


def test_names_within_five_minutes_are_at_the_same_time() -> None:
    lines = [line("a", 0), line("b", 300_000), line("b", 300_000), line("c", 600_000)]
    assert [others for _, others in with_others(lines)] == [1, 2, 2, 1]


def test_the_bench_measures_every_pair_of_scenarios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results: dict[str, Any] = {}
    monkeypatch.setattr(report, "write_result", lambda name, data: results.update({name: data}))
    noise.main(written(tmp_path))
    assert len(results["noise"]["results"]) == 2 * 3 * 6 * 2
    for one in results["noise"]["results"]:
        assert (one["auc"], one["noise_hidden"], one["attack_hidden"], one["steps_kept"]) == (1, 1, 0, 2)
    assert [one["auc"] for one in results["noise"]["outcomes"] if one["opinions"] == 200] == [1] * 8
    assert [one["scenario"] for one in results["alert_stream"]["results"]] == ["one"] * 3 + ["two"] * 3


def test_without_the_data_the_bench_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise.main(tmp_path)
    assert "nothing was measured" in capsys.readouterr().out
