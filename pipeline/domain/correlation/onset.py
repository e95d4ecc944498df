"""When a second trouble begins inside the first: many alerts of one incident fire again at once.

An incident's pace is how many of its alerts lately began to fire, each weighing less by 1/e for every gap that has
passed since. The onset of another trouble is a window of five seconds with at least eight beginnings and four times
as many as the pace before it promises, at least half of them alerts of this incident that had fallen silent. The last
condition is what tells it from a trouble that spreads, whose alerts are new.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

WINDOW_MS: Final = 5_000
FEWEST: Final = 8
TIMES: Final = 4.0
_KEPT: Final = 64


class Beginning(msgspec.Struct, frozen=True, gc=False):
    """One alert that began to fire."""

    at: int
    fingerprint: str
    again: bool  # it was part of the incident before, and silent


class Pace(msgspec.Struct):
    """The beginnings of one incident: the newest one by one, the older ones as a decayed count."""

    newest: list[Beginning] = msgspec.field(default_factory=list)
    before: float = 0.0  # the decayed count of those before the window
    since: int = 0  # the time of that count

    def add(self, one: Beginning, gap: int) -> None:
        """Take in a beginning."""
        kept = self.newest
        kept.append(one)
        while kept[0].at < one.at - WINDOW_MS or len(kept) > _KEPT:
            gone = kept.pop(0)
            self.before = self.before * math.exp(-max(0, gone.at - self.since) / gap) + 1.0
            self.since = max(self.since, gone.at)

    def is_onset(self, gap: int) -> bool:
        """Say whether another trouble began within the newest window."""
        count = len(self.newest)
        if count < FEWEST:
            return False
        left = self.before * math.exp(-max(0, self.newest[0].at - self.since) / gap)
        return count >= TIMES * left * WINDOW_MS / gap and 2 * sum([one.again for one in self.newest]) >= count
