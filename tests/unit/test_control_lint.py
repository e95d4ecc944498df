from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.control.findings import Code
from pipeline.control.lint import lint
from pipeline.schemas.control import Rule, rule_of
from pipeline.schemas.control_records import ControlKey, new_record

NOW = 1_795_687_200_000  # 2026-11-26T10:00:00Z, a Thursday
DB, WEB = {"matchers": ['job="db"']}, {"matchers": ['job="web"']}


def once(start: str, end: str, **more: Any) -> dict[str, Any]:
    """Return a spec from one time of the day to another, for alerts of the database unless said otherwise."""
    return {**DB, "starts_at": f"2026-11-26T{start}:00Z", "ends_at": f"2026-11-26T{end}:00Z", **more}


def weekly(day: str, start: str = "02:00", duration: str = "4h", **more: Any) -> dict[str, Any]:
    """Return a spec of a window on a day of every week."""
    recurs = {"rrule": f"FREQ=WEEKLY;BYDAY={day}", "start": start, "duration": duration, "from": "2026-11-01"}
    return {**DB, "recurs": {**recurs, "time_zone": "Europe/Berlin", **more}}


def inhibit(source: str, target: str) -> dict[str, Any]:
    return {"source_matchers": [source], "target_matchers": [target]}


def found(**specs: Any) -> list[tuple[str, str, str]]:
    """Return (code, severity, id) of what the linter finds in rules named KIND__ID, and check that all say more."""
    return [(one.code, one.severity, one.rule.id) for one in findings(**specs)]


def findings(**specs: Any) -> list[Any]:
    rules: dict[ControlKey, Rule] = {}
    for name, spec in specs.items():
        kind, _, rule_id = name.partition("__")
        key = ControlKey("acme", kind, rule_id)
        rules[key] = rule_of(new_record(key, 1, "ada", 0, "why", json.dumps(spec).encode()))
    result = lint(rules, NOW)
    assert all(one.what and one.rule in rules for one in result)
    return result


