from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agents.suppress.defaults import Defaults
from pipeline.control.folder import read_folder
from pipeline.control.rule_tests_report import lines_of, problems
from pipeline.control.rule_tests_run import Mismatch, run_folder, run_tests
from pipeline.domain.flapping import FlapPolicy
from pipeline.replay_control import ControlLog
from pipeline.schemas.rule_tests import rule_test_of
from tests.replay_scenes import ruled, silence

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.control.rule_tests_run import TestResult
    from pipeline.replay_control import ControlInput

CPU = {"name": "HighCPU", "labels": {"instance": "a"}}
HIDDEN = {"name": "HighCPU", "verdict": "suppressed", "suppressed_by": ["silence:no-HighCPU"], "change": "opened"}


def came_of(*steps: dict[str, Any], control: tuple[ControlInput, ...] = (), **options: Any) -> TestResult:
    """Return what comes of one test of acme's, which begins on 2026-01-05."""
    [result] = run_tests(ControlLog(control), [rule_test_of("acme", "t", {"steps": list(steps)})], **options)
    return result


def test_an_alert_that_is_as_expected_passes() -> None:
    result = came_of({"at": "+1m", "alert": CPU}, {"at": "+1m", "expect": HIDDEN}, control=(silence(),))
    assert result.passed


def test_what_is_expected_otherwise_is_told_beside_what_it_is_and_why() -> None:
    wrong = {**HIDDEN, "verdict": "active", "suppressed_by": [], "change": "resolved"}
    result = came_of({"at": "+1m", "alert": CPU}, {"at": "+90s", "expect": wrong}, control=(silence(),))
    [failure] = result.failures
    assert failure.mismatches == (
        Mismatch("verdict", "active", "suppressed"),
        Mismatch("suppressed_by", "nothing", "silence:no-HighCPU"),
        Mismatch("change", "resolved", "opened"),
    )
    assert [*lines_of(result)] == [
        "FAILED  acme/t",
        "  step 2, after 1m30s: HighCPU",
        "    verdict        expected active, got suppressed",
        "    suppressed_by  expected nothing, got silence:no-HighCPU",
        "    change         expected resolved, got opened",
        "    what was told of it last, and why:",
        '      HighCPU {instance="a"}: opened, suppressed',
        "        lifecycle: pass, first_seen",
        "        silence: suppress, silenced no-HighCPU (version 1)",
    ]


def test_an_alert_that_never_was_told_of_fails_and_what_was_is_shown() -> None:
    result = came_of({"at": "+1m", "alert": CPU}, {"at": "+2m", "expect": {"name": "Other", "verdict": "active"}})
    assert [*lines_of(result)] == [
        "FAILED  acme/t",
        "  step 2, after 2m: Other: no such alert was told of",
        "    what was told until then:",
        '      HighCPU {instance="a"}: opened, active',
    ]


def test_nothing_told_at_all_is_shown_as_nothing() -> None:
    lines = [*lines_of(came_of({"at": "+1m", "expect": {"verdict": "active"}}))]
    assert lines[1:] == [
        "  step 1, after 1m: the last alert: no such alert was told of",
        "    what was told until then:",
        "      nothing",
    ]


def test_an_expectation_sees_what_time_has_done_by_then_and_no_more() -> None:
    result = came_of(
        {"at": "+0s", "alert": {**CPU, "ends_at": "2026-01-05T09:10:00Z"}},
        {"at": "+599s", "expect": {"verdict": "active", "change": "opened"}},
        {"at": "+10m", "expect": {"verdict": "active", "change": "expired"}},
    )
    assert result.passed, [*lines_of(result)]


def test_an_alert_is_found_by_labels_among_others_and_the_last_one_told_of_is_compared() -> None:
    other = {"name": "HighCPU", "labels": {"instance": "b"}}
    only_b = ruled("silence", "b", {
        "matchers": ["instance=b"], "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"
    })  # fmt: skip
    sent = ({"at": "+1m", "alert": CPU}, {"at": "+2m", "alert": other})
    for expected in (
        {"name": "HighCPU", "labels": {"instance": "a"}, "verdict": "active"},
        {"name": "HighCPU", "labels": {"instance": "b"}, "verdict": "suppressed"},
        {"verdict": "suppressed"},
    ):
        assert came_of(*sent, {"at": "+2m", "expect": expected}, control=(only_b,)).passed


