from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from pipeline.domain.inhibition import Inhibitor, InhibitRule, Source
from pipeline.domain.matchers import EVERYTHING, Matcher, Matchers, Operator
from pipeline.domain.rule import RuleRef
from pipeline.domain.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Iterator


def where(**fields: str) -> Matchers:
    return Matchers((tuple(Matcher(name, Operator.EQUAL, value) for name, value in fields.items()),))


def rule(rule_id: str, sources: Source | tuple[Source, ...], target: Matchers, version: int = 1) -> InhibitRule:
    ref = RuleRef("inhibit_rule", rule_id, version)
    return InhibitRule(ref, sources if isinstance(sources, tuple) else (sources,), target)


def on(*fields: str) -> tuple[tuple[str, str], ...]:
    return tuple((field, field) for field in fields)


def alert(name: str, **labels: str) -> Subject:
    return Subject(name, labels)


def inhibitor_with(*rules: InhibitRule) -> Inhibitor:
    inhibitor = Inhibitor()
    for one in rules:
        inhibitor.put(one, [])
    return inhibitor


def told(inhibitor: Inhibitor, key: bytes) -> list[tuple[str, bytes]]:
    return [(by.ref.id, source) for by, source in inhibitor.inhibitors(key)]


CRITICAL, WARNING = where(severity="critical"), where(severity="warning")
BY_SEVERITY = rule("by-severity", Source(CRITICAL, on("cluster")), WARNING)
NODE_DOWN = rule("node-down", Source(where(alertname="NodeDown"), on("node")), where(job="app"))
BOTH_DOWN = rule(
    "both-down",
    (
        Source(where(alertname="Down", job="parser"), on("cluster")),
        Source(where(alertname="Down", job="writer"), on("zone")),
    ),
    where(alertname="NoData"),
)


def test_an_alert_is_inhibited_while_one_that_agrees_on_the_equal_fields_fires() -> None:
    inhibitor = inhibitor_with(BY_SEVERITY)
    inhibitor.opened(b"target", alert("Slow", severity="warning", cluster="eu"))
    assert told(inhibitor, b"target") == []
    inhibitor.opened(b"elsewhere", alert("Down", severity="critical", cluster="us"))
    assert told(inhibitor, b"target") == []
    inhibitor.opened(b"source", alert("Down", severity="critical", cluster="eu"))
    assert told(inhibitor, b"target") == [("by-severity", b"source")]
    assert told(inhibitor, b"source") == []


def test_a_target_that_opens_after_its_source_is_inhibited_at_once() -> None:
    inhibitor = inhibitor_with(BY_SEVERITY)
    inhibitor.opened(b"source", alert("Down", severity="critical", cluster="eu"))
    assert inhibitor.opened(b"target", alert("Slow", severity="warning", cluster="eu")) == set()
    assert told(inhibitor, b"target") == [("by-severity", b"source")]


def test_inhibition_ends_at_once_when_the_last_source_resolves() -> None:
    inhibitor = inhibitor_with(BY_SEVERITY)
    target = alert("Slow", severity="warning", cluster="eu")
    source = alert("Down", severity="critical", cluster="eu")
    inhibitor.opened(b"target", target)
    assert inhibitor.opened(b"one", source) == {b"target"}
    assert inhibitor.opened(b"two", source) == set()
    assert inhibitor.closed(b"one") == set()
    assert told(inhibitor, b"target") == [("by-severity", b"two")]
    assert inhibitor.closed(b"two") == {b"target"}
    assert told(inhibitor, b"target") == []


def test_two_labels_with_different_names_can_be_the_equal_ones() -> None:
    inhibitor = inhibitor_with(
        rule("node-down", Source(where(alertname="NodeDown"), (("node", "instance"),)), where(job="app"))
    )
    inhibitor.opened(b"source", alert("NodeDown", node="n1", instance="n2"))
    inhibitor.opened(b"on n1", alert("Slow", job="app", instance="n1"))
    inhibitor.opened(b"on n2", alert("Slow", job="app", instance="n2", node="n1"))
    assert told(inhibitor, b"on n1") == [("node-down", b"source")]
    assert told(inhibitor, b"on n2") == []


