"""How long a pause tells one incident from the next: learned for each tenant from the pauses between changes.

Where incidents come one by one, pauses inside them are short, those between them long, and between the two lies a
valley: once nothing has happened for as long as the gap, mostly nothing happens for three times as long again. The
gap is the shortest pause of which that is true. Where there is no such pause, things happen at random all the time,
and the shortest gap allowed is the best: a longer one would only tie together what has nothing in common.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, cast

BUCKETS: Final = 40  # each 1.41 times as wide as the one before: 1/8 s to a day
_SHORTEST_MS: Final = 125
_BOUNDS: Final = [round(_SHORTEST_MS * 2 ** (number / 2)) for number in range(BUCKETS)]
_ENOUGH: Final = 50  # pauses; fewer say nothing
_SURE: Final = 2_000  # pauses without a valley; only then is the shortest gap taken
_FEWEST: Final = 3  # longer than the gap
_MOST: Final = 20_000  # then every count is halved, so that the newer ones weigh more
_FOUR_TIMES: Final = 4  # buckets
_MOSTLY: Final = 0.15  # at most this part of the pauses longer than the gap is shorter than four times the gap


class Pauses:
    """A histogram of pauses on a logarithmic scale."""

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * BUCKETS
        self.total = 0

    def add(self, pause: int) -> None:
        """Count a pause, in ms."""
        self.counts[max(0, bisect_right(_BOUNDS, pause) - 1)] += 1
        self.total += 1
        if self.total >= _MOST:
            self.counts = [count // 2 for count in self.counts]
            self.total = sum(self.counts)

    def valley(self, low: int, high: int) -> int | None:
        """Return the shortest pause between `low` and `high` after which mostly nothing happens for long, or None."""
        if self.total < _ENOUGH:
            return None
        longer = sum(self.counts)
        for bucket, bound in enumerate(_BOUNDS):
            if bound > high or longer < _FEWEST:
                return None
            soon = sum(self.counts[bucket : bucket + _FOUR_TIMES])
            if bound >= low and soon <= _MOSTLY * longer:
                return bound
            longer -= self.counts[bucket]
        return None


class GapModel:
    """The gap of one tenant."""

    __slots__ = ("_all", "_high", "_low", "_near", "gap")

    def __init__(self, default: int, low: int, high: int) -> None:
        """Begin with the gap `default`; it will never be outside `low` … `high` (ms)."""
        self._low, self._high = low, high
        self._all = Pauses()  # since the last change of any alert
        self._near = Pauses()  # since the last change that has a rare label value in common
        self.gap = default

    def learn(self, since_any: int, since_near: int | None) -> None:
        """Take in the pauses before a change with which an alert begins, in ms."""
        self._all.add(since_any)
        if since_near is not None:
            self._near.add(since_near)
        if self._all.total >= _ENOUGH and self._all.total % 16 == 0:
            found = self._all.valley(self._low, self._high) or self._near.valley(self._low, self._high)
            if found or self._all.total >= _SURE:
                self.gap = found or self._low

    def snapshot(self) -> list[object]:
        """Return all there is to keep."""
        return [self.gap, self._all.counts, self._near.counts]

    def restore(self, state: list[object]) -> None:
        """Take over what `snapshot` returned."""
        gap, every, near = state
        self.gap = cast("int", gap)
        for pauses, counts in ((self._all, every), (self._near, near)):
            pauses.counts = list(cast("list[int]", counts))
            pauses.total = sum(pauses.counts)
