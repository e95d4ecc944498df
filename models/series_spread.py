"""How far a number is from its usual: in deviations, and as the surprise of a tail."""

from __future__ import annotations

import math

SpreadState = tuple[int, float, float]
TailState = tuple[int, int, float, float, float, float]

_DOUBT = 2  # excesses as large as the mean distance, that count beside those that were seen
_FAR = 1e6  # deviations or nats; nothing is told apart beyond


class Spread:
    """Mean and deviation of a feature, of all it was at first and later of about the last 3000 (West, 1979)."""

    __slots__ = ("count", "mean", "variance")

    MEMORY = 3000

    def __init__(self, state: SpreadState = (0, 0.0, 0.0)) -> None:
        self.count, self.mean, self.variance = state

    def state(self) -> SpreadState:
        """Return what it is made of."""
        return self.count, self.mean, self.variance

    def distance(self, value: float) -> float:
        """Return how many deviations `value` is from the mean, signed; 0 as long as nothing deviated."""
        if self.variance <= 0.0:
            return 0.0
        distance = (value - self.mean) / math.sqrt(self.variance)
        return distance if -_FAR < distance < _FAR else math.copysign(_FAR, distance)

    def after(self, value: float) -> SpreadState:
        """Return what it will be made of once `value` is learned."""
        count = self.count if self.count == self.MEMORY else self.count + 1
        weight = 1.0 / count
        apart = value - self.mean
        return count, self.mean + weight * apart, (1.0 - weight) * (self.variance + weight * apart * apart)

    def learn(self, value: float) -> None:
        """Take `value` in."""
        if self.count < self.MEMORY:  # as `after`, without a call
            self.count += 1
        weight = 1.0 / self.count
        apart = value - self.mean
        self.mean += weight * apart
        self.variance = (1.0 - weight) * (self.variance + weight * apart * apart)


class Tail:
    """The tail of how far a feature is from its mean: a high quantile, and the mean excess over it.

    Excesses over a high threshold are close to exponential, or generalised Pareto where tails are heavy (Pickands,
    1975; used for streams as SPOT by Siffer et al., KDD 2017). The exponential form needs one number and no fit.
    """

    __slots__ = ("_excess", "_excesses", "apart", "count", "mean", "quantile")

    RARE = 0.005  # of all values are over the quantile
    MEMORY = 1500  # values
    EXCESSES = 30  # that the mean excess remembers
    ENOUGH = 20  # values before anything is a surprise
    _STEP = 8.0  # mean distances that the quantile goes up, over the count, where a value is over it

    def __init__(self, state: TailState = (0, 0, 0.0, 0.0, 0.0, 0.0)) -> None:
        self.count, self._excesses, self.mean, self.apart, self.quantile, self._excess = state

    def state(self) -> TailState:
        """Return what it is made of."""
        return self.count, self._excesses, self.mean, self.apart, self.quantile, self._excess

    def surprise(self, value: float) -> float:
        """Return minus the logarithm of how probable a value so far from the mean is; linear up to the quantile."""
        if self.count <= self.ENOUGH:
            return 0.0
        apart = abs(value - self.mean)
        over = apart - self.quantile
        if over > 0.0:
            usual = (self._excesses * self._excess + _DOUBT * self.apart) / (self._excesses + _DOUBT)
            return _AT_QUANTILE + (over / usual if usual > over / _FAR else _FAR)
        return _AT_QUANTILE * apart / self.quantile if self.quantile > 0.0 else 0.0

    def distance(self, value: float) -> float:
        """Return how many mean distances `value` is from the mean, signed."""
        if self.apart <= 0.0:
            return 0.0
        distance = (value - self.mean) / self.apart
        return distance if -_FAR < distance < _FAR else math.copysign(_FAR, distance)

    def learn(self, value: float) -> None:
        """Take `value` in; one excess counts at most ten times the mean one."""
        apart = abs(value - self.mean)
        over = apart - self.quantile
        if over > 0.0 and self.count > self.ENOUGH:
            self._excesses = min(self._excesses + 1, self.EXCESSES)
            new = min(over, 10.0 * self._excess) if self._excess > 0.0 else over
            self._excess += (new - self._excess) / self._excesses
        if self.count < self.MEMORY:
            self.count += 1
        weight = 1.0 / self.count
        self.apart += weight * (apart - self.apart)
        step = self._STEP * weight * self.apart
        quantile = self.quantile + (step * (1.0 - self.RARE) if over > 0.0 else -step * self.RARE)
        self.quantile = quantile if quantile > 0.0 else 0.0
        self.mean += weight * (value - self.mean)


_AT_QUANTILE = -math.log(Tail.RARE)
