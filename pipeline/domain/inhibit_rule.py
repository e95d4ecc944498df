"""Inhibition rules: which firing alerts keep which others quiet."""

from __future__ import annotations

import msgspec

from pipeline.domain.matchers import Matchers
from pipeline.domain.rule import RuleRef


class Source(msgspec.Struct, frozen=True):
    """One kind of alert that must fire, and where it must agree with the target.

    `equal` are pairs (field of the source, field of the target). A missing field is an empty one, so two alerts
    that both lack a field agree on it.
    """

    matchers: Matchers
    equal: tuple[tuple[str, str], ...] = ()


class InhibitRule(msgspec.Struct, frozen=True):
    """Quiets what `target` matches while all of `sources` fire, each by an alert that agrees with the target.

    An alert on both sides, target and any of the sources, is not inhibited by another alert on both sides, so
    none inhibits itself. Inhibition is not transitive: an inhibited alert inhibits all the same.
    """

    ref: RuleRef
    sources: tuple[Source, ...]
    target: Matchers

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError(
                "an inhibition rule needs at least one source: without one it would hide its targets always"
            )

    def could_concern(self, name: str) -> bool:
        """Say whether an alert called `name` can be on a side of this rule, judged by its name alone."""
        return self.target.could_match_name(name) or any(
            source.matchers.could_match_name(name) for source in self.sources
        )

    def decides_as(self, other: InhibitRule) -> bool:
        """Say whether `other` differs in author, version or comment at most."""
        return self.sources == other.sources and self.target == other.target
