"""How well scores tell two classes apart, and how well they say how likely one is."""

from __future__ import annotations

import math
import random
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

G = TypeVar("G")


class Bin(msgspec.Struct, frozen=True):
    """The scores between two bounds: how many, their mean, and the share of them that was true."""

    low: float
    high: float
    count: int
    mean_score: float
    share_true: float


def auc(scores: Sequence[float], truths: Sequence[bool]) -> float:
    """Return how often a true one scores above a false one, a tie counting half: the area under the ROC curve.

    Raises:
        ValueError: where all are true or all are false.
    """
    positives = _positives(truths)
    below = wins = 0.0
    for true, false in _by_score(scores, truths, ascending=True):
        wins += true * (below + false / 2)
        below += false
    return wins / (positives * below)


def roc_points(scores: Sequence[float], truths: Sequence[bool]) -> list[tuple[float, float]]:
    """Return (false positive rate, true positive rate) at every threshold, from (0, 0) to (1, 1).

    Raises:
        ValueError: where all are true or all are false.
    """
    positives = _positives(truths)
    negatives = len(truths) - positives
    points, hits, misses = [(0.0, 0.0)], 0, 0
    for true, false in _by_score(scores, truths):
        hits += true
        misses += false
        points.append((misses / negatives, hits / positives))
    return points


def pr_points(scores: Sequence[float], truths: Sequence[bool]) -> list[tuple[float, float]]:
    """Return (recall, precision) at every threshold, the highest threshold first.

    Raises:
        ValueError: where all are true or all are false.
    """
    positives = _positives(truths)
    points, hits, found = [], 0, 0
    for true, false in _by_score(scores, truths):
        hits += true
        found += true + false
        points.append((hits / positives, hits / found))
    return points


def bootstrap_interval(
    groups: Sequence[G],
    statistic: Callable[[Sequence[G]], float],
    *,
    times: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile interval of `statistic` over groups drawn with replacement; the same for the same seed.

    What belongs together, such as the alerts of one incident, is one group: it is drawn as a whole (Efron, 1979;
    Field and Welsh, 2007, for clusters).

    Raises:
        ValueError: where there is no group.
    """
    if not groups:
        raise ValueError("an interval needs at least one group")
    drawn = random.Random(seed)  # noqa: S311 - resampling, not a secret
    found = sorted(statistic(drawn.choices(groups, k=len(groups))) for _ in range(times))
    outside = (1 - level) / 2
    return found[math.floor(outside * (times - 1))], found[math.ceil((1 - outside) * (times - 1))]


def reliability(scores: Sequence[float], truths: Sequence[bool], bins: int = 10) -> list[Bin]:
    """Return what came true of the scores in each of `bins` equal parts of [0, 1]; empty ones are left out.

    Raises:
        ValueError: for a score outside [0, 1].
    """
    inside: list[list[tuple[float, bool]]] = [[] for _ in range(bins)]
    for score, truth in zip(scores, truths, strict=True):
        if not 0 <= score <= 1:
            raise ValueError(f"the score {score} is no probability")
        inside[min(int(score * bins), bins - 1)].append((score, truth))
    return [
        Bin(
            low=number / bins,
            high=(number + 1) / bins,
            count=len(members),
            mean_score=math.fsum(score for score, _ in members) / len(members),
            share_true=sum(truth for _, truth in members) / len(members),
        )
        for number, members in enumerate(inside)
        if members
    ]


def expected_calibration_error(scores: Sequence[float], truths: Sequence[bool], bins: int = 10) -> float:
    """Return how far scores lie from what came true, on average over all (Naeini, Cooper and Hauskrecht, 2015)."""
    parts = reliability(scores, truths, bins)
    if not parts:
        raise ValueError("no scores")
    return math.fsum(part.count * abs(part.mean_score - part.share_true) for part in parts) / len(scores)


def log_loss(scores: Sequence[float], truths: Sequence[bool], *, clip: float = 1e-6) -> float:
    """Return the mean of -ln of the probability given to what came true, which is at least `clip`, in nats."""
    if not scores:
        raise ValueError("no scores")
    told = (score if truth else 1 - score for score, truth in zip(scores, truths, strict=True))
    return -math.fsum(math.log(min(max(probability, clip), 1 - clip)) for probability in told) / len(scores)


def _positives(truths: Sequence[bool]) -> int:
    positives = sum(truths)
    if positives in {0, len(truths)}:
        raise ValueError("only one class: nothing can be told apart")
    return positives


def _by_score(scores: Sequence[float], truths: Sequence[bool], *, ascending: bool = False) -> Iterator[tuple[int, int]]:
    """Yield how many true and how many false ones have each score, from the highest unless `ascending`."""
    pairs = sorted(zip(scores, truths, strict=True), key=itemgetter(0), reverse=not ascending)
    if any(math.isnan(score) for score, _ in pairs):
        raise ValueError("a score is NaN")
    for _, same in groupby(pairs, key=itemgetter(0)):
        values = [truth for _, truth in same]
        yield sum(values), len(values) - sum(values)
