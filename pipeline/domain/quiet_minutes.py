"""How many records a quiet minute of one tenant's has at most: by the 99th percentile of the last week or so."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

ENOUGH = 60  # minutes; of fewer, the 99th percentile says nothing
_MINUTES_A_DAY = 1440  # and of fewer than these, the largest says nothing
_ONE = 1024  # the weight of a minute of today
_LARGEST = 1 << 40
_FORGOTTEN_AFTER = 90  # days; (7/8)^90 of a minute weighs nothing

QuietState = tuple[int, list[tuple[int, int]]]


def _tops() -> list[int]:
    """Return the highest count of each bucket: every count its own up to 40, then 5 % wider from one to the next."""
    tops = [1]
    while tops[-1] < _LARGEST:
        tops.append(tops[-1] + max(1, tops[-1] // 20))
    return tops


# By whole numbers alone: a logarithm may differ in its last bit from machine to machine, and then a limit would.
TOPS = _tops()
WIDEST = max(top / (below + 1) for below, top in pairwise(TOPS))
"""By how much a percentile may be too high; it is never too low."""


class QuietMinutes:
    """The distribution of a tenant's quiet minutes, in buckets, each day weighing 7/8 of the day after it.

    So a week-old minute weighs 0.39 of one of today. Minutes without a record are no part of it: what a tenant
    sends when it sends anything is the measure. With them the 99th percentile of a tenant that is silent most of
    the day would be tiny: in AIT-ADS it is 81 and 107 with them and 152 and 182 without, and four times the former
    is less than the busiest ordinary minutes have (529 and 563).
    """

    __slots__ = ("_day", "_weights")

    def __init__(self) -> None:
        self._day = 0
        self._weights: dict[int, int] = {}  # by bucket

    def learn(self, minute: int, count: int) -> None:
        """Take in a quiet minute (minutes since 1970) with `count` records."""
        self._fade(minute // _MINUTES_A_DAY)
        bucket = min(bisect_left(TOPS, count), len(TOPS) - 1)
        self._weights[bucket] = self._weights.get(bucket, 0) + _ONE

    def _fade(self, day: int) -> None:
        # Only with a new minute: how often somebody looks must not change anything.
        days = day - self._day
        if days <= 0:
            return
        self._day = day
        if days > _FORGOTTEN_AFTER:
            self._weights.clear()
            return
        for _ in range(days):
            self._weights = {bucket: left for bucket, weight in self._weights.items() if (left := weight * 7 // 8)}

    def p99(self) -> int | None:
        """Return the 99th percentile, at most 5 % too high and never too low; None while too few minutes were seen."""
        total = sum(self._weights.values())
        if total < ENOUGH * _ONE:
            return None
        above = 0
        for bucket in sorted(self._weights, reverse=True):
            above += self._weights[bucket]
            if above * 100 > total:
                return TOPS[bucket]
        raise AssertionError("the buckets add up to less than a hundredth of themselves")

    def largest(self) -> int | None:
        """Return the largest that is not forgotten, at most 5 % too high; None while less than a day's worth is known.

        A single minute is forgotten after 41 days, however large it was.
        """
        if sum(self._weights.values()) < _MINUTES_A_DAY * _ONE:
            return None
        return TOPS[max(self._weights)]

    def snapshot(self) -> QuietState:
        """Return all there is to keep, as what msgpack can write."""
        return self._day, list(self._weights.items())

    @classmethod
    def restored(cls, state: QuietState) -> QuietMinutes:
        """Return what `snapshot` was taken of."""
        quiet = cls()
        quiet._day, weights = state
        quiet._weights = dict(weights)
        return quiet
