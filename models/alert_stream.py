"""Anomaly of a tenant's alert stream: how unusual a change is among the tenant's changes of late.

For each feature, the share p of earlier changes that had as much of it is the tail probability. Only more is unusual,
never less: a change that was long not seen, in a time with much that is new. The sum s of -ln p says how unusual all of
it is (upper tails alone, of what Li et al., "ECOD", IEEE TKDE 2022, do with both), and the score is the chance of a
smaller sum where three features vary by themselves, 1 - e^-s (1 + s + s^2 / 2) (Fisher, 1925, for three p).

There is no guard over it: nobody ever says what was unusual, so its error is not observed. What drifts becomes usual by
itself, as old counts fade.
"""

from __future__ import annotations

from math import exp, expm1, log, prod, sqrt
from typing import TYPE_CHECKING, ClassVar, cast

from models.base import Reason, Scored
from models.features import StreamFeatures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.base import State
    from models.features import StreamInput

UNUSUAL = 0.99
"""A change is unusual from this score on."""

_FEATURES = StreamFeatures.FEATURES
_UNITS = tuple(zip(_FEATURES, StreamFeatures.SCALES, strict=True))
_PLACES = tuple(range(len(_FEATURES)))


class Ranks:
    """Where a value in [0, 1] lies among those of late: a histogram whose old counts fade."""

    __slots__ = ("_counts", "_rows", "_total")

    BINS = 256  # 1 alone is in the last
    MOST = 8192
    """Counts before all are halved."""

    def __init__(self, counts: list[int] | None = None) -> None:
        self._hold(counts or [0] * self.BINS)

    def _hold(self, counts: list[int]) -> None:
        self._counts = counts
        self._rows = [sum(counts[start : start + 16]) for start in range(0, self.BINS, 16)]
        self._total = sum(self._rows)

    def tail(self, value: float) -> float:
        """Return the share of values that are no smaller, this one among them; above 0."""
        place = int(value * 255)
        row = (place >> 4) + 1
        return sum(self._counts[place : row << 4], sum(self._rows[row:], 1)) / (self._total + 1)

    def learn(self, value: float) -> None:
        """Count `value` in."""
        place = int(value * 255)
        self._counts[place] += 1
        self._rows[place >> 4] += 1
        self._total += 1
        if self._total == self.MOST:
            self._hold([count // 2 for count in self._counts])

    def snapshot(self) -> State:
        """Return the counts."""
        return [*self._counts]


class Usual:
    """The faded mean and deviation of each feature, for the reasons."""

    __slots__ = ("_means", "_seen", "_variances")

    FADING = 1 / 500
    LEAST = 0.01
    """A feature that hardly ever changes has this deviation."""

    def __init__(self) -> None:
        self._seen = 0
        self._means = [0.0] * len(_FEATURES)
        self._variances = [0.0] * len(_FEATURES)

    def learn(self, point: Sequence[float]) -> None:
        """Take `point` in (West, 1979, with a weight that does not fall below FADING)."""
        self._seen += 1
        weight, means, variances = max(1 / self._seen, self.FADING), self._means, self._variances
        for place, value in enumerate(point):
            mean, variance = means[place], variances[place]
            off = value - mean
            means[place] = mean = mean + weight * off
            variances[place] = variance + weight * (off * (value - mean) - variance)

    def reasons(self, point: Sequence[float]) -> list[Reason]:
        """Return how far each feature is from usual; value and usual in units that people use."""
        reasons = []
        for (name, scale), value, mean, variance in zip(_UNITS, point, self._means, self._variances, strict=True):
            deviation = sqrt(variance) if variance > _LEAST_VARIANCE else self.LEAST
            reasons.append(Reason(name, expm1(value * scale), expm1(mean * scale), (value - mean) / deviation))
        return reasons

    def snapshot(self) -> State:
        """Return all there is to keep."""
        return [self._seen, [*self._means], [*self._variances]]

    @classmethod
    def restore(cls, state: State) -> Usual:
        """Return what `snapshot` was taken of."""
        usual = cls()
        usual._seen, means, variances = cast("tuple[int, list[float], list[float]]", state)
        usual._means, usual._variances = list(means), list(variances)
        return usual


_LEAST_VARIANCE = Usual.LEAST**2


class AlertStreamAnomaly:
    """Score how unusual a change is, in [0, 1]; what stands out has a score of UNUSUAL or more.

    Changes are given in the order they come.
    """

    NAME: ClassVar[str] = "alert_stream_anomaly"
    VERSION: ClassVar[int] = 1

    __slots__ = ("_features", "_ranks", "_usual")

    def __init__(self) -> None:
        self._features = StreamFeatures()
        self._ranks = [Ranks() for _ in _FEATURES]
        self._usual = Usual()

    def score(self, x: StreamInput) -> Scored:
        """Return how unusual `x` is, and all features, the weightiest first."""
        point = self._features.of(x)
        tails = [ranks.tail(value) for ranks, value in zip(self._ranks, point, strict=True)]
        reasons = self._usual.reasons(point)
        weightiest_first = sorted(_PLACES, key=tails.__getitem__)
        total = -log(prod(tails))
        score = max(0.0, 1 - exp(-total) * (1 + total + total * total / 2))
        return Scored(score, tuple([reasons[place] for place in weightiest_first]))

    def learn(self, x: StreamInput, y: float | None = None) -> None:
        """Take `x` in as one of those that are usual."""
        point = self._features.take(x)
        for ranks, value in zip(self._ranks, point, strict=True):
            ranks.learn(value)
        self._usual.learn(point)

    def snapshot(self) -> State:
        """Return everything the model knows."""
        return {
            "features": self._features.snapshot(),
            "ranks": [ranks.snapshot() for ranks in self._ranks],
            "usual": self._usual.snapshot(),
        }

    @classmethod
    def restore(cls, state: State) -> AlertStreamAnomaly:
        """Return the model that `snapshot` was taken of."""
        known = cast("dict[str, State]", state)
        model = cls()
        model._features = StreamFeatures.restore(known["features"])
        model._ranks = [Ranks(list(counts)) for counts in cast("list[list[int]]", known["ranks"])]
        model._usual = Usual.restore(known["usual"])
        return model
