from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import typer
from typer.testing import CliRunner

from pipeline.commands.context import Commands
from pipeline.commands.control_tests import test as control_test
from pipeline.commands.program import program

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

NOBODY = "127.0.0.1:1"  # no broker ever listens there
ALERTS: list[dict[str, object]] = [
    {"name": "NodeDown", "severity": "critical", "starts_at": "2026-01-01T10:00:00Z"},
    {"name": "HighCPU", "severity": "critical", "labels": {"host": "a"}, "starts_at": "2026-01-01T10:01:00Z"},
    {"name": "HighCPU", "status": "resolved", "labels": {"host": "a"}, "ends_at": "2026-01-01T12:02:00Z"},
]
SILENCE = """\
kind: silence
id: quiet
tenant: acme
comment: why
spec: {matchers: [alertname=HighCPU], starts_at: 2026-01-01T00:00:00Z, ends_at: 2026-01-02T00:00:00Z}
"""
TEST = """\
---
kind: test
id: hides
tenant: acme
spec:
  at: 2026-01-01T10:00:00Z
  steps:
    - {at: +1m, alert: {name: HighCPU}}
    - {at: +1m, expect: {verdict: suppressed, suppressed_by: ["silence:quiet"]}}
"""


def run(*arguments: str | Path, app: typer.Typer = program) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments], env={"CORE_ALERTS_BROKER": NOBODY})


@pytest.fixture
def alerts(tmp_path: Path) -> Path:
    file = tmp_path / "alerts.jsonl"
    file.write_text("".join(json.dumps({"tenant_id": "acme", **one}) + "\n" for one in ALERTS))
    return file


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "rules.yml").write_text(SILENCE)
    return folder


# -- replay under rules


def test_a_replay_runs_under_the_rules_of_a_folder(alerts: Path, rules: Path) -> None:
    result = run("replay", alerts, "--control", rules)
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(one["name"], one["change"], one["suppressed_by"]) for one in told] == [
        ("NodeDown", "opened", []),
        ("HighCPU", "opened", ["silence:quiet"]),
        ("NodeDown", "expired", []),
        ("HighCPU", "expired", ["silence:quiet"]),
    ]
    assert "2 suppressed (silence 2)" in result.stderr


