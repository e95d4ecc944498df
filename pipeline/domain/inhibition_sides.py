"""The two sides of inhibition rules, taken apart so that alerts find each other by their values.

    rule --1..n-- leg (one for each source) --n..1-- audience (the targets, by what must be equal)

An audience serves all legs with the same target and the same fields of it: many rules are about "every warning of
the same cluster", and a warning that opens takes its place among these once. A leg holds for a target while a source
of it has the target's values; a rule inhibits while all its legs hold.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pipeline.domain.inhibit_rule import InhibitRule, Source
    from pipeline.domain.matchers import Matchers
    from pipeline.domain.subject import Subject

Values = tuple[str, ...]
_NOBODY: frozenset[bytes] = frozenset()


class Audience:
    """The open alerts that a target matches, by their values of some fields."""

    __slots__ = ("fields", "legs", "live", "members")

    def __init__(self, fields: Values) -> None:
        self.fields = fields
        self.legs: list[Leg] = []
        self.members: dict[Values, set[bytes]] = {}
        self.live: dict[Values, list[Leg]] = {}  # legs that have a source with these values

    def values_of(self, subject: Subject) -> Values:
        """Return where an alert's place is."""
        return tuple([subject.get(field) for field in self.fields])

    def add(self, values: Values, key: bytes) -> None:
        """Let `key` be a target."""
        members = self.members.get(values)
        if members is None:
            self.members[values] = {key}
        else:
            members.add(key)

    def discard(self, values: Values, key: bytes) -> None:
        """Let `key` be no target any more."""
        members = self.members[values]
        members.discard(key)
        if not members:
            del self.members[values]

    def at(self, values: Values) -> Collection[bytes]:
        """Return the targets with these values."""
        return self.members.get(values, _NOBODY)


class Target:
    """What some rules are to keep quiet, and the audiences it has for them."""

    __slots__ = ("audiences", "matchers")

    def __init__(self, matchers: Matchers) -> None:
        self.matchers = matchers
        self.audiences: dict[Values, Audience] = {}

    def audience_of(self, source: Source) -> Audience:
        """Return the audience for a source, a new one if no other has the same."""
        fields = tuple([pair[1] for pair in source.equal])
        audience = self.audiences.get(fields)
        if audience is None:
            audience = self.audiences[fields] = Audience(fields)
        return audience


class _Firing:
    """The sources of a leg with the same values, those apart that are on both sides of the rule; both sorted."""

    __slots__ = ("on_both", "only")

    def __init__(self) -> None:
        self.only: list[bytes] = []
        self.on_both: list[bytes] = []

    def holds_for(self, target_on_both: bool) -> bool:
        """Say whether there is a source for a target that is, or is not, on both sides: these are none for those."""
        return bool(self.only or (self.on_both and not target_on_both))

    def first_for(self, target_on_both: bool) -> bytes | None:
        """Return the smallest key of a source for such a target."""
        first = self.only[0] if self.only else None
        if target_on_both or not self.on_both:
            return first
        other = self.on_both[0]
        return other if first is None or other < first else first


