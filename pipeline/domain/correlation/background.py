"""How unusual each alert is as a part of an incident: alerts that are in every incident say nothing about a cause."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

ALERTS: Final = 2048  # known; those that were longest in no incident are forgotten
NAMES: Final = 512
PLACES: Final = 1024
_FADES: Final = 0.8  # what each further incident leaves of the recent count: what went on for days stops telling
_PRIOR: Final = 5.0  # incidents that the guess from the name alone weighs as much as
_RECENT_PRIOR: Final = 0.3
_MOST: Final = 0.99


class Background:
    """In how many incidents each alert was, ever and lately."""

    __slots__ = ("_alerts", "_names", "_places", "_recent_total", "incidents")

    def __init__(self) -> None:
        self.incidents = 0
        self._recent_total = 0.0
        self._alerts: dict[str, tuple[int, float, int]] = {}  # (times, lately, as of which incident)
        self._names: dict[str, int] = {}
        self._places: dict[str, None] = {}

    def learn(self, signs: Iterable[tuple[str, str, str]]) -> None:
        """Take in an incident that is over: (fingerprint, name, place) of its alerts."""
        self.incidents += 1
        self._recent_total = self._recent_total * _FADES + 1.0
        for fingerprint, name, place in signs:
            times, lately, _ = self._counts(fingerprint)
            self._alerts.pop(fingerprint, None)
            self._alerts[fingerprint] = times + 1, lately + 1.0, self.incidents
            self._names[name] = self._names.pop(name, 0) + 1
            self._places[place] = self._places.pop(place, None)
        for known, most in ((self._alerts, ALERTS), (self._names, NAMES), (self._places, PLACES)):
            while len(known) > most:
                del known[next(iter(known))]

    def _counts(self, fingerprint: str) -> tuple[int, float, int]:
        times, lately, then = self._alerts.get(fingerprint, (0, 0.0, self.incidents))
        return times, lately * _FADES ** (self.incidents - then), then

    def surprise(self, fingerprint: str, name: str) -> float:
        """Return how unusual it is that an incident has this alert, in bits; 1 before any incident is over."""
        if not self.incidents:
            return 1.0
        times, lately, _ = self._counts(fingerprint)
        guess = min(1.0, (self._names.get(name, 0) + 1) / ((self.incidents + 2) * max(1, len(self._places))))
        ever = (times + _PRIOR * guess) / (self.incidents + _PRIOR)
        now = (lately + _RECENT_PRIOR * guess) / (self._recent_total + _RECENT_PRIOR)
        return -math.log2(min(_MOST, max(ever, now)))

    def times(self, fingerprint: str) -> int:
        """Return in how many incidents an alert was."""
        return self._counts(fingerprint)[0]

    def snapshot(self) -> list[Any]:
        """Return all there is to keep."""
        return [
            self.incidents,
            self._recent_total,
            [[one, *counts] for one, counts in self._alerts.items()],
            [list(one) for one in self._names.items()],
            list(self._places),
        ]

    def restore(self, state: list[Any]) -> None:
        """Take over what `snapshot` returned."""
        self.incidents, self._recent_total, alerts, names, places = state
        self._alerts = {one: (times, lately, then) for one, times, lately, then in alerts}
        self._names = dict(names)
        self._places = dict.fromkeys(places)
