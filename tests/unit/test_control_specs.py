from __future__ import annotations

import json
from datetime import date
from typing import Any

import msgspec
import pytest

from pipeline.domain.budgets import BudgetPolicy
from pipeline.domain.calendars import Calendar
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.flapping import FlapPolicy
from pipeline.domain.identity_rules import IdentityRule, Normalisation
from pipeline.domain.inhibit_rule import InhibitRule, Source
from pipeline.domain.maintenance import MaintenanceWindow
from pipeline.domain.matchers import EVERYTHING, Matchers, parse_set
from pipeline.domain.normal import Normal
from pipeline.domain.opinion import Opinion, Says
from pipeline.domain.recurring import Recurring
from pipeline.domain.rule import RuleRef
from pipeline.domain.schedules import Once
from pipeline.domain.severity import Severity
from pipeline.domain.silences import Silence
from pipeline.domain.storms import StormPolicy
from pipeline.domain.tenants import DeadMansSwitch, TenantPolicy
from pipeline.domain.throttling import ThrottlePolicy
from pipeline.domain.topology import Edge
from pipeline.domain.topology_part import TopologyPart, joined
from pipeline.schemas.control import BUILDERS, Rule, rule_of
from pipeline.schemas.control_records import ControlKey, new_record
from pipeline.schemas.control_specs import SPECS, read_spec, write_spec

MINUTE = 60_000


def id_of(kind: str) -> str:
    return "acme" if kind == "tenant" else "x"


def ref(kind: str) -> RuleRef:
    return RuleRef(kind, id_of(kind), 3, "ada", "why", 1000)


def rule(kind: str, spec: Any) -> Rule:
    """Return what a spec becomes."""
    key = ControlKey("acme", kind, id_of(kind))
    return rule_of(new_record(key, 3, "ada", 1000, "why", json.dumps(spec).encode()))


def sets(*texts: str) -> Matchers:
    return Matchers(tuple(parse_set(text) for text in texts))


def test_every_kind_that_a_record_may_have_becomes_something() -> None:
    assert BUILDERS.keys() == SPECS.keys()


def test_a_version_that_deletes_is_no_rule() -> None:
    with pytest.raises(RejectedRecordError, match="deleted"):
        rule_of(new_record(ControlKey("acme", "silence", "x"), 3, "ada", 1000, "", None))


# -- times

SATURDAYS = {
    "rrule": "FREQ=WEEKLY;BYDAY=SA",
    "start": "02:00",
    "duration": "4h",
    "time_zone": "Europe/Berlin",
    "from": "2026-11-01",
}
T0, T1 = "2026-11-26T10:00:00Z", "2026-11-26T12:30:00Z"
T0_MS = 1_795_687_200_000


def test_a_silence_is_what_it_says() -> None:
    spec = {
        "matchers": ['job="db"', "cluster=~eu-.*"],
        "starts_at": "2026-11-26T11:00:00+01:00",
        "ends_at": T1,
        "expire_on_resolve": True,
        "remind_before": "1h",
    }
    assert rule("silence", spec) == Silence(
        ref("silence"), sets("job=db,cluster=~eu-.*"), Once(T0_MS, T0_MS + 150 * MINUTE), True, 60 * MINUTE
    )


def test_a_silence_may_recur() -> None:
    recurs = {**SATURDAYS, "until": "2027-11-01", "calendar": "bank-holidays", "on_holidays": "skip"}
    assert rule("silence", {"matchers": ["a=b"], "recurs": recurs}) == Silence(
        ref("silence"),
        sets("a=b"),
        Recurring(
            "FREQ=WEEKLY;BYDAY=SA",
            "02:00",
            240 * MINUTE,
            "Europe/Berlin",
            date(2026, 11, 1),
            date(2027, 11, 1),
            "bank-holidays",
            "skip",
        ),
    )


def test_a_maintenance_window_is_what_it_says() -> None:
    spec = {"any_of": ["a=b", ["c=d"]], "starts_at": T0, "ends_at": T0}
    assert rule("maintenance_window", spec) == MaintenanceWindow(
        ref("maintenance_window"), sets("a=b", "c=d"), Once(T0_MS, T0_MS)
    )


def test_a_calendar_is_what_it_says() -> None:
    spec = {"country": "DE", "subdivision": "BY", "dates": ["2026-12-24"]}
    assert rule("calendar", spec) == Calendar(ref("calendar"), "DE", "BY", frozenset({date(2026, 12, 24)}))
    assert rule("calendar", {}) == Calendar(ref("calendar"))


# -- policies


def test_an_empty_policy_has_the_defaults() -> None:
    assert rule("storm_policy", {}) == StormPolicy(ref("storm_policy"))
    assert rule("flap_policy", {}) == FlapPolicy(ref("flap_policy"))
    assert rule("tenant", {}) == TenantPolicy(ref("tenant"))


