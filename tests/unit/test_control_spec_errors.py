from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.domain.reasons import Rejection
from pipeline.schemas.control import rule_of
from pipeline.schemas.control_problems import InvalidControlError
from pipeline.schemas.control_records import ControlKey, new_record


def refusal(kind: str, spec: Any) -> str:
    """Return why a spec is refused."""
    key = ControlKey("acme", kind, "acme" if kind == "tenant" else "x")
    record = new_record(key, 3, "ada", 1000, "why", json.dumps(spec).encode())
    with pytest.raises(InvalidControlError) as caught:
        rule_of(record)
    assert caught.value.reason is Rejection.INVALID_CONTROL
    return caught.value.detail


SOURCE = {"matchers": ["a=b"]}
SATURDAYS = {
    "rrule": "FREQ=WEEKLY;BYDAY=SA",
    "start": "02:00",
    "duration": "4h",
    "time_zone": "Europe/Berlin",
    "from": "2026-11-01",
}
ONCE = {"matchers": ["a=b"], "starts_at": "2026-11-26T10:00:00Z", "ends_at": "2026-11-26T12:00:00Z"}


def recurring(**changes: Any) -> dict[str, Any]:
    return {"matchers": ["a=b"], "recurs": {**SATURDAYS, **changes}}


LONG = "a=" + "x" * 1100
REFUSED: list[tuple[str, Any, str]] = [
    ("silence", {**ONCE, "matchers": None}, "spec.matchers: is missing. Write for example matchers: ["),
    ("silence", {**ONCE, "ends_at": None}, "spec.ends_at: is missing. Write starts_at and ends_at, such as 2026"),
    ("silence", {"matchers": ["a=b"]}, "spec.starts_at: is missing. Write starts_at and ends_at, such as 2026"),
    ("silence", {**ONCE, "ends_at": "2026-11-26T09:00:00Z"}, "spec.ends_at: is before starts_at. Write a later end"),
    ("silence", {**ONCE, "ends_at": "2099-11-26T09:00:00Z"}, "spec.ends_at: is more than ten years after starts_at"),
    ("silence", {**ONCE, "ends_at": "2026-11-26"}, "spec.ends_at: invalid moment. Write a moment with its offset"),
    ("silence", {**ONCE, "ends_at": "2026-11-26T09:00:00"}, "spec.ends_at: expected a moment with a timezone"),
    ("silence", {**ONCE, "starts_at": "0001-01-01T00:00:00Z"}, "spec.starts_at: is no moment of this era"),
    ("silence", {**ONCE, **recurring()}, "spec.starts_at: stands beside recurs"),
    ("silence", {**ONCE, "remind_before": "-1h"}, "spec.remind_before: '-1h' is no duration"),
    ("silence", {**ONCE, "expire_on_resolved": True}, "is not a field. Did you mean expire_on_resolve?"),
    ("silence", recurring(rrule="FREQ=SOMETIMES"), "spec.recurs.rrule: FREQ=SOMETIMES in rrule"),
    ("silence", recurring(start="2:00"), "spec.recurs.start: start '2:00' is no time of day"),
    (
        "silence",
        recurring(start=120),
        "spec.recurs.start: expected text, got a whole number. Write a time of day in quotes",
    ),
    ("silence", recurring(duration="40d"), "spec.recurs.duration: duration is not between 0 and 31 days"),
    ("silence", recurring(duration="x"), "spec.recurs.duration: 'x' is no duration"),
    ("silence", recurring(time_zone="Europe/Bonn"), "spec.recurs.time_zone: time_zone 'Europe/Bonn' is not known"),
    ("silence", recurring(until="2026-01-01"), "spec.recurs.until: until 2026-01-01 is before from 2026-11-01"),
    ("silence", recurring(**{"from": "1926-01-01"}), "spec.recurs.from: from 1926-01-01 is out of range"),
    (
        "silence",
        recurring(**{"from": "tomorrow"}),
        "spec.recurs.from: invalid date. Write a date, for example 2026-12-24",
    ),
    ("silence", recurring(calendar="x"), "spec.recurs.calendar: calendar and on_holidays belong together"),
    ("silence", recurring(calendar="x", on_holidays="yes"), "spec.recurs.on_holidays: invalid enum value 'yes'"),
    ("silence", {"matchers": ["a=b"], "recurs": {}}, "spec.recurs.rrule: is missing. Add an RRULE, for example"),
    ("maintenance_window", {**ONCE, "remind_before": "1h"}, "spec.remind_before: is not a field"),
    ("calendar", {"country": "XX"}, "spec.country: no holidays are known of country 'XX'"),
    ("calendar", {"country": "DE", "subdivision": "XX"}, "spec.subdivision: "),
    ("calendar", {"subdivision": "BY"}, "spec.subdivision: "),
    ("calendar", {"dates": ["2026-12-24", "24.12."]}, "spec.dates[1]: invalid date. Write a date, for example 2026"),
    ("storm_policy", {"flor": 1}, "spec.flor: is not a field. Did you mean floor?"),
    ("storm_policy", {"floor": "5"}, "spec.floor: expected a whole number or nothing, got text. Write alerts a minute"),
    ("storm_policy", {"floor": 0}, "spec.floor: expected a whole number >= 1. Write alerts a minute, for example 500"),
    ("storm_policy", {"enabled": "on"}, "spec.enabled: expected true or false, got text. Write true or false"),
    ("storm_policy", [], "spec: expected a set of fields, got a list. Write the fields enabled, floor, factor"),
    ("flap_policy", {"window": "soon"}, "spec.window: 'soon' is no duration. Write 250ms, 90s, 5m, 1h30m"),
    ("flap_policy", {"window": "0s"}, "spec.window: '0s' is out of bounds. Write 1s to "),
    ("flap_policy", {"window": "1000w"}, "bounds"),
    ("flap_policy", {"window": 30}, "spec.window: expected text, got a whole number. Write a duration"),
    ("flap_policy", {"start_at": 2, "end_at": 2}, "spec.end_at: is 2, and start_at is 2. Write a number from 0 to 1"),
    ("flap_policy", {"matchers": ["a=b", "c=~'("]}, "spec.matchers[1]: "),
    ("flap_policy", {"any_of": [["a=b"], ["c", "d=e"]]}, "spec.any_of[1][0]: "),
    ("flap_policy", {"any_of": []}, "spec.any_of: expected a list of length >= 1"),
    ("flap_policy", {"any_of": [["a=b"]], "matchers": ["a=b"]}, "spec.any_of: stands beside matchers"),
    ("flap_policy", {"matchers": ["a=b", 5]}, "spec.matchers[1]: expected text, got a whole number. Write text"),
    ("flap_policy", {"matchers": [LONG]}, "spec.matchers[0]: the matcher on 'a' is too long, the limit is 1024 bytes"),
    ("flap_policy", {"matchers": ["a=b"] * 65}, "spec.matchers: expected a list of length <= 64"),
    ("flap_policy", {"matchers": ",".join(["a=b"] * 65)}, "spec.matchers: has 65 matchers, the limit is 64"),
    ("flap_policy", {"any_of": [["a=b"]] * 33}, "spec.any_of: expected a list of length <= 32"),
    ("tenant", {"never_suppress": "critcal"}, "spec.never_suppress: 'critcal' is no severity. Did you mean critical?"),
    ("tenant", {"throttle": {"burst": 0}}, "spec.throttle.burst: expected a whole number >= 1"),
    ("tenant", {"noise": {}}, "spec.noise.hide_from: is missing. Add a number from 0.5 to 1"),
    ("tenant", {"noise": {"hide_from": 0.4}}, "spec.noise.hide_from: expected a number >= 0.5"),
    ("tenant", {"budget": {"warn": 0}}, "spec.budget.warn: is not a field. Did you mean warn_at?"),
    ("tenant", {"dead_mans_switches": [{"id": "a"}]}, "spec.dead_mans_switches[0].matchers: is missing. Add a"),
    (
        "tenant",
        {"dead_mans_switches": [{"id": "a", "matchers": [], "within": "5m"}]},
        "spec.dead_mans_switches[0].matchers: are empty",
    ),
    (
        "tenant",
        {"dead_mans_switches": [{"id": "a", "matchers": ["a=b"], "within": "5m"}] * 2},
        "spec.dead_mans_switches[1].id: 'a' is there twice",
    ),
    ("identity_rule", {}, "spec: changes nothing. "),
    ("identity_rule", {"normalise": [{"as": "uuid"}]}, "spec.normalise[0].label: is missing. Add the name of a label"),
    (
        "identity_rule",
        {"normalise": [{"label": "a", "as": "uid"}]},
        "as: invalid enum value 'uid'. Write one of pod_hash",
    ),
    ("identity_rule", {"normalise": [{"label": "a"}]}, "spec.normalise[0]: is neither one kind nor one pattern"),
    ("identity_rule", {"name": [{"as": "uuid", "replace": "x"}]}, "spec.name[0].replace: stands beside as"),
    ("identity_rule", {"name": [{"pattern": "("}]}, "spec.name[0].pattern: "),
    ("identity_rule", {"name": [{"label": "a", "as": "uuid"}]}, "spec.name[0].label: is not a field"),
    ("inhibit_rule", {}, "spec.sources: is missing. Write sources and target, or source_matchers and target_matchers"),
    ("inhibit_rule", {"sources": [SOURCE]}, "spec.target: is missing"),
    ("inhibit_rule", {"sources": [], "target": SOURCE}, "spec.sources: expected a list of length >= 1"),
    ("inhibit_rule", {"sources": [{}], "target": SOURCE}, "spec.sources[0].matchers: is missing. Write for example"),
    ("inhibit_rule", {"sources": [SOURCE], "target": {}}, "spec.target.matchers: is missing"),
    ("inhibit_rule", {"sources": [SOURCE], "target": {"equal": []}}, "spec.target.equal: is not a field"),
    ("inhibit_rule", {"source_matchers": ["a=b"]}, "spec.target_matchers: is missing"),
    ("inhibit_rule", {"source_matchers": ["a=b"], "target": SOURCE}, "spec.target: stands beside source_matchers"),
    ("inhibit_rule", {"sources": [SOURCE], "target": SOURCE, "equal": [""]}, "spec.equal[0]: expected text of"),
    (
        "inhibit_rule",
        {"sources": [SOURCE], "target": SOURCE, "equal": [{"source": "a"}]},
        "equal[0].target: is missing",
    ),
]


@pytest.mark.parametrize(("kind", "spec", "told"), REFUSED, ids=[f"{row[0]} {row[2][:60]}" for row in REFUSED])
def test_a_spec_that_means_nothing_is_refused_with_path_and_remedy(kind: str, spec: Any, told: str) -> None:
    detail = refusal(kind, spec)
    assert told in detail
    assert detail.startswith("spec")