def test_a_replay_runs_under_a_recording_of_the_topic_of_rules(alerts: Path, rules: Path, tmp_path: Path) -> None:
    value = {"tenant_id": "acme", "kind": "silence", "id": "quiet", "version": 1, "author": "ada", "comment": "why"}
    value |= {"updated_at": "2026-01-01T10:00:30Z", "spec": {"matchers": ["alertname=HighCPU"]}}
    value["spec"] |= {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-02T00:00:00Z"}  # type: ignore[operator]
    record = {"topic": "control", "partition": 0, "offset": 3, "timestamp": 1_767_261_630_000, "headers": []}
    recording = tmp_path / "control.jsonl"
    recording.write_text(json.dumps({**record, "key": "acme/silence/quiet", "value": value}))
    result = run("replay", alerts, "--control", recording, "--out", tmp_path / "by-recording")
    assert (result.exit_code, "1 control records taken in" in result.stderr) == (0, True)
    run("replay", alerts, "--control", rules, "--out", tmp_path / "by-folder")
    by_recording, by_folder = ((tmp_path / name).read_text() for name in ("by-recording", "by-folder"))
    assert by_recording.count('"suppressed_by":["silence:quiet"]') == 2
    assert by_recording.replace('"author":"ada"', '"author":"-"').count("quiet") == by_folder.count("quiet")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "Give either FILE or --from-topic."),
        (("FILE", "--from-topic"), "Give either FILE or --from-topic."),
        (("FILE", "--since", "2h"), "--since and --until go with --from-topic. A file is read as a whole."),
        (("--from-topic", "--partitions", "4"), "--partitions does not go with --from-topic"),
        (("--from-topic", "--since", "soon"), "--since: 'soon' is no time."),
        (("--from-topic", "--since", "1h", "--until", "2h"), "--since is not before --until."),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    alerts: Path, arguments: tuple[str, ...], problem: str
) -> None:
    given = [alerts if one == "FILE" else one for one in arguments]
    for command in (("replay",), ("backtest", "--candidate", alerts)):
        result = run(*command, *given)
        assert (result.exit_code, problem in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize("command", ["replay", "backtest"])
def test_a_broker_that_does_not_answer_is_a_failure_with_its_address(command: str, rules: Path) -> None:
    options = ("--candidate", rules) if command == "backtest" else ()
    result = run(command, "--from-topic", *options)
    assert (result.exit_code, NOBODY in result.stderr) == (1, True)
    assert "Traceback" not in result.output


# -- backtest


def test_a_backtest_says_what_a_candidate_hides_more(alerts: Path, rules: Path) -> None:
    result = run("backtest", alerts, "--candidate", rules)
    assert (result.exit_code, result.stderr) == (0, "")
    assert (
        result.stdout
        == """\
From 2026-01-01T10:00:00Z to 2026-01-01T12:02:00Z (2h2m): 3 alerts in.

                         now  candidate
changes to be seen         4          2
suppressed                 0          2
  by silence               0          2
storms                     0          0
flapping begun             0          0
noise reduction     -33.33 %    33.33 %

Newly hidden: 1 alerts (1 critical), 2 changes (2 critical).
rule           alerts  of which critical  changes  of which critical
silence:quiet       1                  1        2                  2
name     severity  alerts  of which critical  changes  of which critical
HighCPU  critical       1                  1        2                  2
  2026-01-01T10:01:00Z  acme  opened  critical  HighCPU  {host="a"}  by silence:quiet
  2026-01-01T10:06:00Z  acme  expired  critical  HighCPU  {host="a"}  by silence:quiet

Released: nothing.

Changes to be seen from 2026-01-01T10:00:00Z on; a mark is 1h, the highest 4:
  now        █
  candidate  ▅
"""
    )


def test_a_backtest_compares_with_the_rules_as_they_are(alerts: Path, rules: Path) -> None:
    result = run("backtest", alerts, "--control", rules, "--candidate", rules, "--json")
    found = json.loads(result.stdout)
    assert (found["hidden"]["changes"], found["released"]["changes"]) == (0, 0)
    assert (found["now"]["suppressed"], found["candidate"]["suppressed"]) == (2, 2)


def test_a_backtest_fails_on_critical_changes_that_would_be_hidden_if_it_is_told_to(alerts: Path, rules: Path) -> None:
    strict = ("--fail-on-hidden-critical",)
    result = run("backtest", alerts, "--candidate", rules, *strict)
    assert (result.exit_code, result.stderr) == (1, "core-alerts: 2 critical changes would be hidden.\n")
    assert run("backtest", alerts, "--control", rules, "--candidate", rules, *strict).exit_code == 0


def test_a_backtest_draws_a_picture_where_it_is_told_to(alerts: Path, rules: Path, tmp_path: Path) -> None:
    assert run("backtest", alerts, "--candidate", rules, "--png", tmp_path / "a.png").exit_code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_reach_of_one_rule_is_one_sentence_and_a_table(alerts: Path, tmp_path: Path) -> None:
    rule = tmp_path / "rule.yml"
    rule.write_text(SILENCE.replace("2026-", "2031-"))
    lines = run("backtest", alerts, "--rule", rule).stdout.splitlines()
    assert lines[0] == (
        "From 2026-01-01T10:00:00Z to 2026-01-01T12:02:00Z (2h2m) it would have hidden 1 alerts, of which 1 critical "
        "(2 changes, of which 2 critical)."
    )
    assert lines[4].split() == ["HighCPU", "critical", "1", "1", "2", "2"]
    scheduled = run("backtest", alerts, "--rule", rule, "--as-scheduled").stdout
    assert scheduled.splitlines()[0].endswith("(2h2m) it would have hidden nothing.")


@pytest.mark.parametrize("both", [True, False])
def test_a_backtest_is_of_a_candidate_or_of_one_rule(alerts: Path, rules: Path, both: bool) -> None:
    given = ("--candidate", rules, "--rule", rules / "rules.yml") if both else ()
    result = run("backtest", alerts, *given)
    assert (result.exit_code, "Give either --candidate" in result.stderr) == (2, True)


def test_rules_that_are_wrong_are_wrong_usage_with_each_place(alerts: Path, rules: Path) -> None:
    (rules / "rules.yml").write_text(SILENCE.replace("matchers", "matcher"))
    result = run("backtest", alerts, "--candidate", rules)
    assert (result.exit_code, f"{rules}/rules.yml:5: spec.matcher" in result.stderr) == (2, True)


# -- control test


def checked(*arguments: str | Path) -> Result:
    app = typer.Typer(cls=Commands)
    app.command()(control_test)
    app.command("other")(lambda: None)  # with one command only, typer takes no name
    return run("test", *arguments, app=app)


def test_tests_of_rules_that_pass_are_a_line_each(rules: Path) -> None:
    (rules / "rules.yml").write_text(SILENCE + TEST)
    result = checked(rules)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "ok      acme/hides\n", "1 of 1 tests passed.\n")


def test_a_test_of_rules_that_fails_is_a_failure_with_what_is_otherwise(rules: Path) -> None:
    (rules / "rules.yml").write_text(SILENCE + TEST.replace("suppressed,", "active,"))
    result = checked(rules)
    assert result.exit_code == 1
    assert "    verdict  expected active, got suppressed\n" in result.stdout
    found = json.loads(checked(rules, "--json").stdout)["tests"][0]
    assert (found["passed"], found["failures"][0]["mismatches"][0]["got"]) == (False, "suppressed")


def test_a_folder_without_tests_says_so(rules: Path) -> None:
    result = checked(rules)
    assert (result.exit_code, result.stderr) == (0, f"{rules} has no tests.\n")


def test_no_test_runs_where_a_file_is_wrong(rules: Path) -> None:
    (rules / "rules.yml").write_text(SILENCE + TEST.replace("+1m", "soon"))
    result = checked(rules)
    assert (result.exit_code, "No test was run" in result.stderr) == (2, True)
    assert json.loads(checked(rules, "--json").stdout)["problems"][0]["path"] == "spec.steps[0].at"
