"""Which states a series has been in: the few that stand for all, and how far a new one is from them."""

from __future__ import annotations

import math

KnownState = tuple[float, float, int]  # where it is, and when it was last met
KnownStates = tuple[int, int, list[KnownState]]

_ALIKE = 0.5  # deviations; what is further from all known states becomes one of its own
_SAME = (_ALIKE / 2) ** 2  # squared; so near the state before, no other is looked for
_MOST = 40
_PULL = 0.05  # how far a state moves to what it stands for


class States:
    """Up to forty states of two numbers each (leader clustering, Hartigan 1975); the longest unmet is forgotten."""

    __slots__ = ("_met", "_now", "_places", "_turn")

    def __init__(self, state: KnownStates = (0, 0, [])) -> None:
        self._now, self._turn, known = state
        self._places = [(one, other) for one, other, _ in known]
        self._met = [met for _, _, met in known]

    def state(self) -> KnownStates:
        """Return what it is made of."""
        known = [(one, other, met) for (one, other), met in zip(self._places, self._met, strict=True)]
        return self._now, self._turn, known

    def nearest(self, one: float, other: float) -> tuple[float, int]:
        """Return how far the nearest known state is, and which it is; 0 and -1 if none is known."""
        if not self._places:
            return 0.0, -1
        here, there = self._places[self._now]
        best = (one - here) ** 2 + (other - there) ** 2
        found = self._now
        if best >= _SAME:
            for number, (here, there) in enumerate(self._places):
                apart = (one - here) ** 2 + (other - there) ** 2
                if apart < best:
                    best, found = apart, number
        return math.sqrt(best), found

    def learn(self, one: float, other: float, distance: float, found: int) -> None:
        """Take a state in, of which `nearest` said `distance` and `found`."""
        self._turn += 1
        if found >= 0 and distance <= _ALIKE:
            here, there = self._places[found]
            self._places[found] = here + _PULL * (one - here), there + _PULL * (other - there)
        elif len(self._places) < _MOST:
            found = len(self._places)
            self._places.append((one, other))
            self._met.append(0)
        else:
            found = min(range(_MOST), key=self._met.__getitem__)
            self._places[found] = one, other
        self._now = found
        self._met[found] = self._turn
