from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pipeline.schemas.own import HIDDEN
from tests.ledger_program import NOBODY, run
from tests.ledger_records import MINUTE, SIX, change, own_change, recorded

if TYPE_CHECKING:
    from pathlib import Path

DAY = 24 * 60 * MINUTE
MIDNIGHT = SIX - 6 * 60 * MINUTE
REPORT = own_change(
    HIDDEN, "resolved", MIDNIGHT, since=MIDNIGHT - DAY, extra={"day": "2026-11-22", "hidden": {"storm": 1234}}
)
TODAY = change("suppressed", SIX, suppressed_by=["silence:db-upgrade"])


@pytest.fixture
def changes(tmp_path: Path) -> Path:
    file = tmp_path / "changes.jsonl"
    file.write_bytes(b"".join(recorded(value, at) + b"\n" for value, at in ((REPORT, MIDNIGHT), (TODAY, SIX))))
    return file


def test_each_day_and_suppressor_is_a_line(changes: Path) -> None:
    result = run("hidden", "acme", "--file", changes)
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["day", "suppressor", "hidden", "as"],
        ["2026-11-23", "silence:db-upgrade", "1", "counted", "so", "far"],
        ["2026-11-22", "storm", "1,234", "reported"],
    ]


def test_as_json_each_day_says_whether_it_was_reported(changes: Path) -> None:
    assert json.loads(run("hidden", "acme", "--file", changes, "--json").stdout) == [
        {"day": "2026-11-23", "is_reported": False, "hidden": {"silence:db-upgrade": 1}},
        {"day": "2026-11-22", "is_reported": True, "hidden": {"storm": 1234}},
    ]


def test_days_are_counted_back_from_the_newest_record_of_a_file(changes: Path) -> None:
    found = json.loads(run("hidden", "acme", "--days", "1", "--file", changes, "--json").stdout)
    assert [one["day"] for one in found] == ["2026-11-23"]


def test_lines_of_replay_are_read_as_well() -> None:
    found = json.loads(run("hidden", "acme", "--file", "-", "--json", stdin=TODAY + b"\n" + REPORT).stdout)
    assert [one["day"] for one in found] == ["2026-11-23", "2026-11-22"]


def test_nothing_hidden_is_said() -> None:
    result = run("hidden", "acme", "--file", "-", stdin=change())
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "Nothing of acme was hidden, from 2026-11-17 on.\n"


def test_a_tenant_that_is_not_there_is_a_failure_that_names_those_who_are(changes: Path) -> None:
    result = run("hidden", "acne", "--file", changes)
    assert result.exit_code == 1
    assert "nothing of tenant acne is there, only of acme." in result.stderr


def test_a_name_cannot_steer_the_terminal() -> None:
    result = run("hidden", "acme", "--file", "-", stdin=change("suppressed", suppressed_by=["silence:\x1b[2J"]))
    assert "silence:�[2J" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_broker_that_does_not_answer_is_a_failure_with_its_address() -> None:
    result = run("hidden", "acme")
    assert (result.exit_code, NOBODY in result.stderr, "Traceback" in result.output) == (1, True, False)


def test_help_has_an_example() -> None:
    assert "core-alerts hidden acme --days 2" in run("hidden", "--help").stdout
