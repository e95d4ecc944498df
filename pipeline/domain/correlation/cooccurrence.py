"""Which alert names come after which, and how long after: learned from the changes of one tenant.

The strength of a pair is its causal power (Cheng, "From covariation to causation", 1997): how much more often the
second follows the first than chance would have it, as a part of what chance leaves, (P - chance) / (1 - chance).
"""

from __future__ import annotations

import math
from typing import Final

from pipeline.domain.top_values import Frequent

NAMES: Final = 256  # whose frequency is known
PAIRS: Final = 512
WINDOW_MS: Final = 60_000  # a name that comes later than this after another does not follow it
_RECENT: Final = 16  # names that a change is compared with
_DOUBT: Final = 8.0  # times a name must be seen before its pairs weigh half


class CoOccurrence:
    """Counts of names and of ordered pairs of names, with the sum of their lags."""

    __slots__ = ("_began", "_lags", "_last", "_names", "_pairs", "_recent")

    def __init__(self) -> None:
        self._names: Frequent[str] = Frequent(NAMES)
        self._pairs: Frequent[str] = Frequent(PAIRS)
        self._lags: dict[str, int] = {}
        self._recent: dict[str, int] = {}  # name -> when it was last seen, the newest last
        self._began = 0
        self._last = 0

    def learn(self, name: str, at: int) -> None:
        """Take in a change of an alert called `name`."""
        self._began = self._began or at
        self._last = max(self._last, at)
        recent = self._recent
        before = recent.pop(name, None)
        if before is None or at - before > WINDOW_MS:  # once for each window, or a burst would be all there is
            self._names.add(name)
            for other, then in recent.items():
                if at - then <= WINDOW_MS:
                    pair = f"{other}\0{name}"
                    self._pairs.add(pair)
                    self._lags[pair] = self._lags.get(pair, 0) + max(0, at - then)
            if len(self._lags) > 2 * PAIRS:
                held = self._pairs.counts
                self._lags = {pair: lag for pair, lag in self._lags.items() if pair in held}
        recent[name] = max(at, before or at)
        if len(recent) > _RECENT:
            del recent[next(iter(recent))]

    def power(self, first: str, second: str) -> float:
        """Return how strongly `second` follows `first`, in [0, 1]."""
        together = self._pairs.counts.get(f"{first}\0{second}", 0)
        if not together:
            return 0.0
        times = self._names.counts.get(first, 0)
        followed = min(1.0, together / (max(times, together) + _DOUBT))
        span = max(self._last - self._began, WINDOW_MS)
        chance = 1.0 - math.exp(-self._names.counts.get(second, 0) * WINDOW_MS / span)
        return max(0.0, (followed - chance) / (1.0 - chance)) if chance < 1.0 else 0.0

    def precedence(self, first: str, second: str) -> float:
        """Return how much more often `first` comes before `second` than after it, in [-1, 1]."""
        before = self._pairs.counts.get(f"{first}\0{second}", 0)
        after = self._pairs.counts.get(f"{second}\0{first}", 0)
        return (before - after) / (before + after + _DOUBT)

    def lag(self, first: str, second: str) -> int | None:
        """Return the mean time from `first` to `second` in ms; None where the pair is not known."""
        pair = f"{first}\0{second}"
        together = self._pairs.counts.get(pair, 0)
        return self._lags.get(pair, 0) // together if together else None

    def snapshot(self) -> list[object]:
        """Return all there is to keep."""
        names, pairs = self._names.snapshot(), self._pairs.snapshot()
        return [
            [names[0], [list(one) for one in names[1]]],
            [pairs[0], [list(one) for one in pairs[1]]],
            [list(one) for one in self._lags.items()],
            [list(one) for one in self._recent.items()],
            self._began,
            self._last,
        ]

    def restore(self, state: list[object]) -> None:
        """Take over what `snapshot` returned."""
        names, pairs, lags, recent, self._began, self._last = state  # type: ignore[assignment]
        self._names.restore(names[0], [(key, count) for key, count in names[1]])  # type: ignore[index]
        self._pairs.restore(pairs[0], [(key, count) for key, count in pairs[1]])  # type: ignore[index]
        self._lags = dict(lags)  # type: ignore[call-overload]
        self._recent = dict(recent)  # type: ignore[call-overload]