def test_a_storm_policy_is_what_it_says() -> None:
    spec = {"enabled": False, "floor": 50, "factor": 2, "quiet_minutes": 9}
    assert rule("storm_policy", spec) == StormPolicy(ref("storm_policy"), False, 50, 2.0, 9)


def test_a_flap_policy_is_what_it_says() -> None:
    spec = {"enabled": True, "matchers": "job=db", "window": "1h", "start_at": 9, "end_at": 0}
    assert rule("flap_policy", spec) == FlapPolicy(ref("flap_policy"), True, sets("job=db"), 60 * MINUTE, 9, 0)


def test_a_tenant_is_what_it_says() -> None:
    spec = {
        "always_pass": ["Watchdog"],
        "dead_mans_switches": [{"id": "prometheus", "matchers": ['alertname="Watchdog"'], "within": "5m"}],
        "max_silence": "30d",
        "never_suppress": "error",
        "throttle": {"per_minute": 60, "burst": 10, "name_per_minute": 6, "name_burst": 3},
        "budget": {"suppressed_per_day": 0, "warn_at": 0.5},
        "noise": {"hide_from": 0.98},
    }
    assert rule("tenant", spec) == TenantPolicy(
        ref("tenant"),
        ("Watchdog",),
        (DeadMansSwitch("prometheus", sets("alertname=Watchdog"), 5 * MINUTE),),
        30 * 24 * 60 * MINUTE,
        Severity.ERROR,
        ThrottlePolicy(True, 60, 10, 6, 3),
        BudgetPolicy(0, 0.5),
        hide_noise_from=0.98,
        throttle_is_its_own=True,
    )


def test_an_identity_rule_is_what_it_says() -> None:
    spec = {
        "any_of": [["job=db"], ["job=web"]],
        "drop": ["pod_template_hash"],
        "normalise": [{"label": "pod", "as": "pod_hash"}, {"label": "x", "pattern": "[0-9]+", "replace": "N"}],
        "name": [{"as": "number"}, {"pattern": "-[ab]"}],
    }
    assert rule("identity_rule", spec) == IdentityRule(
        ref("identity_rule"),
        sets("job=db", "job=web"),
        ("pod_template_hash",),
        (Normalisation("pod", Normal.POD_HASH), Normalisation("x", None, "[0-9]+", "N")),
        (Normalisation(None, Normal.NUMBER), Normalisation(None, None, "-[ab]")),
    )


def test_a_rule_without_matchers_is_about_all_alerts_where_that_is_harmless() -> None:
    found = rule("identity_rule", {"drop": ["pod"]})
    assert isinstance(found, IdentityRule)
    assert found.matchers is None


def test_a_source_has_the_labels_of_the_rule_unless_it_has_its_own() -> None:
    spec = {
        "sources": [{"matchers": ["a=b"]}, {"any_of": ["c=d", ["e=f"]], "equal": []}],
        "target": {"matchers": "{g=h,i=j}"},
        "equal": ["cluster", {"source": "node", "target": "instance"}],
    }
    assert rule("inhibit_rule", spec) == InhibitRule(
        ref("inhibit_rule"),
        (Source(sets("a=b"), (("cluster", "cluster"), ("node", "instance"))), Source(sets("c=d", "e=f"), ())),
        sets("g=h,i=j"),
    )


def test_an_inhibition_rule_may_be_written_as_alertmanager_has_it() -> None:
    spec = {"source_matchers": ['severity="critical"'], "target_matchers": ['severity=~"warning|info"'], "equal": ["a"]}
    assert rule("inhibit_rule", spec) == InhibitRule(
        ref("inhibit_rule"), (Source(sets("severity=critical"), (("a", "a"),)),), sets("severity=~warning|info")
    )


def test_an_empty_list_of_matchers_is_everything_and_has_to_be_written() -> None:
    spec = {"sources": [{"matchers": ["a=b"]}], "target": {"matchers": []}}
    found = rule("inhibit_rule", spec)
    assert isinstance(found, InhibitRule)
    assert found.target == EVERYTHING


# -- as it is written again

