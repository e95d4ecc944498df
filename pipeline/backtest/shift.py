"""What goes one way between two runs over the same alerts, out of sight or into it: bounded however much that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.ledger.told import ToldChange

EXAMPLES: Final = 5
CRITICAL: Final = "critical"
OTHER_NAMES: Final = "(other names)"
OTHER_RULES: Final = "(other rules)"
_NAMES: Final = 10_000  # kept apart; senders make them up
_RULES: Final = 10_000
_Key = TypeVar("_Key")


@dataclass(slots=True)
class Count:
    """Alerts, each one life of a fingerprint, and their changes; both also of those that are critical."""

    alerts: int = 0
    critical_alerts: int = 0
    changes: int = 0
    critical_changes: int = 0

    def add_alert(self, severity: str) -> None:
        """Count one alert."""
        self.alerts += 1
        self.critical_alerts += severity == CRITICAL

    def add_change(self, severity: str) -> None:
        """Count one change."""
        self.changes += 1
        self.critical_changes += severity == CRITICAL


class Example(NamedTuple):
    """One change that differs, and why."""

    at: int  # ms
    told: ToldChange
    by: tuple[str, ...]


@dataclass(slots=True)
class Shift:
    """What went one way: out of sight, or into it."""

    total: Count = field(default_factory=Count)
    by_rule: dict[str, Count] = field(default_factory=dict)
    """By what hides it in the one run and not in the other; what two rules hide counts for both."""
    by_name: dict[tuple[str, str], Count] = field(default_factory=dict)
    """By name and severity; that of an alert is the worst it had."""
    _examples: dict[bool, list[Example]] = field(default_factory=lambda: {True: [], False: []})

    def add_change(self, told: ToldChange, by: tuple[str, ...], at: int) -> None:
        """Count a change that `by` hides in one run only."""
        for count in self._counts(told.name, told.severity, by):
            count.add_change(told.severity)
        examples = self._examples[told.severity == CRITICAL]
        if len(examples) < EXAMPLES:
            examples.append(Example(at, told, by))
        elif (place := _place_of_a_like(examples, told)) is not None:
            examples[place] = Example(at, told, by)

    def add_alert(self, name: str, severity: str, by: tuple[str, ...]) -> None:
        """Count an alert none of which is to be seen in one run, because of `by`."""
        for count in self._counts(name, severity, by):
            count.add_alert(severity)

    def examples(self) -> list[Example]:
        """Return a few of the changes: critical ones first, and of many names rather than of one."""
        return (self._examples[True] + self._examples[False])[:EXAMPLES]

    def _counts(self, name: str, severity: str, by: tuple[str, ...]) -> Iterable[Count]:
        yield self.total
        yield _bounded(self.by_name, (name, severity), (OTHER_NAMES, severity), _NAMES)
        for rule in by:
            yield _bounded(self.by_rule, rule, OTHER_RULES, _RULES)


def _place_of_a_like(examples: Sequence[Example], told: ToldChange) -> int | None:
    """Return where an example stands whose name is there twice, if `told` has a new one."""
    names = [example.told.name for example in examples]
    if told.name in names:
        return None
    return next((place for place in range(len(names) - 1, 0, -1) if names[place] in names[:place]), None)


def _bounded(counts: dict[_Key, Count], key: _Key, other: _Key, most: int) -> Count:
    count = counts.get(key)
    if count is None:
        key = key if len(counts) < most else other
        count = counts.setdefault(key, Count())
    return count
