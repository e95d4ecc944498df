"""Maintenance windows: like silences, but what they hid is told when they end."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from pipeline.domain.matchers import Matchers
from pipeline.domain.occurrences import Window
from pipeline.domain.rule import RuleRef
from pipeline.domain.schedules import Once, Phase, Recurring, phase
from pipeline.domain.severity import Severity

if TYPE_CHECKING:
    from pipeline.domain.calendars import Calendar

TOP = 20
"""How many names a summary tells."""
NAMES = 1000
"""How many names are counted one by one: later ones are counted together."""

HiddenState = tuple[list[tuple[str, int]], int, list[tuple[int, int]]]
"""What msgpack keeps of `HiddenCounts`: names, all other names, severities."""


class MaintenanceWindow(msgspec.Struct, frozen=True):
    """Alerts that match are suppressed while the schedule is in force."""

    ref: RuleRef
    matchers: Matchers
    schedule: Once | Recurring


def window_at(window: MaintenanceWindow, now: int, calendar: Calendar | None = None) -> Window | None:
    """Return the [start, end) in which it hides alerts at `now`."""
    return window.schedule.window_at(now, calendar)


def state(window: MaintenanceWindow, now: int, calendar: Calendar | None = None) -> Phase:
    """Return whether it is pending, active or expired; between two of its windows it is pending."""
    return phase(window.schedule, now, calendar)


def next_edge(window: MaintenanceWindow, now: int, calendar: Calendar | None = None) -> int | None:
    """Return the first time after `now` at which it becomes active or ends; None for never."""
    return window.schedule.next_edge(now, calendar)


class Summary(msgspec.Struct, frozen=True):
    """What one maintenance window hid, as told at its end."""

    window: Window
    by_name: tuple[tuple[str, int], ...]  # the most frequent first, `TOP` at most
    other: int  # of all other names
    by_severity: tuple[tuple[Severity, int], ...]  # the worst first
    still_firing: int

    @property
    def hidden(self) -> int:
        """Return how much was hidden."""
        return sum(count for _, count in self.by_severity)


class HiddenCounts:
    """Counts what a window hides, in bounded space."""

    def __init__(self) -> None:
        self._names: dict[str, int] = {}
        self._other = 0
        self._severities: Counter[Severity] = Counter()

    def count(self, name: str, severity: Severity) -> None:
        """Count one more that was hidden."""
        self._severities[severity] += 1
        if name in self._names:
            self._names[name] += 1
        elif len(self._names) < NAMES:
            self._names[name] = 1
        else:
            self._other += 1

    def summary(self, window: Window, still_firing: int) -> Summary:
        """Return what `window` hid, where `still_firing` of it fire at its end."""
        ranked = sorted(self._names.items(), key=lambda item: (-item[1], item[0]))
        return Summary(
            window=window,
            by_name=tuple(ranked[:TOP]),
            other=self._other + sum(count for _, count in ranked[TOP:]),
            by_severity=tuple(sorted(self._severities.items(), reverse=True)),
            still_firing=still_firing,
        )

    def snapshot(self) -> HiddenState:
        """Return all there is to keep, as what msgpack can write; the same counts give the same value."""
        severities = [(int(severity), count) for severity, count in sorted(self._severities.items())]
        return sorted(self._names.items()), self._other, severities

    @classmethod
    def restored(cls, state: HiddenState) -> HiddenCounts:
        """Return what `snapshot` was taken of."""
        names, other, severities = state
        counts = cls()
        counts._names = dict(names)
        counts._other = other
        counts._severities = Counter({Severity(severity): count for severity, count in severities})
        return counts
