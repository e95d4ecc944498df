"""Inhibition: which open alerts are kept quiet by others that fire.

Nothing is searched. An alert that opens finds by the match index what it is a target or a source of, and takes its
places there by the values that must be equal. What it changes for others is known by who else is there: only the
first source of its kind inhibits anything, only the last one lifts anything.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pipeline.domain.inhibit_rule import InhibitRule, Source
from pipeline.domain.inhibition_sides import NOWHERE, IndexedRule, Standing, Target
from pipeline.domain.match_index import MatchIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.domain.inhibition_sides import Audience, Leg
    from pipeline.domain.matchers import Matchers
    from pipeline.domain.subject import Subject

__all__ = ["InhibitRule", "Inhibitor", "Source"]


class Inhibitor:
    """The inhibition rules of one tenant, and which of its open alerts they concern.

    An alert that no rule concerns leaves nothing in here. In which order rules and alerts come changes nothing; to
    start with the rules is cheaper.
    """

    def __init__(self) -> None:
        self._rules: dict[str, IndexedRule] = {}
        self._targets: dict[Matchers, Target] = {}
        self._by_target: MatchIndex[Target] = MatchIndex()
        self._by_source: MatchIndex[Leg] = MatchIndex()
        self._standings: dict[bytes, Standing] = {}

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
        target = self._targets.get(rule.target)
        if target is None:
            target = self._targets[rule.target] = Target(rule.target)
            self._by_target.put(str(rule.target), rule.target, target)
        indexed = self._rules[rule.ref.id] = IndexedRule(rule, target)
        for number, leg in enumerate(indexed.legs):
            self._by_source.put(_leg_id(indexed, number), leg.source.matchers, leg)
        concerned = cache(rule.could_concern)  # names are few, and most are none of this rule's business
        for key, subject in open_alerts:
            if concerned(subject.name):
                self._enter(indexed, key, subject)
        return inhibited_before ^ self._inhibited_under(indexed)

    def remove(self, rule_id: str) -> set[bytes]:
        """Remove a rule, if it is there; return the keys that it inhibited."""
        rule = self._rules.pop(rule_id, None)
        if rule is None:
            return set()
        lifted = self._inhibited_under(rule)
        sources = {
            key for leg in rule.legs for firing in leg.firing.values() for key in (*firing.only, *firing.on_both)
        }
        for key in sources:
            standing = self._standings[key]
            left = tuple([one for one in standing.sources if one[0].rule is not rule])
            self._set(key, standing._replace(sources=left))
        for number, leg in enumerate(rule.legs):
            self._by_source.remove(_leg_id(rule, number))
            leg.close()
            self._drop_if_unused(rule.target, leg.audience)
        return lifted

    def opened(self, key: bytes, subject: Subject) -> set[bytes]:
        """Note that an alert fires, or fires with other labels; return the other keys whose inhibition that turns."""
        return self._move(key, self._standing_of(subject))

    def closed(self, key: bytes) -> set[bytes]:
        """Note that an alert fires no longer; return the keys whose inhibition that turns."""
        return self._move(key, NOWHERE)

    def inhibitors(self, key: bytes) -> Sequence[tuple[InhibitRule, bytes]]:
        """Return what inhibits an open alert: the rules in order of id, each with the smallest key of its sources."""
        standing = self._standings.get(key)
        return () if standing is None else standing.inhibitors(key)

    # -- where alerts stand

    def _standing_of(self, subject: Subject) -> Standing:
        found = self._by_target.matching(subject)
        legs = self._by_source.matching(subject)
        if not found and not legs:
            return NOWHERE
        targets = tuple([(one, one.values_of(subject)) for target in found for one in target.audiences.values()])
        if not legs:
            return Standing(targets)
        on_both = {leg.rule.id for leg in legs if leg.rule.target in found} if found else ()
        return Standing(targets, tuple([(leg, leg.values_of(subject), leg.rule.id in on_both) for leg in legs]))

    def _enter(self, rule: IndexedRule, key: bytes, subject: Subject) -> None:
        """Let an open alert stand in a new rule too, if that concerns it."""
        is_target = rule.rule.target.matches(subject)
        legs = [leg for leg in rule.legs if leg.source.matchers.matches(subject)]
        if not is_target and not legs:
            return
        standing = self._standings.get(key, NOWHERE)
        targets = list(standing.targets)
        if is_target:
            for leg in rule.legs:
                if (leg.audience, place := leg.audience.values_of(subject)) not in targets:
                    targets.append((leg.audience, place))
        sources = [(leg, leg.values_of(subject), is_target) for leg in legs]
        self._move(key, Standing(tuple(targets), (*standing.sources, *sources)))

    def _move(self, key: bytes, after: Standing) -> set[bytes]:
        """Let an alert stand in `after` and nowhere else; return the other targets whose inhibition that turns.

        It enters before it leaves: a source that only changes its labels must not lift anything in between.
        """
        before = self._standings.get(key, NOWHERE)
        turned: set[bytes] = set()
        if before == after:
            return turned
        self._set(key, after)
        if before.targets != after.targets:
            for target in after.targets:
                if target not in before.targets:
                    target[0].add(target[1], key)
            for target in before.targets:
                if target not in after.targets:
                    target[0].discard(target[1], key)
        if before.sources != after.sources:
            for leg, values, on_both in after.sources:
                if (leg, values, on_both) not in before.sources:
                    turned.update(self._all_hold(leg, leg.add(values, key, on_both)))
            for leg, values, on_both in before.sources:
                if (leg, values, on_both) not in after.sources:
                    turned.update(self._all_hold(leg, leg.remove(values, key, on_both)))
            for leg, _, on_both in before.sources:
                if on_both:
                    leg.rule.on_both.discard(key)
            for leg, _, on_both in after.sources:
                if on_both:
                    leg.rule.on_both.add(key)
            turned.discard(key)
        return turned

    def _all_hold(self, turned: Leg, targets: Iterable[bytes]) -> Iterable[bytes]:
        """Return those `targets`, for which a leg has just begun or ceased to hold, for which all other legs hold."""
        rule = turned.rule
        others = [leg for leg in rule.legs if leg is not turned]
        if not others or not targets:
            return targets
        return [
            key
            for key in targets
            if all(
                (values := self._standings[key].values_in(leg.audience)) is not None
                and leg.holds_for(values, key in rule.on_both)
                for leg in others
            )
        ]

    def _set(self, key: bytes, standing: Standing) -> None:
        if standing.targets or standing.sources:
            self._standings[key] = standing
        else:
            self._standings.pop(key, None)

    # -- rules

    def _drop_if_unused(self, target: Target, audience: Audience) -> None:
        """Forget an audience that no leg has any more, and a target without an audience."""
        if audience.legs or target.audiences.pop(audience.fields, None) is None:
            return
        for key in {key for members in audience.members.values() for key in members}:
            standing = self._standings[key]
            left = tuple([one for one in standing.targets if one[0] is not audience])
            self._set(key, standing._replace(targets=left))
        if not target.audiences:
            del self._targets[target.matchers]
            self._by_target.remove(str(target.matchers))

    def _inhibited_under(self, rule: IndexedRule) -> set[bytes]:
        """Return the keys that a rule inhibits."""
        leg = rule.legs[0]
        return {
            key
            for values in leg.firing
            for key in leg.audience.at(values)
            if self._standings[key].inhibitor(rule, key) is not None
        }


def _leg_id(rule: IndexedRule, number: int) -> str:
    return f"{rule.id}/{number}"