def test_without_equal_fields_a_source_inhibits_every_target() -> None:
    inhibitor = inhibitor_with(rule("any", Source(CRITICAL), WARNING))
    inhibitor.opened(b"target", alert("Slow", severity="warning", cluster="eu"))
    assert inhibitor.opened(b"source", alert("Down", severity="critical", cluster="us")) == {b"target"}


@pytest.mark.parametrize(
    ("of_source", "of_target", "agree"),
    [
        ({}, {}, True),
        ({"cluster": ""}, {}, True),
        ({}, {"cluster": ""}, True),
        ({"cluster": "eu"}, {}, False),
        ({}, {"cluster": "eu"}, False),
        ({"cluster": "eu"}, {"cluster": "EU"}, False),
    ],
)
def test_a_missing_label_is_an_empty_one(of_source: dict[str, str], of_target: dict[str, str], agree: bool) -> None:
    inhibitor = inhibitor_with(BY_SEVERITY)
    inhibitor.opened(b"source", Subject("Down", of_source, "critical"))
    inhibitor.opened(b"target", Subject("Slow", of_target, "warning"))
    assert told(inhibitor, b"target") == ([("by-severity", b"source")] if agree else [])


def test_all_sources_of_a_rule_must_fire_each_agreeing_on_its_own_fields() -> None:
    inhibitor = inhibitor_with(BOTH_DOWN)
    inhibitor.opened(b"target", alert("NoData", cluster="eu", zone="a"))
    assert inhibitor.opened(b"parser", alert("Down", job="parser", cluster="eu", zone="b")) == set()
    assert told(inhibitor, b"target") == []
    assert inhibitor.opened(b"elsewhere", alert("Down", job="writer", cluster="eu", zone="b")) == set()
    assert told(inhibitor, b"target") == []
    assert inhibitor.opened(b"writer", alert("Down", job="writer", cluster="us", zone="a")) == {b"target"}
    assert told(inhibitor, b"target") == [("both-down", b"parser")]
    assert inhibitor.closed(b"parser") == {b"target"}
    assert told(inhibitor, b"target") == []
    assert inhibitor.closed(b"writer") == set()


def test_one_alert_can_be_all_the_sources_of_a_rule() -> None:
    inhibitor = inhibitor_with(rule("twice", (Source(CRITICAL, on("cluster")), Source(where(job="db"))), WARNING))
    inhibitor.opened(b"target", alert("Slow", severity="warning", cluster="eu"))
    assert inhibitor.opened(b"source", alert("Down", severity="critical", job="db", cluster="eu")) == {b"target"}
    assert inhibitor.closed(b"source") == {b"target"}


def test_an_alert_on_both_sides_is_not_inhibited_by_another_on_both_sides() -> None:
    inhibitor = inhibitor_with(rule("same-cluster", Source(where(job="db"), on("cluster")), WARNING))
    on_both = alert("Slow", job="db", severity="warning", cluster="eu")
    inhibitor.opened(b"one", on_both)
    assert inhibitor.opened(b"two", on_both) == set()
    assert (told(inhibitor, b"one"), told(inhibitor, b"two")) == ([], [])


def test_an_alert_on_both_sides_is_inhibited_by_one_on_the_source_side_only() -> None:
    inhibitor = inhibitor_with(rule("same-cluster", Source(where(job="db"), on("cluster")), WARNING))
    inhibitor.opened(b"both", alert("Slow", job="db", severity="warning", cluster="eu"))
    assert inhibitor.opened(b"source", alert("Down", job="db", severity="critical", cluster="eu")) == {b"both"}
    assert told(inhibitor, b"both") == [("same-cluster", b"source")]
    assert inhibitor.closed(b"source") == {b"both"}


def test_an_alert_on_both_sides_inhibits_one_on_the_target_side_only() -> None:
    inhibitor = inhibitor_with(rule("same-cluster", Source(where(job="db"), on("cluster")), WARNING))
    inhibitor.opened(b"target", alert("Slow", job="web", severity="warning", cluster="eu"))
    assert inhibitor.opened(b"both", alert("Slow", job="db", severity="warning", cluster="eu")) == {b"target"}
    assert told(inhibitor, b"target") == [("same-cluster", b"both")]


