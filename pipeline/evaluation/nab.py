"""The score of the Numenta Anomaly Benchmark, version 1.1.

Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms: the Numenta Anomaly Benchmark" (ICMLA 2015), with
what numenta/NAB's sweeper.py adds to it. A point whose score reaches the threshold is a detection. The earliest
detection in a window counts by its place in it, from 1 at the left edge to 0 at the right; a window without one costs
the weight of a miss; every detection outside costs up to the weight of a false alarm, less shortly after a window. The
first 15 % of a series, at most 750 points, is for learning and is not scored. The threshold is the one that is best
for the whole corpus, and 0 is what a detector gets that never detects, 100 what a perfect one gets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

PROBATION = 0.15  # of a series
PROBATION_ROWS = 5000  # at most: what is longer has the probation of this many
_STEEP = 5.0
_FAR = 3.0  # windows' widths; a false alarm further behind costs all of its weight
OUTSIDE = -1


@dataclass(frozen=True, slots=True)
class Profile:
    """What is a hit, a false alarm and a miss worth."""

    name: str
    hit: float
    false_alarm: float
    miss: float


STANDARD = Profile("standard", 1.0, 0.11, 1.0)
LOW_FP = Profile("reward_low_FP_rate", 1.0, 0.22, 1.0)
LOW_FN = Profile("reward_low_FN_rate", 1.0, 0.11, 2.0)
PROFILES = (STANDARD, LOW_FP, LOW_FN)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A series as the scorer sees it: how many points, and the first and last of each window, in their order."""

    rows: int
    windows: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        edges = [edge for window in self.windows for edge in window]
        apart = all(ends < begins for (_, ends), (begins, _) in pairwise(self.windows))
        if not apart or any(begin > end for begin, end in self.windows) or (edges and not edges[0] >= 0):
            raise ValueError(f"windows {self.windows} are not apart and in their order")
        if edges and edges[-1] >= self.rows:
            raise ValueError(f"windows {self.windows} lie beyond the {self.rows} points of the series")


@dataclass(frozen=True, slots=True)
class Result:
    """What a detector gets on a corpus under one profile."""

    profile: Profile
    threshold: float
    raw: float
    normalised: float  # 0 never detects, 100 is perfect; worse than never is negative


def scaled_sigmoid(position: float) -> float:
    """Return the value of a detection at `position`: -1 is a window's left edge, 0 its right edge, 1 a width behind."""
    if position > _FAR:
        return -1.0
    return 2.0 / (1.0 + math.exp(_STEEP * position)) - 1.0


def probation(rows: int) -> int:
    """Return how many points at the beginning of a series are not scored."""
    return int(min(PROBATION * rows, PROBATION * PROBATION_ROWS))


def sweep(series: Labelled, profile: Profile) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return what a detection at each point is worth, and the number of the window it lies in or OUTSIDE."""
    worth = np.full(series.rows, -profile.false_alarm)
    within = np.full(series.rows, OUTSIDE)
    best = scaled_sigmoid(-1.0)
    for number, (begin, end) in enumerate(series.windows):
        behind = series.windows[number + 1 :]
        next_begin = behind[0][0] if behind else series.rows
        width = end - begin + 1
        within[begin : end + 1] = number
        for row in range(begin, end + 1):
            worth[row] = profile.hit * scaled_sigmoid((row - end - 1) / width) / best
        for row in range(end + 1, next_begin):
            worth[row] = profile.false_alarm * scaled_sigmoid((row - end) / max(1, width - 1))
    return worth, within


class Corpus:
    """Labelled series, prepared for scoring one detector after another."""

    def __init__(self, series: Sequence[Labelled], profile: Profile = STANDARD) -> None:
        worths, withins, scorable = [np.zeros(0)], [np.zeros(0, np.int64)], [np.zeros(0, np.bool_)]
        windows = 0
        for one in series:
            worth, within = sweep(one, profile)
            within[within >= 0] += windows
            windows += len(one.windows)
            worths.append(worth)
            withins.append(within)
            scorable.append(np.arange(one.rows) >= probation(one.rows))
        self.profile = profile
        self._scorable = np.concatenate(scorable)
        self._worth = np.concatenate(worths)[self._scorable]
        self._within = np.concatenate(withins)[self._scorable]
        self.windows = len(np.unique(self._within[self._within >= 0]))

    def best(self, scores: Sequence[ArrayLike]) -> Result:
        """Return the result at the best threshold; `scores` holds each series' points, higher is more anomalous."""
        thresholds, totals = self._curve(scores)
        place = int(np.argmax(totals))
        return self._result(float(thresholds[place]), float(totals[place]))

    def at(self, scores: Sequence[ArrayLike], threshold: float) -> Result:
        """Return the result where a detection is a score of at least `threshold`."""
        thresholds, totals = self._curve(scores)
        place = int(np.searchsorted(-thresholds, -threshold, side="right")) - 1
        return self._result(threshold, float(totals[max(0, place)]))

    def _result(self, threshold: float, raw: float) -> Result:
        null, perfect = -self.profile.miss * self.windows, self.profile.hit * self.windows
        normalised = 100.0 * (raw - null) / (perfect - null) if self.windows else 0.0
        return Result(self.profile, threshold, raw, normalised)

    def _curve(self, scores: Sequence[ArrayLike]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return every threshold that differs, the highest first, from one that nothing reaches; and its raw score."""
        flat = np.concatenate([np.zeros(0), *(np.asarray(one, np.float64) for one in scores)])
        if len(flat) != len(self._scorable):
            raise ValueError(f"{len(flat)} scores for {len(self._scorable)} points")
        if not np.isfinite(flat).all():
            raise ValueError("a score is NaN or infinite")
        flat = flat[self._scorable]
        order = np.argsort(-flat, kind="stable")
        gains = np.where(self._within[order] == OUTSIDE, self._worth[order], 0.0)
        reached: dict[int, float] = {}
        for place in np.flatnonzero(self._within[order] != OUTSIDE).tolist():
            row = order[place]
            window, worth = int(self._within[row]), float(self._worth[row])
            before = reached.get(window, -self.profile.miss)
            if worth > before:
                gains[place] = worth - before
                reached[window] = worth
        null = -self.profile.miss * self.windows
        totals = null + np.cumsum(gains)
        ordered = flat[order]
        last = np.flatnonzero(np.append(ordered[:-1] != ordered[1:], np.ones(min(1, len(ordered)), np.bool_)))
        thresholds = np.concatenate(([np.inf], ordered[last]))
        return thresholds, np.concatenate(([null], totals[last]))
