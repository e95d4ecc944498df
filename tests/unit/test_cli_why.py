from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from pipeline.domain.correlation.views import Link
from pipeline.schemas.control_records import ControlKey, new_record
from tests.incident_records import incident, member
from tests.ledger_program import NOBODY, run
from tests.ledger_records import FIRST_SEEN, MINUTE, SIX, change, recorded

if TYPE_CHECKING:
    from pathlib import Path

BY_SILENCE = ["silence:db-upgrade"]
SILENCED = ("silence", "suppress", "silenced", "db-upgrade", 3, "ada")
KEY = ControlKey("acme", "silence", "db-upgrade")
OPENED = change("opened", SIX, FIRST_SEEN, SILENCED, suppressed_by=BY_SILENCE)
RESOLVED = change("resolved", SIX + 30 * MINUTE)
LINES = OPENED + b"\n" + RESOLVED + b"\n" + change(fingerprint="e05c2add00000000") + b"\n"


@pytest.fixture
def changes(tmp_path: Path) -> Path:
    file = tmp_path / "changes.jsonl"
    file.write_bytes(LINES)
    return file


def test_the_story_of_an_alert_is_told(changes: Path) -> None:
    result = run("why", "acme", "e05c2add6a", "--file", changes)
    assert result.exit_code == 0
    assert result.stdout.startswith('HighCPU {instance="web-1"}\ntenant acme, fingerprint e05c2add6a628daa')
    assert "    Hidden by silence db-upgrade (version 3, by ada).\n" in result.stdout


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_recording_has_times_of_its_own_and_may_be_packed(tmp_path: Path, pack: type[bytes]) -> None:
    file = tmp_path / "changes"
    raw = recorded(b'{"tenant_id": "acme", "name": "HighCPU"}', SIX, topic="alerts.raw")
    file.write_bytes(pack(raw + b"\n" + recorded(OPENED, SIX + 1) + b"\n"))
    found = json.loads(run("why", "acme", "name=HighCPU", "--file", file, "--json").stdout)
    assert [one["at"] for one in found["happenings"]] == ["2026-11-23T06:00:00.001Z"]


def test_comments_come_from_a_recording_of_the_topic_control(changes: Path, tmp_path: Path) -> None:
    rules = tmp_path / "control.jsonl"
    record = new_record(KEY, 3, "ada", SIX, "planned upgrade", b"{}")
    rules.write_bytes(recorded(record.value, SIX, topic="control", key=str(KEY)))
    told = run("why", "acme", "e05c2add6a", "--file", changes, "--control", rules).stdout
    assert "Hidden by silence db-upgrade (version 3, by ada: planned upgrade).\n" in told


def test_comments_come_from_a_folder_of_rules_as_well(tmp_path: Path) -> None:
    folder, file = tmp_path / "rules" / "acme", tmp_path / "changes.jsonl"
    folder.mkdir(parents=True)
    (folder / "silences.yml").write_text(
        "kind: silence\nid: db-upgrade\ncomment: planned upgrade\nspec:\n  matchers: [alertname=HighCPU]\n"
        "  starts_at: 2026-11-23T05:00:00Z\n  ends_at: 2026-11-23T07:00:00Z\n"
    )
    file.write_bytes(change("opened", SIX, FIRST_SEEN, (*SILENCED[:4], 1, "-"), suppressed_by=BY_SILENCE))
    told = run("why", "acme", "e05c2add6a", "--file", file, "--control", folder.parent)
    assert "Hidden by silence db-upgrade (version 1: planned upgrade).\n" in told.stdout


def test_incidents_come_from_a_recording_of_their_topic(changes: Path, tmp_path: Path) -> None:
    file = tmp_path / "incidents.jsonl"
    ours = member("e05c2add6a628daa", Link("labels", 0.7, 3000, "7bb29e61630e0232", "web-1"), joined_at=SIX)
    joined = incident("joined", SIX, member("7bb29e61630e0232"), ours, about=["e05c2add6a628daa"], causes=["web-1"])
    other = incident("opened", SIX, member("other"), about=["other"], name="i2")
    file.write_bytes(recorded(joined, SIX, topic="alerts.correlated") + b"\n" + other + b"\n")
    asked = ("why", "acme", "e05c2add6a", "--file", changes, "--incidents", file)
    assert run(*asked).stdout.splitlines()[-5:] == [
        "",
        "Incidents that it is or was in:",
        "i1 HighCPU on web-1: open, critical, 2 alerts",
        "    It joined at 2026-11-23T06:00:00Z: a label in common (web-1) 0.70, 3 s after 7bb29e61.",
        "    Likeliest cause: web-1 (0.50).",
    ]
    (told,) = json.loads(run(*asked, "--json").stdout)["incidents"]
    assert (told["incident"], told["is_member"], told["cause"]) == ("i1", True, "web-1")
    assert told["why"] == [
        {"signal": "labels", "strength": 0.7, "lag_ms": 3000, "of": "7bb29e61630e0232", "detail": "web-1"}
    ]