def test_a_source_that_hides_behind_one_on_both_sides_still_counts_for_alerts_on_both_sides() -> None:
    inhibitor = inhibitor_with(rule("same-cluster", Source(where(job="db"), on("cluster")), WARNING))
    on_both = alert("Slow", job="db", severity="warning", cluster="eu")
    inhibitor.opened(b"1 both", on_both)
    inhibitor.opened(b"2 both", on_both)
    inhibitor.opened(b"target", alert("Slow", job="web", severity="warning", cluster="eu"))
    # For the plain target nothing new; for those on both sides it is the first source.
    source = alert("Down", job="db", severity="critical", cluster="eu")
    assert inhibitor.opened(b"3 source", source) == {b"1 both", b"2 both"}
    assert told(inhibitor, b"1 both") == [("same-cluster", b"3 source")]
    assert told(inhibitor, b"target") == [("same-cluster", b"1 both")]


def test_a_source_on_both_sides_beside_one_that_is_not_changes_nothing() -> None:
    inhibitor = inhibitor_with(rule("same-cluster", Source(where(job="db"), on("cluster")), WARNING))
    inhibitor.opened(b"target", alert("Slow", job="web", severity="warning", cluster="eu"))
    inhibitor.opened(b"source", alert("Down", job="db", severity="critical", cluster="eu"))
    assert inhibitor.opened(b"both", alert("Slow", job="db", severity="warning", cluster="eu")) == set()
    assert inhibitor.closed(b"both") == set()
    inhibitor.opened(b"both", alert("Slow", job="db", severity="warning", cluster="eu"))
    assert inhibitor.closed(b"source") == {b"both"}


def test_to_be_on_both_sides_any_of_the_sources_will_do() -> None:
    inhibitor = inhibitor_with(rule("two", (Source(where(job="db")), Source(where(job="web"))), WARNING))
    inhibitor.opened(b"db", alert("Slow", job="db", severity="warning"))
    inhibitor.opened(b"web", alert("Slow", job="web", severity="warning"))
    assert (told(inhibitor, b"db"), told(inhibitor, b"web")) == ([], [])
    inhibitor.opened(b"other", alert("Slow", job="other", severity="warning"))
    assert told(inhibitor, b"other") == [("two", b"db")]


def test_an_alert_never_inhibits_itself() -> None:
    inhibitor = inhibitor_with(rule("all", Source(EVERYTHING), EVERYTHING))
    one = alert("Slow", severity="warning")
    assert inhibitor.opened(b"one", one) == set()
    assert told(inhibitor, b"one") == []


def test_an_alert_is_not_inhibited_by_what_it_was_before() -> None:
    inhibitor = inhibitor_with(BY_SEVERITY)
    inhibitor.opened(b"one", alert("Down", severity="critical", cluster="eu"))
    lowered = alert("Down", severity="warning", cluster="eu")
    inhibitor.opened(b"one", lowered)
    assert told(inhibitor, b"one") == []


def test_inhibition_is_not_transitive_and_an_inhibited_alert_inhibits_all_the_same() -> None:
    inhibitor = inhibitor_with(
        rule("a-b", Source(where(alertname="A")), where(alertname="B")),
        rule("b-c", Source(where(alertname="B")), where(alertname="C")),
    )
    inhibitor.opened(b"c", alert("C"))
    assert inhibitor.opened(b"a", alert("A")) == set()
    assert told(inhibitor, b"c") == []
    assert inhibitor.opened(b"b", alert("B")) == {b"c"}
    assert told(inhibitor, b"b") == [("a-b", b"a")]
    assert told(inhibitor, b"c") == [("b-c", b"b")]
    assert inhibitor.closed(b"a") == {b"b"}
    assert told(inhibitor, b"c") == [("b-c", b"b")]


def test_two_alerts_can_inhibit_each_other_by_two_rules() -> None:
    inhibitor = inhibitor_with(
        rule("a-b", Source(where(alertname="A")), where(alertname="B")),
        rule("b-a", Source(where(alertname="B")), where(alertname="A")),
    )
    inhibitor.opened(b"a", alert("A"))
    assert inhibitor.opened(b"b", alert("B")) == {b"a"}
    assert (told(inhibitor, b"a"), told(inhibitor, b"b")) == ([("b-a", b"b")], [("a-b", b"a")])