class Leg:
    """One source of a rule, and the alerts that are it."""

    __slots__ = ("audience", "fields", "firing", "rule", "source")

    def __init__(self, rule: IndexedRule, source: Source, audience: Audience) -> None:
        self.rule = rule
        self.source = source
        self.audience = audience
        self.fields = tuple([pair[0] for pair in source.equal])
        self.firing: dict[Values, _Firing] = {}
        audience.legs.append(self)

    def values_of(self, subject: Subject) -> Values:
        """Return for which values of its targets an alert is a source."""
        return tuple([subject.get(field) for field in self.fields])

    def add(self, values: Values, key: bytes, on_both: bool) -> Iterable[bytes]:
        """Let `key` be a source; return the targets for which the leg holds only from now on."""
        firing = self.firing.get(values)
        if firing is None:
            firing = self.firing[values] = _Firing()
            self.audience.live.setdefault(values, []).append(self)
        before = firing.holds_for(False), firing.holds_for(True)
        insort(firing.on_both if on_both else firing.only, key)
        return self._turned(values, before, (firing.holds_for(False), firing.holds_for(True)))

    def remove(self, values: Values, key: bytes, on_both: bool) -> Iterable[bytes]:
        """Let `key` be no source any more; return the targets for which the leg no longer holds."""
        firing = self.firing[values]
        before = firing.holds_for(False), firing.holds_for(True)
        keys = firing.on_both if on_both else firing.only
        del keys[bisect_left(keys, key)]
        after = firing.holds_for(False), firing.holds_for(True)
        if not after[0]:
            del self.firing[values]
            self._is_dead(values)
        return self._turned(values, before, after)

    def _is_dead(self, values: Values) -> None:
        live = self.audience.live[values]
        live.remove(self)
        if not live:
            del self.audience.live[values]

    def close(self) -> None:
        """Leave the audience."""
        for values in self.firing:
            self._is_dead(values)
        self.audience.legs.remove(self)

    def holds_for(self, values: Values, target_on_both: bool) -> bool:
        """Say whether a source fires for a target with these values."""
        firing = self.firing.get(values)
        return firing is not None and firing.holds_for(target_on_both)

    def first_for(self, values: Values, target_on_both: bool) -> bytes | None:
        """Return the smallest key of such a source."""
        firing = self.firing.get(values)
        return None if firing is None else firing.first_for(target_on_both)

    def _turned(self, values: Values, before: tuple[bool, bool], after: tuple[bool, bool]) -> Iterable[bytes]:
        if before == after:
            return ()
        targets, on_both = self.audience.at(values), self.rule.on_both
        if before[0] == after[0]:  # only for those on both sides
            few, many = (on_both, targets) if len(on_both) < len(targets) else (targets, on_both)
            return [key for key in few if key in many]
        if before[1] == after[1]:  # only for the others
            return [key for key in targets if key not in on_both] if on_both else targets
        return targets


class IndexedRule:
    """A rule, its legs, and the alerts on both sides of it."""

    __slots__ = ("id", "legs", "on_both", "rule", "target")

    def __init__(self, rule: InhibitRule, target: Target) -> None:
        self.id = rule.ref.id
        self.rule = rule
        self.target = target
        self.legs = tuple([Leg(self, source, target.audience_of(source)) for source in rule.sources])
        self.on_both: set[bytes] = set()


class Standing(NamedTuple):
    """Where an alert stands: its places in audiences, and of which legs it is a source."""

    targets: tuple[tuple[Audience, Values], ...] = ()
    sources: tuple[tuple[Leg, Values, bool], ...] = ()  # and whether it is a target of the leg's rule as well

    def values_in(self, audience: Audience) -> Values | None:
        """Return its place in an audience, None if it has none there."""
        for one, values in self.targets:
            if one is audience:
                return values
        return None

    def inhibitors(self, key: bytes) -> Sequence[tuple[InhibitRule, bytes]]:
        """Return what inhibits the alert: the rules in order of id, each with the smallest key of its sources."""
        found: dict[str, tuple[InhibitRule, bytes]] = {}
        for audience, values in self.targets:
            for leg in audience.live.get(values, ()):
                rule = leg.rule
                if rule.id not in found and (source := self.inhibitor(rule, key)) is not None:
                    found[rule.id] = rule.rule, source
        return [found[rule_id] for rule_id in sorted(found)] if found else ()

    def inhibitor(self, rule: IndexedRule, key: bytes) -> bytes | None:
        """Return the smallest key of what inhibits the alert under a rule, None if nothing does."""
        on_both = key in rule.on_both
        smallest = None
        for leg in rule.legs:
            values = self.values_in(leg.audience)
            first = None if values is None else leg.first_for(values, on_both)
            if first is None:
                return None
            if smallest is None or first < smallest:
                smallest = first
        return smallest


NOWHERE = Standing()
