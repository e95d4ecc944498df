"""Buckets: the alerts of one source of an inhibition rule that agree on what must be equal."""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.domain.inhibition_legs import Leg, Standing

_NOBODY: list[bytes] = []  # shared by all buckets and never changed: most have nobody in most places


class Bucket:
    """Who inhibits whom: the sources in here make the leg hold for the targets in here.

    All lists are sorted. Alerts on both sides of the rule are kept apart, for they do not inhibit each other.
    """

    __slots__ = ("as_source", "as_target", "leg", "sources", "sources_on_both", "targets", "targets_on_both", "values")

    def __init__(self, leg: Leg, values: tuple[str, ...]) -> None:
        self.leg = leg
        self.values = values
        # The standing of all who are in here and nowhere else in the rule: one for all of them.
        self.as_source: Standing | None = None
        self.as_target: Standing | None = None
        self.sources = _NOBODY
        self.sources_on_both = _NOBODY
        self.targets = _NOBODY
        self.targets_on_both = _NOBODY

    def holds_for(self, on_both: bool) -> bool:
        """Say whether the leg holds for a target in here that is, or is not, on both sides."""
        return bool(self.sources or (self.sources_on_both and not on_both))

    def first_source(self, on_both: bool, besides: bytes | None = None) -> bytes | None:
        """Return the smallest key of a source for such a target, other than `besides`."""
        first = _first(self.sources, besides) if self.sources else None
        if on_both or not self.sources_on_both:
            return first
        other = _first(self.sources_on_both, besides)
        return other if first is None or (other is not None and other < first) else first

    def add_source(self, key: bytes, on_both: bool) -> Sequence[bytes]:
        """Let `key` be a source; return the targets for which the leg holds only from now on."""
        if on_both:
            known = bool(self.sources_on_both)
            self.sources_on_both = _with(self.sources_on_both, key)
        else:
            known = bool(self.sources)
            self.sources = _with(self.sources, key)
        return _NOBODY if known else self._depending_on(on_both)

    def remove_source(self, key: bytes, on_both: bool) -> Sequence[bytes]:
        """Let `key` be no source any more; return the targets for which the leg no longer holds."""
        if on_both:
            left = self.sources_on_both = _without(self.sources_on_both, key)
        else:
            left = self.sources = _without(self.sources, key)
        return _NOBODY if left else self._depending_on(on_both)

    def add_target(self, key: bytes, on_both: bool) -> None:
        """Let `key` be a target."""
        if on_both:
            self.targets_on_both = _with(self.targets_on_both, key)
        else:
            self.targets = _with(self.targets, key)

    def remove_target(self, key: bytes, on_both: bool) -> None:
        """Let `key` be no target any more."""
        if on_both:
            self.targets_on_both = _without(self.targets_on_both, key)
        else:
            self.targets = _without(self.targets, key)

    def members(self) -> list[bytes]:
        """Return everybody in here; an alert that is a source and a target comes twice."""
        return self.sources + self.targets + self.sources_on_both + self.targets_on_both

    def drop_if_empty(self) -> None:
        """Take the bucket from its leg if nobody is left in it."""
        if not (self.sources or self.targets or self.sources_on_both or self.targets_on_both):
            del self.leg.buckets[self.values]
            self.as_source = self.as_target = None  # they refer to the bucket: without them it is gone at once

    def _depending_on(self, on_both: bool) -> Sequence[bytes]:
        """Return the targets for which nothing but the sources that are, or are not, on both sides can hold."""
        if on_both:
            return _NOBODY if self.sources else self.targets
        return self.targets_on_both if self.sources_on_both else self.targets + self.targets_on_both


def first_of_all(buckets: Sequence[Bucket | None], on_both: bool, besides: bytes | None = None) -> bytes | None:
    """Return the smallest key of a source in a target's `buckets`, None if one of them has no source for it."""
    smallest = None
    for bucket in buckets:
        first = None if bucket is None else bucket.first_source(on_both, besides)
        if first is None:
            return None
        if smallest is None or first < smallest:
            smallest = first
    return smallest


def _first(keys: list[bytes], besides: bytes | None) -> bytes | None:
    if keys[0] != besides:
        return keys[0]
    return keys[1] if len(keys) > 1 else None


def _with(keys: list[bytes], key: bytes) -> list[bytes]:
    if not keys:
        return [key]
    insort(keys, key)
    return keys


def _without(keys: list[bytes], key: bytes) -> list[bytes]:
    del keys[bisect_left(keys, key)]
    return keys or _NOBODY
