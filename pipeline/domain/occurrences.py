"""Occurrences: the windows of a recurrence, in milliseconds since 1970; those that touch or overlap are one window."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from pipeline.domain.recurring_starts import DAY, LIMIT, year_begin
from pipeline.domain.timestamps import to_datetime

if TYPE_CHECKING:
    from pipeline.domain.recurring_starts import Starts

Window = tuple[int, int]
"""[start, end): the start belongs to it, the end does not."""

LOOK_AHEAD_YEARS = 10
"""What is further away than this is never."""
CHECKED = 400 * DAY
"""How much of a recurrence is looked at to say how long its windows are; none is followed further to either side."""
_BLOCK = 28 * DAY  # what is looked at in one go


class _Block(NamedTuple):
    starts: list[int]
    ends: list[int]


class Occurrences:
    """The windows of one recurrence; remembers what it looked at last, so that asking as time goes on is cheap.

    Its answers do not depend on what was asked before.
    """

    def __init__(self, starts: Starts, duration: int) -> None:
        self._starts = starts
        self._duration = duration
        self._blocks: dict[int, _Block] = {}
        self._next: tuple[int, int, int | None] = (1, 0, None)  # from … to …, and the first start after any of these

    def window_at(self, now: int) -> Window | None:
        """Return the window in which `now` is."""
        if now < self._starts.begin or now >= LIMIT + self._duration:
            return None
        starts, ends = self._block(now // _BLOCK)
        index = bisect_right(starts, now) - 1
        return (starts[index], ends[index]) if index >= 0 and now < ends[index] else None

    def next_edge(self, now: int) -> int | None:
        """Return the first time after `now` at which a window begins or ends; None for never within ten years."""
        if now < self._starts.begin or now >= LIMIT + self._duration:
            return self._next_start(now)
        starts, ends = self._block(now // _BLOCK)
        index = bisect_right(starts, now) - 1
        if index >= 0 and now < ends[index]:
            return ends[index]
        return starts[index + 1] if index + 1 < len(starts) else self._next_start(now + 1)

    def between(self, since: int, until: int) -> list[Window]:
        """Return the windows of which any part is from `since` to `until`, whole and in order."""
        windows: list[Window] = []
        at: int | None = since
        while at is not None and at < until:
            window = self.window_at(at)
            if window is not None:
                windows.append(window)
            at = self.next_edge(at) if window is None else window[1]
        return windows

    def is_over(self, now: int) -> bool:
        """Say whether the last window has ended; where there has to be a last one and none comes at all, it has."""
        return self._starts.is_bounded and (self.last is None or now >= self.last[1])

    @cached_property
    def last(self) -> Window | None:
        """Return the last window; None where there is no last one, or none at all."""
        if not self._starts.is_bounded:
            return None
        high, span = self._starts.end, _BLOCK
        while high > self._starts.begin:
            if starts := self._starts.between(high - span, high):
                return self.window_at(starts[-1])
            high, span = high - span, span * 4
        return None

    @property
    def longest(self) -> int:
        """Return the length of the longest window among those of a year from the first one on; 0 for none."""
        begin = self._next_start(self._starts.begin)
        windows = [] if begin is None else self._merged(begin, begin + CHECKED)
        return max((end - start for start, end in windows), default=0)

    def _block(self, index: int) -> _Block:
        """Return the windows that are at least partly in block `index`, whole."""
        block = self._blocks.get(index)
        if block is None:
            windows = self._look(index * _BLOCK, (index + 1) * _BLOCK)
            block = _Block([start for start, _ in windows], [end for _, end in windows])
            if len(self._blocks) > 1:  # two are kept, for whoever is a little behind
                del self._blocks[next(iter(self._blocks))]
            self._blocks[index] = block
        return block

    def _look(self, since: int, until: int) -> list[Window]:
        low, high, step = since - 2 * self._duration, until + self._duration, _BLOCK
        while True:
            shown = [window for window in self._merged(low, high) if window[1] > since and window[0] < until]
            # What was not looked at may touch the first or the last of them.
            back = bool(shown) and shown[0][0] < low + self._duration and low > max(since - CHECKED, self._starts.begin)
            ahead = bool(shown) and shown[-1][1] >= high and high < min(until + CHECKED, LIMIT)
            if not back and not ahead:
                return shown
            low, high, step = low - step * back, high + step * ahead, step * 2

    def _merged(self, since: int, until: int) -> list[Window]:
        windows: list[Window] = []
        for start in self._starts.between(since, until):
            if windows and start <= windows[-1][1]:
                windows[-1] = windows[-1][0], start + self._duration
            else:
                windows.append((start, start + self._duration))
        return windows

    def _next_start(self, after: int) -> int | None:
        """Return the first start at `after` or later."""
        low, high, known = self._next
        if low <= after <= high:
            return known
        at = max(after, self._starts.begin)
        if at >= LIMIT:
            return None
        # It looks ahead to the end of a year, so that the answer is the same on every day of this one.
        year = to_datetime(at).year
        horizon, span = year_begin(year + 1 + LOOK_AHEAD_YEARS), 2 * DAY
        while at < horizon:
            if starts := self._starts.between(at, min(at + span, horizon)):
                self._next = after, starts[0], starts[0]
                return starts[0]
            at, span = at + span, span * 4
        self._next = after, year_begin(year + 1) - 1, None
        return None
