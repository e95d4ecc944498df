"""The inhibitor knows at any time what a search through all open alerts finds, and tells of every change."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.inhibition import Inhibitor, InhibitRule, Source
from pipeline.domain.matchers import Matcher, Matchers, Operator
from pipeline.domain.rule import RuleRef
from pipeline.domain.subject import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIELDS = ("x", "y", "missing")
Open = dict[bytes, Subject]
Rules = dict[str, InhibitRule]


class Opened(NamedTuple):
    key: bytes
    subject: Subject


class Closed(NamedTuple):
    key: bytes


class Removed(NamedTuple):
    rule_id: str


Event = Opened | Closed | Removed | InhibitRule

# Few names, values and keys, so that most rules find a source and a target among the alerts of most histories.
values = st.sampled_from(["", "1", "2"])
keys = st.sampled_from([b"a", b"b", b"c", b"d", b"e"])
rule_ids = st.sampled_from(["r1", "r2", "r3"])
subjects = st.builds(
    Subject,
    st.sampled_from(["A", "B"]),
    st.dictionaries(st.sampled_from(["x", "y"]), values),
    st.sampled_from(["critical", "warning"]),
)
conditions = st.one_of(
    st.builds(Matcher, st.just("alertname"), st.sampled_from(Operator), st.sampled_from(["A", "B"])),
    st.builds(Matcher, st.just("severity"), st.just(Operator.EQUAL), st.sampled_from(["critical", "warning"])),
    st.builds(Matcher, st.just("x"), st.sampled_from(Operator), values),
)
alternatives = st.lists(st.lists(conditions, max_size=2).map(tuple), min_size=2, max_size=2).map(tuple)
sides = st.one_of(conditions.map(lambda one: ((one,),)), st.just(((),)), alternatives).map(Matchers)
pairs = st.tuples(st.sampled_from(FIELDS), st.sampled_from(FIELDS))
sources = st.builds(Source, sides, st.lists(pairs, max_size=2).map(tuple))
rules = st.builds(
    InhibitRule,
    st.builds(RuleRef, st.just("inhibit_rule"), rule_ids, st.integers(1, 9)),
    st.one_of(st.tuples(sources), st.tuples(sources, sources)),
    sides,
)
openings = st.builds(Opened, keys, subjects)
others = st.one_of(rules, st.builds(Closed, keys), st.builds(Removed, rule_ids))
# Hypothesis makes short lists: as many stretches as there are, so many events at least.
stretches = st.tuples(openings, others, openings, rules, openings, st.builds(Closed, keys), openings, others)
events = st.lists(stretches.flatmap(st.permutations), min_size=1, max_size=4).map(lambda them: list(chain(*them)))


def on_both_sides(rule: InhibitRule, subject: Subject) -> bool:
    return rule.target.matches(subject) and any(source.matchers.matches(subject) for source in rule.sources)


def inhibits(rule: InhibitRule, source: Source, firing: Subject, target: Subject) -> bool:
    return (
        source.matchers.matches(firing)
        and all(firing.get(ours) == target.get(theirs) for ours, theirs in source.equal)
        and not (on_both_sides(rule, firing) and on_both_sides(rule, target))
    )


def searched(in_force: Rules, alerts: Open, key: bytes) -> list[tuple[InhibitRule, bytes]]:
    """Return what inhibits an open alert, by looking at all rules and all open alerts."""
    found = []
    for _, rule in sorted(in_force.items()):
        if not rule.target.matches(alerts[key]):
            continue
        firing = [
            [other for other in alerts if other != key and inhibits(rule, source, alerts[other], alerts[key])]
            for source in rule.sources
        ]
        if all(firing):
            found.append((rule, min(min(others) for others in firing)))
    return found


def searched_for_all(in_force: Rules, alerts: Open) -> dict[bytes, list[tuple[InhibitRule, bytes]]]:
    return {key: searched(in_force, alerts, key) for key in alerts}


def take(inhibitor: Inhibitor, in_force: Rules, alerts: Open, event: Event) -> set[bytes]:
    """Apply an event to the inhibitor and to what is known; return the keys that the inhibitor names."""
    if isinstance(event, Opened):
        alerts[event.key] = event.subject
        return inhibitor.opened(event.key, event.subject)
    if isinstance(event, Closed):
        alerts.pop(event.key, None)
        return inhibitor.closed(event.key)
    if isinstance(event, Removed):
        in_force.pop(event.rule_id, None)
        return inhibitor.remove(event.rule_id)
    in_force[event.ref.id] = event
    return inhibitor.put(event, alerts.items())


def rule_ids_of(found: Mapping[bytes, Sequence[tuple[InhibitRule, bytes]]], key: bytes) -> list[str]:
    return [rule.ref.id for rule, _ in found[key]]


@given(events)
def test_it_knows_what_a_search_finds_and_names_everybody_whose_inhibition_turned(
    happened: list[Event],
) -> None:
    inhibitor, in_force, alerts = Inhibitor(), Rules(), Open()
    for event in happened:
        before = searched_for_all(in_force, alerts)
        moved = isinstance(event, Opened) and event.key in alerts
        named = take(inhibitor, in_force, alerts, event)
        after = searched_for_all(in_force, alerts)
        assert {key: list(inhibitor.inhibitors(key)) for key in alerts} == after

        both_times = {key for key in before if key in after and not (isinstance(event, Opened) and key == event.key)}
        turned = {key for key in both_times if rule_ids_of(before, key) != rule_ids_of(after, key)}
        assert turned <= named <= both_times
        # One that moves may enter one leg of a rule and leave another: then it names some for nothing.
        assert named == turned or (moved and any(len(rule.sources) > 1 for rule in in_force.values()))
    assert inhibitor.rules == [rule for _, rule in sorted(in_force.items())]


@given(events, st.data())
def test_one_that_starts_anew_with_what_is_open_knows_the_same_in_any_order(
    happened: list[Event], data: st.DataObject
) -> None:
    lived, in_force, alerts = Inhibitor(), Rules(), Open()
    for event in happened:
        take(lived, in_force, alerts, event)
    news: list[Event] = [*in_force.values(), *(Opened(key, subject) for key, subject in alerts.items())]
    anew, rules_anew, alerts_anew = Inhibitor(), Rules(), Open()
    for event in data.draw(st.permutations(news), "order"):
        take(anew, rules_anew, alerts_anew, event)
    assert anew.rules == lived.rules
    assert len(anew) == len(lived)
    assert {key: anew.inhibitors(key) for key in alerts} == {key: lived.inhibitors(key) for key in alerts}


@given(events)
def test_when_all_alerts_are_closed_nothing_is_left_of_them(happened: list[Event]) -> None:
    inhibitor, in_force, alerts = Inhibitor(), Rules(), Open()
    for event in happened:
        take(inhibitor, in_force, alerts, event)
    for key in list(alerts):
        inhibitor.closed(key)
    assert len(inhibitor) == 0
    legs = [leg for rule in inhibitor._rules.values() for leg in rule.legs]
    assert not any(leg.firing or leg.audience.members or leg.audience.live or leg.rule.on_both for leg in legs)


@given(events)
def test_when_all_rules_are_removed_nothing_is_left_of_them(happened: list[Event]) -> None:
    inhibitor, in_force, alerts = Inhibitor(), Rules(), Open()
    for event in happened:
        take(inhibitor, in_force, alerts, event)
    for rule_id in list(in_force):
        inhibitor.remove(rule_id)
    assert (len(inhibitor), inhibitor._targets) == (0, {})