def test_every_rule_that_inhibits_is_named_in_order_of_id_with_its_smallest_source() -> None:
    inhibitor = inhibitor_with(
        rule("z", Source(CRITICAL), WARNING),
        rule("a", Source(where(job="db")), WARNING),
        rule("m", Source(where(job="nobody")), WARNING),
    )
    inhibitor.opened(b"target", alert("Slow", severity="warning"))
    for key in (b"3", b"1", b"2"):
        inhibitor.opened(key, alert("Down", severity="critical", job="db"))
    assert told(inhibitor, b"target") == [("a", b"1"), ("z", b"1")]
    inhibitor.closed(b"1")
    assert told(inhibitor, b"target") == [("a", b"2"), ("z", b"2")]


def test_a_raised_severity_turns_a_target_into_a_source() -> None:
    inhibitor = inhibitor_with(BY_SEVERITY)
    inhibitor.opened(b"one", alert("Slow", severity="warning", cluster="eu"))
    inhibitor.opened(b"two", alert("Slow", severity="warning", cluster="eu"))
    assert inhibitor.opened(b"one", alert("Slow", severity="critical", cluster="eu")) == {b"two"}
    assert (told(inhibitor, b"one"), told(inhibitor, b"two")) == ([], [("by-severity", b"one")])
    assert inhibitor.opened(b"one", alert("Slow", severity="warning", cluster="eu")) == {b"two"}
    assert told(inhibitor, b"two") == []


def test_a_source_whose_other_labels_change_changes_nothing_for_anybody() -> None:
    inhibitor = inhibitor_with(BY_SEVERITY, NODE_DOWN)
    inhibitor.opened(b"target", alert("Slow", severity="warning", cluster="eu"))
    inhibitor.opened(b"source", alert("Down", severity="critical", cluster="eu"))
    changed = alert("NodeDown", severity="critical", cluster="eu", node="n1")  # and it is a source of another rule now
    assert inhibitor.opened(b"source", changed) == set()
    assert told(inhibitor, b"target") == [("by-severity", b"source")]


def test_a_source_that_moves_elsewhere_lifts_here_and_inhibits_there() -> None:
    inhibitor = inhibitor_with(BY_SEVERITY)
    inhibitor.opened(b"eu", alert("Slow", severity="warning", cluster="eu"))
    inhibitor.opened(b"us", alert("Slow", severity="warning", cluster="us"))
    inhibitor.opened(b"source", alert("Down", severity="critical", cluster="eu"))
    assert inhibitor.opened(b"source", alert("Down", severity="critical", cluster="us")) == {b"eu", b"us"}
    assert (told(inhibitor, b"eu"), told(inhibitor, b"us")) == ([], [("by-severity", b"source")])


def test_a_rule_applies_to_the_alerts_that_are_open_when_it_is_added() -> None:
    inhibitor = Inhibitor()
    open_alerts = {
        b"eu": alert("Slow", severity="warning", cluster="eu"),
        b"us": alert("Slow", severity="warning", cluster="us"),
        b"source": alert("Down", severity="critical", cluster="eu"),
    }
    assert inhibitor.put(BY_SEVERITY, open_alerts.items()) == {b"eu"}
    assert told(inhibitor, b"eu") == [("by-severity", b"source")]
    assert inhibitor.closed(b"source") == {b"eu"}


def test_a_removed_rule_inhibits_nothing() -> None:
    inhibitor = inhibitor_with(BY_SEVERITY)
    inhibitor.opened(b"target", alert("Slow", severity="warning", cluster="eu"))
    inhibitor.opened(b"source", alert("Down", severity="critical", cluster="eu"))
    assert inhibitor.remove("another") == set()
    assert inhibitor.remove("by-severity") == {b"target"}
    assert told(inhibitor, b"target") == []
    assert inhibitor.opened(b"two", alert("Down", severity="critical", cluster="eu")) == set()
    assert inhibitor.rules == []
    assert len(inhibitor) == 0


def test_a_replaced_rule_names_what_it_inhibits_only_now_and_what_no_longer() -> None:
    inhibitor = inhibitor_with(BY_SEVERITY)
    open_alerts = {
        b"eu": alert("Slow", severity="warning", cluster="eu"),
        b"eu app": alert("Slow", severity="warning", cluster="eu", job="app"),
        b"us app": alert("Slow", severity="warning", cluster="us", job="app"),
        b"source": alert("Down", severity="critical", cluster="eu"),
    }
    for key, subject in open_alerts.items():
        inhibitor.opened(key, subject)
    replaced = rule("by-severity", Source(CRITICAL), where(job="app"), version=2)
    assert inhibitor.put(replaced, open_alerts.items()) == {b"eu", b"us app"}
    assert told(inhibitor, b"eu") == []
    assert inhibitor.inhibitors(b"eu app") == [(replaced, b"source")]
    assert inhibitor.inhibitors(b"us app") == [(replaced, b"source")]
    assert inhibitor.rules == [replaced]


