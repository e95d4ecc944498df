"""Inhibition: which open alerts are kept quiet by others that fire.

Nothing is searched. An alert that opens finds the rules that concern it by the match index, and in each of them those
that agree with it by the equal values. What it changes for others is known by who else is there: only the first
source of its kind inhibits anything, only the last one lifts anything.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pipeline.domain.inhibit_rule import InhibitRule, Source
from pipeline.domain.inhibition_bucket import first_of_all
from pipeline.domain.inhibition_legs import IndexedRule, standing_in
from pipeline.domain.inhibition_standings import Standings
from pipeline.domain.match_index import MatchIndex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.domain.inhibition_legs import Leg, Standing
    from pipeline.domain.subject import Subject

__all__ = ["InhibitRule", "Inhibitor", "Source"]


class Inhibitor:
    """The inhibition rules of one tenant, and which of its open alerts they concern.

    An alert that no rule concerns leaves nothing in here. In which order rules and alerts come changes nothing; to
    start with the rules is cheaper.
    """

    def __init__(self) -> None:
        self._rules: dict[str, IndexedRule] = {}
        self._by_target: MatchIndex[IndexedRule] = MatchIndex()
        self._by_source: MatchIndex[Leg] = MatchIndex()
        self._standings = Standings()

    def __len__(self) -> int:
        """Return how many open alerts the rules concern."""
        return len(self._standings)

    def could_concern(self, name: str) -> bool:
        """Say whether any rule may be about an alert called so, whatever its labels are."""
        return any(one.rule.could_concern(name) for one in self._rules.values())

    @property
    def rules(self) -> list[InhibitRule]:
        """All rules, in order of their ids."""
        return [self._rules[rule_id].rule for rule_id in sorted(self._rules)]

    def put(self, rule: InhibitRule, open_alerts: Iterable[tuple[bytes, Subject]]) -> set[bytes]:
        """Add or replace a rule; return the keys that it inhibits from now on, or no longer.

        `open_alerts` are all of the tenant's, each once. They are not read where only author or comment are new.
        """
        known = self._rules.get(rule.ref.id)
        if known is not None and known.rule.decides_as(rule):
            known.rule = rule
            return set()
        inhibited_before = self.remove(rule.ref.id)
        indexed = self._rules[rule.ref.id] = IndexedRule(rule)
        self._by_target.put(indexed.id, rule.target, indexed)
        for number, leg in enumerate(indexed.legs):
            self._by_source.put(f"{indexed.id}/{number}", leg.source.matchers, leg)
        concerned = cache(rule.could_concern)  # names are few, and most are none of this rule's business
        for key, subject in open_alerts:
            if concerned(subject.name):
                self._enter(indexed, key, subject)
        return inhibited_before ^ self._standings.inhibited_under(indexed)

    def remove(self, rule_id: str) -> set[bytes]:
        """Remove a rule, if it is there; return the keys that it inhibited."""
        rule = self._rules.pop(rule_id, None)
        if rule is None:
            return set()
        self._by_target.remove(rule_id)
        for number, _ in enumerate(rule.legs):
            self._by_source.remove(f"{rule_id}/{number}")
        lifted = self._standings.inhibited_under(rule)
        self._standings.forget(rule)
        return lifted

    def opened(self, key: bytes, subject: Subject) -> set[bytes]:
        """Note that an alert fires, or fires with other labels; return the other keys whose inhibition that turns."""
        return self._standings.move(key, self._standings_of(subject))

    def closed(self, key: bytes) -> set[bytes]:
        """Note that an alert fires no longer; return the keys whose inhibition that turns."""
        return self._standings.move(key, ())

    def inhibitors(self, key: bytes) -> list[tuple[InhibitRule, bytes]]:
        """Return what inhibits an open alert: the rules in order of id, each with the smallest key of its sources."""
        found = []
        for standing in self._standings.of(key):
            source = standing.inhibitor()
            if source is not None:
                found.append((standing.rule.rule, source))
        return found

    def would_inhibit(self, subject: Subject, key: bytes) -> list[tuple[InhibitRule, bytes]]:
        """Return what would inhibit the alert `key` if it fired as `subject`, whatever it is known as so far."""
        rules = self._by_target.matching(subject)
        if not rules:
            return []
        on_both = {leg.rule.id for leg in self._by_source.matching(subject)}
        found = []
        for rule in rules:
            buckets = [leg.sources_for(subject) for leg in rule.legs]
            source = first_of_all(buckets, rule.id in on_both, besides=key)
            if source is not None:
                found.append((rule.rule, source))
        return found

    def _standings_of(self, subject: Subject) -> list[Standing]:
        """Return where an alert stands."""
        rules = self._by_target.matching(subject)
        legs = self._by_source.matching(subject)
        if not legs:
            return [standing_in(rule, subject, (), is_target=True) for rule in rules]
        source_of: dict[IndexedRule, list[Leg]] = {rule: [] for rule in rules}
        for leg in legs:
            source_of.setdefault(leg.rule, []).append(leg)
        return [standing_in(rule, subject, its_legs, rule in rules) for rule, its_legs in source_of.items()]

    def _enter(self, rule: IndexedRule, key: bytes, subject: Subject) -> None:
        """Let an open alert stand in a new rule too, if that concerns it."""
        is_target = rule.rule.target.matches(subject)
        source_of = [leg for leg in rule.legs if leg.source.matchers.matches(subject)]
        if is_target or source_of:
            self._standings.add(key, standing_in(rule, subject, source_of, is_target))
