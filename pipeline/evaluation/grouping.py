"""How well alerts were grouped into incidents, how well root causes were ranked, and how honest confidences are.

Everything is computed from counts of (true incident, group), never from pairs of alerts: a million lines take a second.
A truth of None is noise. Noise counts against the group that it is in, and is no incident of its own.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

DRAWS: Final = 1000  # of a bootstrap
_SEED: Final = 20_260_101
_BINS: Final = 10

Interval = tuple[float, float]


class Contingency(msgspec.Struct, frozen=True):
    """How many lines each true incident has in each group."""

    incidents: dict[str, dict[Hashable, int]]  # incident -> group -> lines
    sizes: dict[Hashable, int]  # group -> all of its lines, noise too

    @classmethod
    def of(cls, truth: Iterable[str | None], groups: Iterable[Hashable]) -> Contingency:
        """Count lines. A line whose group is None is a group of its own.

        Raises:
            ValueError: if there are not as many groups as truths.
        """
        both: dict[str, Counter[Hashable]] = defaultdict(Counter)
        sizes: Counter[Hashable] = Counter()
        for number, (incident, named) in enumerate(zip(truth, groups, strict=True)):
            group: Hashable = ("alone", number) if named is None else named
            sizes[group] += 1
            if incident is not None:
                both[incident][group] += 1
        return cls({incident: dict(counts) for incident, counts in both.items()}, dict(sizes))


class PairScore(msgspec.Struct, frozen=True):
    """How often two lines that have a true incident are in one group exactly if they are of one incident."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Return the harmonic mean of both."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def best_f1(table: Contingency) -> dict[str, float]:
    """Return for each incident the F1 of the group that matches it best, every line of that group counted."""
    return {
        incident: max(2 * both / (sum(counts.values()) + table.sizes[group]) for group, both in counts.items())
        for incident, counts in table.incidents.items()
    }


def macro_f1(table: Contingency) -> float:
    """Return the mean of `best_f1` over incidents; 1 where there are none."""
    scores = best_f1(table)
    return sum(scores.values()) / len(scores) if scores else 1.0


def pair_score(table: Contingency, weights: Mapping[str, int] | None = None) -> PairScore:
    """Return precision and recall over pairs; `weights` says how often each incident was drawn, once by default.

    Two copies of one incident are never compared: whether they belong together has no answer.
    """
    right = together = true = 0.0
    of_group: dict[Hashable, float] = defaultdict(float)
    squares: dict[Hashable, float] = defaultdict(float)
    for incident, counts in table.incidents.items():
        weight = 1 if weights is None else weights.get(incident, 0)
        if not weight:
            continue
        lines = sum(counts.values())
        true += weight * lines * (lines - 1) / 2
        for group, both in counts.items():
            right += weight * both * (both - 1) / 2
            of_group[group] += weight * both
            squares[group] += (weight * both) ** 2
    together = right + sum(count * count - squares[group] for group, count in of_group.items()) / 2
    return PairScore(right / together if together else 1.0, right / true if true else 1.0)


def interval(
    units: Sequence[str], statistic: Callable[[Mapping[str, int]], float], draws: int = DRAWS, seed: int = _SEED
) -> Interval:
    """Return the 95 % percentile bootstrap interval of a statistic over `units` (Efron and Tibshirani 1993, ch. 13).

    `statistic` is given how often each unit was drawn.
    """
    if not units:
        return 0.0, 1.0
    dice = random.Random(seed)  # noqa: S311 - to be repeatable is the point
    values = sorted(statistic(Counter(dice.choices(units, k=len(units)))) for _ in range(draws))
    return values[int(draws * 0.025)], values[min(draws - 1, int(draws * 0.975))]


def mean_interval(values: Mapping[str, float], draws: int = DRAWS) -> Interval:
    """Return the 95 % interval of the mean of one value for each unit."""

    def mean(drawn: Mapping[str, int]) -> float:
        return sum(values[unit] * times for unit, times in drawn.items()) / sum(drawn.values())

    return interval(list(values), mean, draws)


def pair_interval(table: Contingency, draws: int = DRAWS) -> Interval:
    """Return the 95 % interval of the pair-F1, drawn over incidents."""
    return interval(list(table.incidents), lambda drawn: pair_score(table, drawn).f1, draws)


def place_of(ranking: Sequence[str], true: str) -> int | None:
    """Return the place, from 1, at which the true root cause was ranked; None where it was not."""
    return ranking.index(true) + 1 if true in ranking else None


def within(places: Sequence[int | None], first: int) -> float:
    """Return the share of root causes that were among the `first` of their rankings (AC@k)."""
    return sum(place is not None and place <= first for place in places) / len(places) if places else 0.0


def average_within(places: Sequence[int | None], first: int = 5) -> float:
    """Return the mean of AC@1 … AC@k (Avg@k, as in Wang et al., CloudRanger, CCGrid 2018)."""
    return sum(within(places, number) for number in range(1, first + 1)) / first


class Bin(msgspec.Struct, frozen=True):
    """The judgements whose confidence lies in one tenth."""

    count: int
    confidence: float  # their mean
    right: float  # their share that was right


def reliability(judged: Iterable[tuple[float, bool]], bins: int = _BINS) -> list[Bin]:
    """Return what was right of judgements of like confidence, in ascending order; empty bins are left out."""
    sums: dict[int, list[float]] = defaultdict(lambda: [0, 0.0, 0])
    for confidence, right in judged:
        one = sums[min(bins - 1, int(confidence * bins))]
        one[0] += 1
        one[1] += confidence
        one[2] += right
    return [Bin(int(sums[at][0]), sums[at][1] / sums[at][0], sums[at][2] / sums[at][0]) for at in sorted(sums)]


def calibration_error(curve: Iterable[Bin]) -> float:
    """Return the expected calibration error (Naeini, Cooper and Hauskrecht, AAAI 2015); 0 where nothing was judged."""
    curve = list(curve)
    total = sum(one.count for one in curve)
    return sum(one.count * abs(one.confidence - one.right) for one in curve) / total if total else 0.0