def test_an_alert_is_found_by_the_fingerprint_its_sender_gave() -> None:
    sent = {"at": "+1m", "alert": {**CPU, "fingerprint": "00ff"}}
    assert came_of(sent, {"at": "+1m", "expect": {"fingerprint": "00ff", "verdict": "active"}}).passed
    assert not came_of(sent, {"at": "+1m", "expect": {"fingerprint": "00fe", "verdict": "active"}}).passed


def test_what_the_pipeline_says_itself_is_expected_by_its_name_only() -> None:
    work = {"matchers": [], "starts_at": "2026-01-05T09:05:00Z", "ends_at": "2026-01-05T09:07:00Z"}
    control = (ruled("maintenance_window", "work", work),)
    sent = {"at": "+1m", "alert": CPU}
    named = {"at": "+5m", "expect": {"name": "MaintenanceWindow", "verdict": "active", "change": "opened"}}
    last = {"at": "+5m", "expect": {"verdict": "suppressed", "change": "suppressed"}}
    assert came_of(sent, named, last, control=control).passed


def test_what_suppresses_is_compared_whatever_the_order() -> None:
    work = {"matchers": [], "starts_at": "2026-01-05T09:00:00Z", "ends_at": "2026-01-06T00:00:00Z"}
    control = (silence(), ruled("maintenance_window", "work", work))
    both = {"verdict": "suppressed", "suppressed_by": ["maintenance:work", "silence:no-HighCPU"]}
    assert came_of({"at": "+1m", "alert": CPU}, {"at": "+1m", "expect": both}, control=control).passed


def test_tests_see_the_rules_of_their_tenant_only_and_nothing_of_each_other() -> None:
    steps = [{"at": "+1m", "alert": CPU}, {"at": "+1m", "expect": {"verdict": "active", "change": "opened"}}]
    tests = [rule_test_of("globex", name, {"steps": steps}) for name in ("one", "two")]
    assert [result.passed for result in run_tests(ControlLog([silence()]), tests)] == [True, True]


def test_a_rule_that_is_not_taken_fails_the_test_that_would_pass_without_it() -> None:
    broken = ruled("silence", "broken", {"matchers": []})
    result = came_of({"at": "+1m", "alert": CPU}, {"at": "+1m", "expect": {"verdict": "active"}}, control=(broken,))
    assert not result.passed
    assert [*lines_of(result)][1].startswith("  not taken: acme/silence/broken: invalid_control: spec")


def test_policies_that_nobody_wrote_hold_unless_others_are_given() -> None:
    flips = [
        {"at": f"+{n}m", "alert": {**CPU, "status": status}}
        for n, status in enumerate(("firing", "resolved", "firing", "resolved", "firing"))
    ]
    last = {"at": "+4m", "expect": {"verdict": "suppressed", "suppressed_by": ["flapping"]}}
    early = Defaults(flap=FlapPolicy(start_at=3))
    assert not came_of(*flips, last).passed
    assert came_of(*flips, last, defaults=early).passed


RULES = """\
kind: silence
id: no-HighCPU
comment: why
spec: {matchers: [alertname=HighCPU], starts_at: 2026-01-05T09:00:00Z, ends_at: 2026-01-05T10:00:00Z}
---
kind: test
id: hides
spec:
  steps:
    - {at: +1m, alert: {name: HighCPU, ends_at: "2026-01-05T12:00:00Z"}}
    - {at: +1m, expect: {verdict: suppressed}}
    - {at: +60m, expect: {verdict: active, change: unsuppressed}}
---
kind: test
id: wrong
spec:
  steps:
    - {at: +1m, alert: {name: HighCPU}}
    - {at: +1m, expect: {verdict: active}}
"""


def test_the_tests_of_a_folder_run_on_its_rules_and_each_that_fails_is_a_problem_at_its_place(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    file = tmp_path / "acme" / "rules.yml"
    file.write_text(RULES)
    assert [(one.id, one.passed) for one in run_folder(read_folder(tmp_path))] == [("hides", True), ("wrong", False)]
    assert [str(one) for one in read_folder(tmp_path, problems).problems] == [
        f"{file}:14: test wrong fails: step 2, after 1m: the last alert, verdict expected active, got suppressed. "
        "Run `core-alerts control test` for what was expected and what was got"
    ]