def test_a_rule_replaced_by_one_with_fewer_sources_forgets_the_others() -> None:
    inhibitor = inhibitor_with(BOTH_DOWN)
    target = alert("NoData", cluster="eu", zone="a")
    inhibitor.opened(b"target", target)
    inhibitor.put(rule("both-down", BOTH_DOWN.sources[:1], BOTH_DOWN.target, version=2), [(b"target", target)])
    assert inhibitor.opened(b"writer", alert("Down", job="writer", zone="a")) == set()
    assert inhibitor.opened(b"parser", alert("Down", job="parser", cluster="eu")) == {b"target"}


def test_a_new_comment_changes_the_version_that_is_named_and_reads_no_alert() -> None:
    def unread() -> Iterator[tuple[bytes, Subject]]:
        raise AssertionError("read")
        yield

    inhibitor = inhibitor_with(BY_SEVERITY)
    inhibitor.opened(b"target", alert("Slow", severity="warning", cluster="eu"))
    inhibitor.opened(b"source", alert("Down", severity="critical", cluster="eu"))
    edited = rule("by-severity", BY_SEVERITY.sources, BY_SEVERITY.target, version=2)
    assert inhibitor.put(edited, unread()) == set()
    assert inhibitor.inhibitors(b"target") == [(edited, b"source")]
    assert inhibitor.rules == [edited]


def test_an_alert_that_no_rule_concerns_leaves_nothing() -> None:
    inhibitor = inhibitor_with(BY_SEVERITY, NODE_DOWN)
    assert inhibitor.opened(b"one", alert("Slow", severity="info")) == set()
    assert len(inhibitor) == 0
    assert told(inhibitor, b"one") == []
    assert inhibitor.closed(b"one") == set()


def test_what_a_closed_alert_leaves_is_gone_without_the_garbage_collector() -> None:
    inhibitor = inhibitor_with(BY_SEVERITY)
    inhibitor.opened(b"source", alert("Down", severity="critical", cluster="eu"))
    inhibitor.opened(b"target", alert("Slow", severity="warning", cluster="us"))
    gc.collect()
    inhibitor.closed(b"source")
    inhibitor.closed(b"target")
    assert gc.collect() == 0


def test_rules_are_told_in_order_of_id_in_whatever_order_they_came() -> None:
    open_alerts = {b"target": alert("Slow", severity="warning"), b"source": alert("Down", severity="critical")}
    inhibitor = Inhibitor()
    for rule_id in ("m", "z", "a"):
        inhibitor.put(rule(rule_id, Source(CRITICAL), WARNING), open_alerts.items())
    assert told(inhibitor, b"target") == [("a", b"source"), ("m", b"source"), ("z", b"source")]


def test_among_ten_thousand_targets_only_the_first_source_and_the_last_name_any() -> None:
    inhibitor = inhibitor_with(rule("any", Source(CRITICAL), WARNING))
    targets = {b"%05d" % number for number in range(10_000)}
    for key in targets:
        inhibitor.opened(key, alert("Slow", severity="warning"))
    source = alert("Down", severity="critical")
    assert inhibitor.opened(b"one", source) == targets
    assert inhibitor.opened(b"two", source) == set()
    assert inhibitor.opened(b"one", source) == set()
    assert inhibitor.closed(b"one") == set()
    assert inhibitor.closed(b"two") == targets


def test_a_rule_without_a_source_is_refused() -> None:
    with pytest.raises(ValueError, match="needs at least one source"):
        rule("empty", (), WARNING)


@pytest.mark.parametrize(("name", "concerned"), [("NodeDown", True), ("Slow", True), ("Other", False)])
def test_a_rule_knows_by_name_what_it_cannot_concern(name: str, concerned: bool) -> None:
    made = rule("node-down", Source(where(alertname="NodeDown"), on("node")), where(alertname="Slow", job="app"))
    assert made.could_concern(name) is concerned
