"""Standings: where each open alert stands in the inhibition rules, and what changes for others when it moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.domain.inhibition_bucket import Bucket
    from pipeline.domain.inhibition_legs import IndexedRule, Standing


class Standings:
    """The standings of each open alert that any rule concerns, in order of rule id."""

    def __init__(self) -> None:
        self._of: dict[bytes, tuple[Standing, ...]] = {}

    def __len__(self) -> int:
        return len(self._of)

    def of(self, key: bytes) -> tuple[Standing, ...]:
        """Return where an alert stands, nowhere if no rule concerns it."""
        return self._of.get(key, ())

    def move(self, key: bytes, standings: Sequence[Standing]) -> set[bytes]:
        """Let an alert stand in `standings` and nowhere else; return the other targets whose inhibition that turns."""
        before = self._of.get(key, ())
        if not (before or standings):
            return set()
        after = _in_order(standings)
        if before == after:
            return set()
        self._set(key, after)
        # It enters before it leaves: a source that only changes its labels must not lift anything in between. Where it
        # stays, it is there twice in between.
        turned = self._enter(key, after)
        turned |= self._leave(key, before)
        turned.discard(key)
        return turned

    def add(self, key: bytes, standing: Standing) -> None:
        """Let an alert stand in one more rule."""
        self._set(key, _in_order([*self.of(key), standing]))
        self._enter(key, (standing,))

    def inhibited_under(self, rule: IndexedRule) -> set[bytes]:
        """Return the keys that a rule inhibits."""
        return {
            key
            for key in rule.members()
            for standing in self._of[key]
            if standing.rule is rule and standing.inhibitor() is not None
        }

    def forget(self, rule: IndexedRule) -> None:
        """Let nobody stand in `rule`, which is not used any more."""
        for key in rule.members():
            self._set(key, tuple([standing for standing in self._of[key] if standing.rule is not rule]))

    def _enter(self, key: bytes, standings: Sequence[Standing]) -> set[bytes]:
        turned: set[bytes] = set()
        for _, sources, targets, on_both in standings:
            for bucket in sources:
                turned.update(self._turned(bucket, bucket.add_source(key, on_both)))
            for bucket in targets:
                bucket.add_target(key, on_both)
        return turned

    def _leave(self, key: bytes, standings: Sequence[Standing]) -> set[bytes]:
        turned: set[bytes] = set()
        for _, sources, targets, on_both in standings:
            for bucket in sources:
                turned.update(self._turned(bucket, bucket.remove_source(key, on_both)))
                bucket.drop_if_empty()
            for bucket in targets:
                bucket.remove_target(key, on_both)
                bucket.drop_if_empty()
        return turned

    def _turned(self, bucket: Bucket, targets: Sequence[bytes]) -> Sequence[bytes]:
        """Return those `targets`, for which a leg has just begun or ceased to hold, for which all other legs hold."""
        rule = bucket.leg.rule
        if not targets or len(rule.legs) == 1:
            return targets
        return [key for key in targets if self._others_hold(rule, key, bucket)]

    def _others_hold(self, rule: IndexedRule, key: bytes, turned: Bucket) -> bool:
        return any(
            all(bucket is turned or bucket.holds_for(standing.on_both) for bucket in standing.targets)
            for standing in self._of.get(key, ())
            if standing.rule is rule
        )

    def _set(self, key: bytes, standings: tuple[Standing, ...]) -> None:
        if standings:
            self._of[key] = standings
        else:
            self._of.pop(key, None)


def _in_order(standings: Sequence[Standing]) -> tuple[Standing, ...]:
    return tuple(standings if len(standings) < 2 else sorted(standings, key=lambda standing: standing.rule.id))
