from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.domain.correlation.views import Link
from pipeline.schemas.control_records import ControlKey, new_record
from tests.incident_records import incident, member
from tests.ledger_program import NOBODY, run
from tests.ledger_records import MINUTE, SIX, change, recorded

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

NAMED: dict[str, Any] = {"name": "HighCPU", "source": "prometheus"}
TOPOLOGY = Link("topology", 0.8, 1000, "f2", "db")
LATER = SIX + 10 * MINUTE


def feedback(number: int, at: int = LATER, *, kind: str = "feedback", rule: str = "", **spec: Any) -> bytes:
    """Return a line of a recording of the topic control."""
    key = ControlKey("acme", kind, rule or f"o{number}")
    return recorded(
        new_record(key, 1, "ada", at, "", json.dumps(spec).encode()).value, at, topic="control", key=str(key)
    )


def scored(fingerprint: str, noise: float, instance: str, at: int = SIX) -> bytes:
    return change("opened", at, fingerprint=fingerprint, labels={"instance": instance}, scores={"noise": noise})


CHANGES = [scored("f1", 0.95, "a"), scored("f2", 0.99, "b"), scored("f3", 0.5, "c"), scored("f4", 0.1, "d")]
INCIDENTS = [
    incident("opened", SIX, member("f2"), about=["f2"], causes=["cart", "db"]),
    incident("joined", SIX + MINUTE, member("f2"), member("f1", TOPOLOGY), about=["f1"], causes=["cart", "db"]),
]
FEEDBACK = [
    feedback(1, says="noise", **NAMED, instance="a"),
    feedback(2, says="wanted", **NAMED, instance="b"),
    feedback(3, says="noise", **NAMED, instance="c"),
    feedback(4, says="noise", **NAMED, instance="elsewhere"),
    feedback(5, says="belongs", incident="i1", fingerprint="f1"),
    feedback(6, says="root_cause", incident="i1", node="db"),
]


@pytest.fixture
def asked(tmp_path: Path) -> list[object]:
    """The options that name the files."""
    files = {"--file": CHANGES, "--incidents": INCIDENTS, "--control": FEEDBACK}
    options: list[object] = []
    for option, lines in files.items():
        path = tmp_path / f"{option.strip('-')}.jsonl"
        path.write_bytes(b"\n".join(lines) + b"\n")
        options += [option, path]
    return options


def with_feedback(asked: list[object], *lines: bytes) -> Result:
    """Return the outcome with other feedback."""
    path = asked[-1]
    path.write_bytes(b"\n".join(lines) + b"\n")  # type: ignore[attr-defined]
    return run("quality", "acme", *asked)


def test_each_measure_is_a_line_with_its_interval_and_its_counts(asked: list[object]) -> None:
    result = run("quality", "acme", *asked)
    assert result.exit_code == 0, result.output
    assert [line.split("  ") for line in _squeezed(result.stdout)] == [
        ["what", "measure", "value", "95 %", "hits", "of", "counts"],
        ["noise", "precision", "0.50", "0.09 to 0.91", "1", "2", "alerts scored as noise that are said to be"],
        ["noise", "recall", "0.50", "0.09 to 0.91", "1", "2", "alerts said to be noise that were scored so"],
        [
            "noise",
            "share",
            "0.67",
            "0.21 to 0.94",
            "2",
            "3",
            "judged alerts that are said to be noise: the precision of calling all so",
        ],
        [
            "grouping",
            "precision",
            "1.00",
            "0.21 to 1.00",
            "1",
            "1",
            "alerts in an incident that are said to belong there",
        ],
        [
            "grouping",
            "recall",
            "1.00",
            "0.21 to 1.00",
            "1",
            "1",
            "alerts said to belong to an incident that were there",
        ],
        [
            "grouping",
            "precision, topology",
            "1.00",
            "0.21 to 1.00",
            "1",
            "1",
            "of those, the ones that joined by topology above all",
        ],
        ["root cause", "named first", "0.00", "0.00 to 0.79", "0", "1", "incidents whose said cause was ranked first"],
        [
            "root cause",
            "named in three",
            "1.00",
            "0.21 to 1.00",
            "1",
            "1",
            "incidents whose said cause was among the first three",
        ],
    ]
    assert result.stderr.splitlines() == [
        "6 opinions, 0 taken back. An alert counts as noise from a score of 0.9 on (the tenant says nothing else).",
        "Not judged, noise: opinions about alerts that are not there: 1.",
        "Too little feedback to go by, fewer than 30 cases: noise precision (2), noise recall (2), noise share (3), "
        "grouping precision (1), grouping recall (1), root cause named first (1), root cause named in three (1).",
    ]