def test_incidents_without_a_file_of_changes_are_wrong_usage(changes: Path) -> None:
    result = run("why", "acme", "e05c", "--incidents", changes)
    assert (result.exit_code, "--incidents goes with --file" in result.stderr) == (2, True)


def test_a_version_that_the_recording_does_not_have_is_said_to_be_gone(changes: Path, tmp_path: Path) -> None:
    rules = tmp_path / "control.jsonl"
    record = new_record(KEY, 4, "bob", SIX, "", b"{}")
    rules.write_bytes(recorded(record.value, SIX, topic="control", key=str(KEY)))
    told = run("why", "acme", "e05c2add6a", "--file", changes, "--control", rules).stdout
    assert "(version 3, by ada; that version is no longer on the topic control)" in told


def test_several_alerts_are_listed_to_choose_from(changes: Path) -> None:
    result = run("why", "acme", "name=HighCPU", "--file", changes)
    assert result.exit_code == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == [
        "fingerprint",
        "e05c2add6a628daa",
        "e05c2add00000000",
    ]
    assert result.stderr == "2 alerts of acme fit name=HighCPU. Give the fingerprint of one of them.\n"
    listed = json.loads(run("why", "acme", "e05c", "--file", changes, "--json").stdout)
    assert [one["fingerprint"] for one in listed["alerts"]] == ["e05c2add6a628daa", "e05c2add00000000"]


def test_an_alert_that_is_not_there_is_a_failure_that_says_what_is(changes: Path) -> None:
    result = run("why", "acme", "0000000000000000", "--file", changes)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"{changes} says nothing of alert 0000000000000000: 3 changes of tenant acme are there.\n"
        "Check the tenant's name, and whether the file begins early enough.\n"
    )


def test_a_tenant_that_is_not_there_is_told_with_those_that_are(changes: Path) -> None:
    assert "nothing of tenant acne is there, only of acme." in run("why", "acne", "e05c", "--file", changes).stderr


def test_what_was_before_a_moment_is_left_out(changes: Path) -> None:
    asked = ("why", "acme", "e05c2add6a", "--file", changes, "--json", "--since")
    found = json.loads(run(*asked, "2026-11-23T07:10:00+01:00").stdout)
    assert [one["change"] for one in found["happenings"]] == ["resolved"]


def test_an_alert_cannot_steer_the_terminal() -> None:
    evil = change(name="\x1b[2J", labels={"a": "\r\nfake line"}, source="\x9b")
    for stdin in (evil, evil + b"\n" + change(name="\x1b[2J", fingerprint="other")):
        result = run("why", "acme", "name=\x1b[2J", "--file", "-", stdin=stdin)
        assert "�[2J" in result.stdout
        assert all(line.isprintable() for line in result.output.splitlines())
        assert "\r" not in result.output


@pytest.mark.parametrize("text", [b"oops", b'{"tenant_id": "acme", "name": "HighCPU"}', b""])
def test_a_file_without_changes_is_wrong_usage(text: bytes) -> None:
    result = run("why", "acme", "e05c", "--file", "-", stdin=text)
    assert result.exit_code == 2
    assert "- has no record of alerts.enriched. Give what `core-alerts replay --out`" in result.stderr


def test_a_recording_of_rules_without_a_file_is_wrong_usage(changes: Path) -> None:
    result = run("why", "acme", "e05c", "--control", changes)
    assert (result.exit_code, "--control goes with --file" in result.stderr) == (2, True)


def test_a_broker_that_does_not_answer_is_a_failure_with_its_address() -> None:
    result = run("why", "acme", "e05c2add6a")
    assert (result.exit_code, NOBODY in result.stderr, "Traceback" in result.output) == (1, True, False)


def test_help_teaches_with_examples() -> None:
    text = run("why", "--help").stdout
    assert "core-alerts why acme e05c2add\n" in text
    assert "  -h, --help" in text or "  --help" in text


def test_a_moment_that_is_none_is_wrong_usage(changes: Path) -> None:
    result = run("why", "acme", "e05c", "--file", changes, "--since", "yesterday")
    assert (result.exit_code, "--since: 'yesterday' is no time." in result.stderr) == (2, True)
