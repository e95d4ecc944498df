"""Detectors whose scores on the Numenta Anomaly Benchmark are published, and simple ones, as functions of a series.

Written after their descriptions in numenta/NAB, so that the scorer can be checked against what they are known to get.
"""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from pipeline.evaluation.nab import probation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_WINDOW, _STEP = 6400, 100
_NEIGHBOURS, _LAGS = 27, 19
_SURE = 0.9965
_FADE, _REST, _CLEARLY = 0.02, 150, 1.3


def windowed_gaussian(values: Sequence[float]) -> list[float]:
    """Return 1 - the tail probability of each value under a normal distribution of the last 6400, moved by 100."""
    scores: list[float] = []
    held: list[float] = []
    coming: list[float] = []
    mean, deviation = 0.0, 1.0
    total = squares = 0.0
    for value in values:
        z = abs(value - mean) / deviation
        # The published results were written with 12 digits, and the best threshold is 1: that decides what is a tie.
        scores.append(round(1.0 - 0.5 * math.erfc(z / 1.4142), 12) if held else 0.0)
        if len(held) < _WINDOW:
            held.append(value)
            total, squares = total + value, squares + value * value
            mean = total / len(held)
            deviation = math.sqrt(max(0.0, squares / len(held) - mean * mean)) or 1e-6
            continue
        coming.append(value)
        if len(coming) == _STEP:
            held = held[_STEP:] + coming
            coming = []
            mean, deviation = float(np.mean(held)), float(np.std(held)) or 1e-6
    return scores


def knn_cad(values: Sequence[float]) -> list[float]:
    """Return the conformal score of each value's last 19 by their 27 nearest neighbours (Burnaev and Ishimtsev, 2016).

    After a score of 0.9965 the next fifth of the probation scores 0.5. A series too short for that scores 0.
    """
    learning = probation(len(values))
    if learning <= _LAGS + _NEIGHBOURS + 1:
        return [0.0] * len(values)
    shapes = np.lib.stride_tricks.sliding_window_view(np.asarray(values, np.float64), _LAGS)
    scores = [0.0] * (learning - 1)
    training = shapes[: learning - _LAGS]
    sigma: NDArray[np.float64] = np.eye(_LAGS)
    known: NDArray[np.float64] | None = None
    rest = 0
    for count in range(learning, len(values) + 1):
        place = count - _LAGS
        if count % learning in (0, learning // 2):
            with suppress(np.linalg.LinAlgError):  # where it is singular, the one before stands
                sigma = np.linalg.inv(training.T @ training).astype(np.float64)
        if known is None:
            known = np.array([_near(training, one, sigma, _NEIGHBOURS + 1) for one in training])
        new = _near(training, shapes[place], sigma, _NEIGHBOURS)
        score = float(np.count_nonzero(known < new)) / len(known)
        if count >= 2 * learning:
            training = shapes[count - 2 * learning + 1 : count - learning - _LAGS + 1]
        known = np.append(known[1:], new)
        if rest > 0:
            rest -= 1
            scores.append(0.5)
            continue
        if score >= _SURE:
            rest = learning // 5
        scores.append(score)
    return scores


def _near(training: NDArray[np.float64], shape: NDArray[np.float64], sigma: NDArray[np.float64], nearest: int) -> float:
    apart = training - shape
    distances = np.einsum("ij,ij->i", apart @ sigma, apart)
    return float(np.partition(distances, nearest)[:nearest].sum())


def sad_with_gate(values: Sequence[float]) -> list[float]:
    """Return the larger of two distances from the mean in deviations: the value's, and 1.5 times its faded mean's.

    After a score the next 150 are 0 unless 1.3 times as high; the level from which that holds is 3 deviations.
    """
    plain, faded = _Deviation(), _Deviation()
    mean = held = 0.0
    rest = 0
    scores: list[float] = []
    for place, value in enumerate(values):
        mean = value if place == 0 else mean + _FADE * (value - mean)
        raw = max(plain.distance(value), 1.5 * faded.distance(mean))
        plain.learn(value)
        faded.learn(mean)
        rest -= 1
        if rest > 0 and raw < _CLEARLY * held:
            scores.append(0.0)
            continue
        if raw >= 3.0:
            rest, held = _REST, raw
        scores.append(raw)
    return scores


class _Deviation:
    """Mean and deviation of all values so far (Welford, 1962)."""

    def __init__(self) -> None:
        self._count, self._mean, self._squares = 0, 0.0, 0.0

    def distance(self, value: float) -> float:
        deviation = math.sqrt(self._squares / self._count) if self._count else 0.0
        return abs(value - self._mean) / deviation if deviation > 0.0 else 0.0

    def learn(self, value: float) -> None:
        self._count += 1
        before = value - self._mean
        self._mean += before / self._count
        self._squares += before * (value - self._mean)