MORNING = once("09:00", "12:00")
FEB_30 = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"
FINDINGS: list[tuple[str, dict[str, Any], list[tuple[str, str, str]]]] = [
    ("good rules", {"silence__a": MORNING, "silence__b": once("09:00", "12:00", **WEB)}, []),
    (
        "contradicting matchers",
        {"silence__a": once("09:00", "12:00", matchers=['job="db"', 'job="web"'])},
        [("CA001", "error", "a")],
    ),
    (
        "contradicting matchers in one of two alternatives",
        {"maintenance_window__a": once("09:00", "12:00", matchers=None, any_of=[["a=b"], ["c=d", "c!=d"]])},
        [("CA002", "warning", "a")],
    ),
    (
        "contradicting matchers in both alternatives",
        {"flap_policy__a": {"any_of": [["a=b", "a!=b"], ["c=d", "c!=d"]]}},
        [("CA001", "error", "a")],
    ),
    (
        "a source that there cannot be",
        {
            "inhibit_rule__a": {
                "sources": [{"matchers": ["a=b", "a=c"]}, {"matchers": ["d=e"]}],
                "target": {"matchers": ["f=g"]},
            }
        },
        [("CA001", "error", "a")],
    ),
    (
        "a dead man's switch that never comes",
        {
            "tenant__acme": {
                "dead_mans_switches": [{"id": "x", "matchers": ['alertname="a"', 'alertname="b"'], "within": "5m"}]
            }
        },
        [("CA001", "error", "acme")],
    ),
    ("a silence of everything", {"silence__a": once("09:00", "12:00", matchers=[])}, [("CA003", "error", "a")]),
    (
        "a silence of everything in other words",
        {"silence__a": once("09:00", "12:00", matchers=['alertname=~".+"'])},
        [("CA003", "error", "a")],
    ),
    (
        "a silence of everything by one alternative",
        {"silence__a": once("09:00", "12:00", matchers=None, any_of=[["a=b"], []])},
        [("CA003", "error", "a")],
    ),
    (
        "a window of everything",
        {"maintenance_window__a": once("09:00", "12:00", matchers=[])},
        [("CA003", "warning", "a")],
    ),
    ("a policy for everything", {"flap_policy__a": {}, "identity_rule__a": {"drop": ["pod"]}}, []),
    (
        "an expression that fits the empty text",
        {"silence__a": once("09:00", "12:00", matchers=["job=db", "team=~(a|b)?"])},
        [("CA004", "warning", "a")],
    ),
    (
        "an expression that excludes the empty text",
        {"silence__a": once("09:00", "12:00", matchers=["job=db", 'team!~"|a"'])},
        [],
    ),
    (
        "a silence inside another",
        {"silence__wide": MORNING, "silence__a": once("09:30", "11:00", matchers=["job=db", "x=y"])},
        [("CA005", "warning", "a")],
    ),
    (
        "a silence whose rest is inside another",
        {"silence__wide": once("09:50", "12:00"), "silence__a": once("09:00", "11:00")},
        [("CA005", "warning", "a")],
    ),
    ("one silence twice", {"silence__a": MORNING, "silence__b": MORNING}, [("CA005", "warning", "b")]),
    (
        "a silence inside one that may end early",
        {"silence__a": once("09:00", "12:00", expire_on_resolve=True), "silence__b": once("09:00", "11:00")},
        [("CA006", "warning", "b")],
    ),
    (
        "a silence beside one that recurs, and inside it",
        {"maintenance_window__a": weekly("TH", "10:00"), "maintenance_window__b": once("09:30", "11:30")},
        [("CA005", "warning", "b")],
    ),
    (
        "a silence that recurs inside one that recurs",
        {"silence__a": weekly("SA,SU", "01:00", "8h"), "silence__b": weekly("SA")},
        [("CA005", "warning", "b")],
    ),
    (
        "silences that overlap",
        {"silence__a": once("09:00", "11:00"), "silence__b": once("10:30", "12:00", matchers=["job=db", "x=y"])},
        [("CA006", "warning", "b")],
    ),
    ("silences that touch", {"silence__a": once("09:00", "11:00"), "silence__b": once("11:00", "12:00")}, []),
    ("silences of different days", {"silence__a": weekly("SA"), "silence__b": weekly("SU")}, []),
    (
        "a silence and a window",
        {"silence__a": MORNING, "maintenance_window__a": MORNING},
        [],
    ),
    (
        "a flap policy that another hides",
        {"flap_policy__a": {}, "flap_policy__b": {**DB, "window": "1h"}, "flap_policy__c": {**WEB}},
        [("CA007", "error", "b"), ("CA007", "error", "c")],
    ),
    ("a flap policy before one for the rest", {"flap_policy__a": {**DB}, "flap_policy__b": {}}, []),
    ("a silence without a time", {"silence__a": once("12:00", "12:00")}, [("CA008", "error", "a")]),
    ("the 30th of February", {"silence__a": weekly("MO", rrule=FEB_30)}, [("CA008", "error", "a")]),
    (
        "a window on holidays that a calendar does not have",
        {"maintenance_window__a": weekly("MO", calendar="none", on_holidays="only"), "calendar__none": {}},
        [("CA008", "error", "a")],
    ),
    ("an expired silence", {"silence__a": once("08:00", "10:00")}, [("CA009", "warning", "a")]),
    (
        "an expired window that recurred",
        {"maintenance_window__a": weekly("SA", until="2026-11-22")},
        [("CA009", "warning", "a")],
    ),
    (
        "a silence that is too long",
        {"tenant__acme": {"max_silence": "2h"}, "silence__a": MORNING, "silence__b": once("09:00", "11:00", **WEB)},
        [("CA010", "error", "a")],
    ),
    ("a missing calendar", {"silence__a": weekly("SA", calendar="x", on_holidays="skip")}, [("CA011", "error", "a")]),
    (
        "a calendar that is used, and one that is not",
        {"silence__a": weekly("SA", calendar="x", on_holidays="skip"), "calendar__x": {}, "calendar__y": {}},
        [("CA012", "warning", "y")],
    ),
    (
        "two rules that surely hide each other's sources",
        {"inhibit_rule__a": inhibit("a=1", "b=1"), "inhibit_rule__b": inhibit("b=1", "a=1")},
        [("CA013", "error", "a")],
    ),
    (
        "three rules in a circle",
        {
            "inhibit_rule__a": inhibit("k=1", "k=2"),
            "inhibit_rule__b": inhibit("k=2", "k=3"),
            "inhibit_rule__c": inhibit("k=3", "k=1"),
        },
        [("CA013", "error", "a")],
    ),
    (
        "two rules that may hide each other's sources",
        {"inhibit_rule__a": inhibit("k=1", "t=1"), "inhibit_rule__b": inhibit("k=2", "k=1")},
        [("CA013", "warning", "a")],
    ),
    (
        "rules by severity, one after the other",
        {
            "inhibit_rule__a": inhibit("severity=critical", 'severity=~"warning|info"'),
            "inhibit_rule__b": inhibit("severity=warning", "severity=info"),
        },
        [],
    ),
    (
        "one kind of alert as source and target",
        {"inhibit_rule__a": inhibit("a=1", 'a=~"1"')},
        [("CA014", "error", "a")],
    ),
    ("two storm policies", {"storm_policy__a": {}, "storm_policy__b": {}}, [("CA015", "error", "b")]),
]


@pytest.mark.parametrize(("specs", "told"), [row[1:] for row in FINDINGS], ids=[row[0] for row in FINDINGS])
def test_what_is_found(specs: dict[str, Any], told: list[tuple[str, str, str]]) -> None:
    assert found(**specs) == told


def test_every_code_is_tested_here_or_with_the_folder() -> None:
    tested = {code for _, _, told in FINDINGS for code, _, _ in told}
    assert tested == set(Code) - {Code.UNREADABLE, Code.NO_COMMENT}


def test_a_finding_says_what_is_wrong_what_to_do_and_which_other_rules_have_to_do_with_it() -> None:
    (one,) = findings(inhibit_rule__a=inhibit("a=1", "b=1"), inhibit_rule__b=inhibit("b=1", "a=1"))
    assert one.what == "hides in a circle (a → b → a): what each rule hides is a source of the next"
    assert one.remedy == "Make a target narrower, so that of alerts that belong together one is always told"
    assert one.others == (ControlKey("acme", "inhibit_rule", "b"),)


def test_rules_of_two_tenants_have_nothing_to_do_with_each_other() -> None:
    rules: dict[ControlKey, Rule] = {}
    for tenant in ("acme", "globex"):
        key = ControlKey(tenant, "silence", "a")
        rules[key] = rule_of(new_record(key, 1, "ada", 0, "c", json.dumps(MORNING).encode()))
    assert lint(rules, NOW) == []


def test_a_rule_without_a_comment_is_told() -> None:
    key = ControlKey("acme", "storm_policy", "a")
    (one,) = lint({key: rule_of(new_record(key, 1, "ada", 0, "", b"{}"))}, NOW)
    assert (one.code, one.severity) == (Code.NO_COMMENT, "warning")
