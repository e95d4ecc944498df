from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from bench import faults
from bench.faults import Fault, Row, all_faults, chosen, main, row_of, save, survive
from bench.figures import page
from tests.integration.harness.oracle import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.harness.scene import Guarantee

KILL = chosen("kill")[0]
ROW = Row("kill", "kill -9 of the worker", "at_least_once", 20, "survived", 70.0, 3.25, 200_000, 40_000, 0, 0, 0, 7)


def scene(**facts: Any) -> Any:
    plain = {"recovered_after": [1.5, 3.25], "stopped_after": [], "damaged": 0, "noticed": 0, "restarts": 0}
    return SimpleNamespace(**{**plain, "caught_up_after": None, **facts})


def row(counts: dict[str, Any], guarantee: Guarantee = "at_least_once", fault: Fault = KILL, **facts: Any) -> Row:
    verdict = Verdict(1000, Counter({"opened": 150, "resolved": 50}), **counts)
    return row_of(fault, guarantee, scene(**facts), verdict, took_s=9.0)


def test_every_fault_has_a_name_of_its_own_and_a_kind_names_all_of_its_faults() -> None:
    names = [fault.name for fault in all_faults()]
    assert len(set(names)) == len(names)
    assert [fault.name for fault in chosen("broker")] == ["broker"]
    assert {"flip-sst", "flip-manifest", "flip-current"} <= {fault.name for fault in chosen("flip")}
    assert chosen("flip-sst")[0].title.endswith("*.sst")
    assert [fault.name for fault in chosen(None)] == names


def test_a_quick_run_has_the_same_faults_and_fewer_rounds() -> None:
    full, quick = all_faults(), all_faults(quick=True)
    assert [fault.name for fault in full] == [fault.name for fault in quick]
    assert sum(fault.rounds for fault in quick) < sum(fault.rounds for fault in full)
    assert chosen("kill")[0].rounds == 20
    assert "1,000,000" in chosen("outage")[0].title


def test_a_run_like_the_oracle_survived_with_its_worst_time() -> None:
    made = row({})
    assert (made.verdict, made.survived, made.ready_s) == ("survived", True, 3.25)
    assert (made.records, made.expected, made.lost, made.counted_twice, made.differing) == (1000, 200, 0, 0, 0)


@pytest.mark.parametrize(
    ("name", "guarantee", "said"),
    [
        ("kill", "at_least_once", "survived"),
        ("kill", "exactly_once", "repeated 3"),
        ("sigterm", "at_least_once", "repeated 3"),
    ],
)
def test_an_output_may_be_repeated_only_where_the_guarantee_allows_it(
    name: str, guarantee: Guarantee, said: str
) -> None:
    made = row({"repeated": 3}, guarantee, chosen(name)[0])
    assert (made.verdict, made.repeated) == (said, 3)


def test_whatever_differs_is_in_the_verdict() -> None:
    made = row({"lost": 1, "counted_twice": 2, "rows_differing": 2, "unexpected": 4})
    assert (made.lost, made.counted_twice, made.differing, made.survived) == (1, 2, 6, False)
    assert made.verdict == "lost 1, unexpected 4, counted_twice 2, rows_differing 2"


def test_damage_without_a_file_is_no_success() -> None:
    flip = chosen("flip-sst")[0]
    assert row({}, fault=flip).verdict == "there was no file to damage"
    assert row({}, fault=flip, damaged=8, noticed=5).remark == "8 files changed, 5 stores found damaged and restored"


def test_stops_restarts_and_the_end_of_a_backlog_are_remarked() -> None:
    made = row({}, stopped_after=[0.4, 0.75], restarts=2, caught_up_after=31.2)
    assert made.remark == (
        "exit 0 within 0.8 s; workers that ended and were started again: 2; caught up 31 s after the start"
    )


def test_a_fault_that_could_not_be_judged_is_a_row_and_not_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_broker(*_: object) -> None:
        raise TimeoutError("progress: not within 90 s\nthe log")

    monkeypatch.setattr(faults, "scene_of_its_own", no_broker)
    made = survive(KILL, "exactly_once")
    assert (made.verdict, made.lost, made.survived) == ("failed: TimeoutError: progress: not within 90 s", None, False)
    assert capsys.readouterr().out.count("kill, exactly_once: ") == 2


@pytest.mark.parametrize(("said", "code"), [("survived", 0), ("lost 1", 1)])
def test_the_exit_code_says_whether_all_was_survived_and_a_trial_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], said: str, code: int
) -> None:
    monkeypatch.setattr(faults, "survive", lambda *_: replace(ROW, verdict=said))
    monkeypatch.setattr(faults, "save", lambda *_: pytest.fail("a trial was saved"))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    assert main(["--quick", "--only", "kill"]) == code
    printed = capsys.readouterr().out
    assert "200,000" in printed
    assert "no result was written" in printed


def test_the_page_of_figures_shows_what_was_saved(tmp_path: Path) -> None:
    failed = Row("outage", "outage of an hour", "exactly_once", 1, "failed: TimeoutError: progress", 90.0)
    save([ROW, failed], tmp_path)
    assert json.loads((tmp_path / "faults.json").read_text())["faults"][0]["repeated"] == 7
    assert (tmp_path / "faults.png").exists()
    shown = page(tmp_path)
    assert (
        "| kill -9 of the worker | at_least_once | 20 | 200,000 | 40,000 | 0 | 0 | 0 | 7 | 3.2 s | survived |  |"
        in shown
    )
    assert "| - | failed: TimeoutError: progress |  |" in shown