def _squeezed(text: str) -> list[str]:
    """Return lines whose columns are two spaces apart."""
    return ["  ".join(part.strip() for part in line.split("  ") if part.strip()) for line in text.splitlines()]


def test_as_json_the_ranks_are_there_too(asked: list[object]) -> None:
    found = json.loads(run("quality", "acme", *asked, "--json").stdout)
    assert (found["opinions"], found["threshold"], found["ranks"]) == (6, 0.9, {"2": 1})
    assert found["measures"][0] == {
        "what": "noise",
        "measure": "precision",
        "hits": 1,
        "of": 2,
        "value": 0.5,
        "low": pytest.approx(0.0945, abs=1e-4),
        "high": pytest.approx(0.9055, abs=1e-4),
        "counts": "alerts scored as noise that are said to be",
    }


def test_the_threshold_may_be_asked_for_or_be_the_tenants(asked: list[object]) -> None:
    noise = json.loads(run("quality", "acme", *asked, "--threshold", "0.4", "--json").stdout)["measures"]
    assert [(one["hits"], one["of"]) for one in noise[:2]] == [(2, 3), (2, 2)]
    policy = feedback(9, kind="tenant", rule="acme", noise={"hide_from": 0.97})
    result = with_feedback(asked, *FEEDBACK, policy)
    assert "from a score of 0.97 on (tenant policy, version 1)." in result.stderr
    assert _squeezed(result.stdout)[1].startswith("noise  precision  0.00  ")


def test_where_the_tenant_hides_noise_what_was_hidden_is_judged_as_well(asked: list[object]) -> None:
    policy = feedback(9, kind="tenant", rule="acme", noise={"hide_from": 0.98})
    hidden = change(
        "opened", SIX, fingerprint="f5", labels={"instance": "e"}, scores={"noise": 0.99}, suppressed_by=["noise"]
    )
    asked[1].write_bytes(b"\n".join([*CHANGES, hidden]))  # type: ignore[attr-defined]
    result = with_feedback(asked, *FEEDBACK, feedback(7, says="noise", **NAMED, instance="e"), policy)
    assert [line.rpartition("  ")[0] for line in _squeezed(result.stdout)[1:6]] == [
        "noise  precision  0.50  0.09 to 0.91  1  2",
        "noise  recall  0.33  0.06 to 0.79  1  3",
        "noise  share  0.75  0.30 to 0.95  3  4",
        "noise  precision, hidden  1.00  0.21 to 1.00  1  1",
        "noise  recall, hidden  0.33  0.06 to 0.79  1  3",
    ]


def test_only_what_was_said_in_the_time_that_is_asked_for_counts(asked: list[object]) -> None:
    none = run("quality", "acme", *asked, "--until", "2026-11-23T06:10:00Z")
    assert (none.exit_code, none.stdout) == (0, "")
    assert "Nobody has said anything of the alerts of acme." in none.stderr
    all_of_them = json.loads(run("quality", "acme", *asked, "--since", "2026-11-23T06:10:00Z", "--json").stdout)
    assert all_of_them["opinions"] == 6


def test_what_was_taken_back_is_told_where_nothing_is_left(asked: list[object]) -> None:
    key = ControlKey("acme", "feedback", "o1")
    deleted = recorded(new_record(key, 2, "ada", LATER, "", None).value, LATER, topic="control", key=str(key))
    result = with_feedback(asked, FEEDBACK[0], deleted)
    assert "Nobody has said anything of the alerts of acme, or took back what they had said (1)." in result.stderr


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ("--control", "--file and --control go together"),
        ("--file", "--incidents goes with --file"),
    ],
)
def test_files_that_say_only_half_are_wrong_usage(asked: list[object], left_out: str, message: str) -> None:
    place = asked.index(left_out)
    result = run("quality", "acme", *asked[:place], *asked[place + 2 :])
    assert (result.exit_code, message in result.stderr) == (2, True)


def test_incidents_are_asked_for_with_what_would_have_written_them(asked: list[object]) -> None:
    asked[3] = asked[1]
    result = run("quality", "acme", *asked)
    assert result.exit_code == 2
    assert "has no record of alerts.correlated. Give what `core-alerts tail alerts.correlated" in result.stderr


def test_without_incidents_noise_is_judged_all_the_same(asked: list[object]) -> None:
    found = json.loads(run("quality", "acme", *asked[:2], *asked[4:], "--json").stdout)
    assert [one["of"] for one in found["measures"]] == [2, 2, 3, 0, 0, 0, 0]
    assert [one["count"] for one in found["not_judged"]] == [1, 1, 1]


def test_a_broker_that_does_not_answer_is_a_failure_with_its_address() -> None:
    result = run("quality", "acme")
    assert (result.exit_code, NOBODY in result.stderr, "Traceback" in result.output) == (1, True, False)