ROUND_TRIPS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "silence",
        {"expire_on_resolve": False, "ends_at": T1, "starts_at": "2026-11-26T11:00:00+01:00", "matchers": "a=b"},
        {"matchers": "a=b", "starts_at": "2026-11-26T11:00:00+01:00", "ends_at": T1},
    ),
    (
        "maintenance_window",
        {"recurs": {**SATURDAYS, "until": None}, "any_of": ["a=b", ["c=d"]]},
        {"any_of": ["a=b", ["c=d"]], "recurs": SATURDAYS},
    ),
    ("calendar", {"dates": ["2026-12-24"], "country": None}, {"dates": ["2026-12-24"]}),
    ("storm_policy", {"floor": 500, "factor": 4, "enabled": True}, {"floor": 500}),
    ("storm_policy", {"floor": None}, {}),
    ("storm_policy", {"quiet_minutes": 7, "floor": 10}, {"floor": 10, "quiet_minutes": 7}),
    ("flap_policy", {"matchers": ["a=b"], "window": "30m"}, {"matchers": ["a=b"]}),
    ("flap_policy", {"matchers": []}, {"matchers": []}),
    ("tenant", {"throttle": {"burst": 1200}}, {"throttle": {}}),
    ("tenant", {"noise": {"hide_from": 1}}, {"noise": {"hide_from": 1.0}}),
    ("tenant", {"noise": None}, {}),
    ("tenant", {"always_pass": ["Watchdog"], "budget": {"warn_at": 0.5}}, {"budget": {"warn_at": 0.5}}),
    ("identity_rule", {"name": [{"as": "uuid"}], "drop": []}, {"name": [{"as": "uuid"}]}),
    (
        "inhibit_rule",
        {"equal": ["a", {"target": "c", "source": "b"}], "source_matchers": ["a=b"], "target_matchers": ["c=d"]},
        {"source_matchers": ["a=b"], "target_matchers": ["c=d"], "equal": ["a", {"source": "b", "target": "c"}]},
    ),
]


@pytest.mark.parametrize(("kind", "spec", "written"), ROUND_TRIPS)
def test_a_spec_is_written_in_one_order_and_without_its_defaults(
    kind: str, spec: dict[str, Any], written: dict[str, Any]
) -> None:
    once = write_spec(read_spec(kind, json.dumps(spec).encode()))
    assert once == msgspec.json.encode(written)
    assert write_spec(read_spec(kind, once)) == once
    assert rule(kind, written) == rule(kind, spec)


# -- what models go by


def test_a_topology_is_what_it_says_under_either_pair_of_names() -> None:
    spec = {
        "nodes": [{"id": "checkout", "type": "Service"}, "cart-0"],
        "edges": [
            {"source": "checkout", "target": "cart", "label": "calls"},
            {"from": "cart-0", "to": "node-7", "type": "runs_on"},
            {"source": "a", "target": "b"},
        ],
        "labels": ["service"],
        "values": {"10.0.0.7": "node-7"},
    }
    assert rule("topology", spec) == TopologyPart(
        ref("topology"),
        {"cart-0": "", "checkout": "Service"},
        (Edge("checkout", "cart", "calls"), Edge("cart-0", "node-7", "runs_on"), Edge("a", "b")),
        ("service",),
        {"10.0.0.7": "node-7"},
    )


def test_an_edge_with_one_end_is_refused_with_what_to_write() -> None:
    with pytest.raises(RejectedRecordError, match=r"spec\.edges\[0\]: is an edge with one end\. Write both ends"):
        rule("topology", {"edges": [{"source": "checkout"}]})


def test_feedback_is_what_it_says() -> None:
    assert rule("feedback", {"says": "noise", "name": "HighCPU", "instance": "h", "severity": "P1"}) == Opinion(
        ref("feedback"), Says.NOISE, name="HighCPU", instance="h", severity=Severity.CRITICAL
    )
    assert rule("feedback", {"says": "root_cause", "incident": "i", "node": "db"}) == Opinion(
        ref("feedback"), Says.ROOT_CAUSE, incident="i", node="db"
    )


@pytest.mark.parametrize(
    ("spec", "missing"),
    [
        ({"says": "noise"}, "name"),
        ({"says": "belongs", "incident": "i"}, "fingerprint"),
        ({"says": "root_cause", "incident": "i"}, "node"),
    ],
)
def test_feedback_without_what_it_is_about_is_refused(spec: dict[str, Any], missing: str) -> None:
    with pytest.raises(RejectedRecordError, match=rf"spec\.{missing}: is missing"):
        rule("feedback", spec)


def test_the_parts_of_a_topology_make_one_graph_in_any_order() -> None:
    one = TopologyPart(RuleRef("topology", "a", 1), {"checkout": "Service"}, (Edge("checkout", "cart", "calls"),))
    other = TopologyPart(RuleRef("topology", "b", 1), {"cart": "Service"}, (Edge("cart", "db", "calls"),))
    for parts in ([one, other], [other, one]):
        graph = joined(parts)
        assert graph is not None
        assert (sorted(graph.types.items()), graph.depends_on) == (
            [("cart", "Service"), ("checkout", "Service"), ("db", "")],
            {"checkout": ["cart"], "cart": ["db"]},
        )
    assert joined([]) is None
