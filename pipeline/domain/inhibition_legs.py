"""Legs: an inhibition rule taken apart, so that the alerts on its two sides find each other by their values.

    rule --1..n-- leg (one for each source) --0..n-- bucket (one for each combination of equal values)

A leg holds for a target while its bucket has a source for it; a rule inhibits while all its legs hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipeline.domain.inhibition_bucket import Bucket, first_of_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.domain.inhibit_rule import InhibitRule, Source
    from pipeline.domain.subject import Subject


class Leg:
    """One source of a rule, and the open alerts on both ends of it."""

    __slots__ = ("buckets", "rule", "source", "source_fields", "target_fields")

    def __init__(self, rule: IndexedRule, source: Source) -> None:
        self.rule = rule
        self.source = source
        self.source_fields = tuple(pair[0] for pair in source.equal)
        self.target_fields = tuple(pair[1] for pair in source.equal)
        self.buckets: dict[tuple[str, ...], Bucket] = {}

    def bucket(self, subject: Subject, fields: tuple[str, ...]) -> Bucket:
        """Return the bucket of the alerts that have what `subject` has in `fields`, a new one if need be."""
        values = tuple([subject.get(field) for field in fields])
        bucket = self.buckets.get(values)
        if bucket is None:
            bucket = self.buckets[values] = Bucket(self, values)
        return bucket

    def sources_for(self, subject: Subject) -> Bucket | None:
        """Return the bucket in which `subject` would be a target, None if nobody is in it."""
        return self.buckets.get(tuple([subject.get(field) for field in self.target_fields]))


class IndexedRule:
    """A rule and its legs."""

    __slots__ = ("id", "legs", "rule")

    def __init__(self, rule: InhibitRule) -> None:
        self.id = rule.ref.id
        self.rule = rule
        self.legs = tuple(Leg(self, source) for source in rule.sources)

    def members(self) -> set[bytes]:
        """Return the keys of all alerts on a side of the rule."""
        return {key for leg in self.legs for bucket in leg.buckets.values() for key in bucket.members()}


class Standing(NamedTuple):
    """Where an alert stands in one rule: the buckets it is a source in, and, of a target, one for each leg."""

    rule: IndexedRule
    sources: tuple[Bucket, ...]
    targets: tuple[Bucket, ...]
    on_both: bool

    def inhibitor(self) -> bytes | None:
        """Return the smallest key of what inhibits such an alert under the rule, None if nothing does."""
        if len(self.targets) == 1:
            return self.targets[0].first_source(self.on_both)
        return first_of_all(self.targets, self.on_both) if self.targets else None


def standing_in(rule: IndexedRule, subject: Subject, source_of: Sequence[Leg], is_target: bool) -> Standing:
    """Return where an alert stands that is a source of some legs of `rule`, or its target, or both."""
    if not source_of and len(rule.legs) == 1:
        bucket = rule.legs[0].bucket(subject, rule.legs[0].target_fields)
        if bucket.as_target is None:
            bucket.as_target = Standing(rule, (), (bucket,), on_both=False)
        return bucket.as_target
    if not is_target and len(source_of) == 1:
        bucket = source_of[0].bucket(subject, source_of[0].source_fields)
        if bucket.as_source is None:
            bucket.as_source = Standing(rule, (bucket,), (), on_both=False)
        return bucket.as_source
    return Standing(
        rule,
        tuple([leg.bucket(subject, leg.source_fields) for leg in source_of]),
        tuple([leg.bucket(subject, leg.target_fields) for leg in rule.legs]) if is_target else (),
        on_both=is_target and bool(source_of),
    )
