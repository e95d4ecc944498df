"""Telling what lasts once: the refractory gate behind a score."""

from __future__ import annotations

GateState = tuple[int, int, float]

WARM = 100  # points, before which nothing is detected
QUIET = 60  # points after a detection
CALM = 20  # points under the level, one after the other, that end what was detected
CLEARLY = 2.0  # times as unusual as what was detected


class Gate:
    """What is let through, of numbers whose level is 1.

    After a detection the gate is shut for `QUIET` points, and until `CALM` points in a row were under the level. What
    is `CLEARLY` more unusual opens it at once.
    """

    __slots__ = ("_held", "_points", "_quiet")

    def __init__(self, state: GateState = (0, 0, 0.0)) -> None:
        self._points, self._quiet, self._held = state

    def state(self) -> GateState:
        """Return what it is made of."""
        return self._points, self._quiet, self._held

    def is_shut(self, unusual: float) -> bool:
        """Say whether the next point would be held back if it were so unusual."""
        return self._points < WARM or (self._quiet > 0 and unusual < CLEARLY * self._held)

    def learn(self, unusual: float) -> bool:
        """Take a point in and say whether it is a detection."""
        detected = unusual >= 1.0 and not self.is_shut(unusual)
        if self._points < WARM:
            self._points += 1
        if detected:
            self._quiet, self._held = QUIET, unusual
        elif self._quiet:
            self._quiet = max(self._quiet - 1, CALM if unusual >= 1.0 else 0)
        return detected
