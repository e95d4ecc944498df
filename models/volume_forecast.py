"""How many alerts the next buckets will bring: the counts at this time of other days, and those of just now.

What may come is taken to be what came: the counts within 40 minutes of the same time of day on each of the last seven
days, a day weighing 0.9 of the day after it, together with the last two hours, each bucket weighing 0.7 of the next.
The last hours weigh 1/h of what the days weigh, h buckets ahead, times the fourth power of how much smaller the error
of their median has been than that of the days' of late: where there is no daily season they soon speak alone. The
forecast is the median, its interval two quantiles: no shape is assumed, a burst at one time of day does not move the
level of the others, and from the first bucket on there is something to say.

`python -m bench.forecast` compares it on AIT-ADS, in buckets of ten minutes after two days of warm-up; the setting was
chosen on the scenario shaw and checked on russellmitchell. Absolute error 1 and 6 buckets ahead, as a multiple of that
of an exponentially weighted mean (.1) of the logarithms, of what is noise: 0.88 and 0.82 in shaw, 0.87 and 0.81 in
russellmitchell; of all alerts 0.90 and 0.84, 0.93 and 0.89. A Holt-Winters forecast with a daily season has 0.95 and
0.93 of the noise in shaw, and 1.07 and 1.06 in russellmitchell, which lasts four days: a season that is fitted point by
point needs more of them. Of taxi rides (NAB) it has 0.35, and of two series of tweets 0.89 to 1.05: where hardly
anything can be foretold it is no better than the mean.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from statistics import median
from typing import ClassVar, Final, Self

import msgspec

from models.base import Reason, Scored, State, finite

LEVEL: Final = 0.8  # the share of counts that an interval is to hold
CHECKED: Final = 6  # buckets ahead whose intervals are corrected by what came
_DAYS: Final = 7
_DAY_FADES: Final = 0.9
_RECENT: Final = 12  # buckets
_RECENT_FADES: Final = 0.7
_LARGEST: Final = (1 << 32) - 1
# Of the intervals, after each count: the step of Gibbs and Candès (2021), "Adaptive conformal inference under
# distribution shift", and what it must not leave.
_STEP: Final = 0.02
_FEWEST_MISSED: Final = 0.02
_MOST_MISSED: Final = 0.5
_DEVIATIONS: Final = 1.2816  # of a normal distribution, from its median to the end of an 80 % interval
_WEIGHTS: Final = [_RECENT_FADES**age for age in range(_RECENT)]

_ERRORS_FADE: Final = 0.98  # with each bucket
_POWER: Final = 4
_AT_MOST: Final = 100.0  # times, that what errs less weighs more

Weighed = list[tuple[int, float]]
Outcomes = tuple[Weighed, list[float]]
"""What may come, in ascending order, and what all up to and with it weigh."""


class Forecast(msgspec.Struct, frozen=True):
    """What a bucket will bring: an interval that holds it in 80 % of cases, and the middle of what is possible."""

    low: float
    expected: float
    high: float


class _Kept(msgspec.Struct):
    season: int
    learned: int
    counts: list[int]  # the newest last
    # Both by how far ahead, from 1 bucket on.
    missed: list[float]  # the share of what may come that an interval leaves out, so that it holds 80 % of what comes
    errors: list[tuple[float, float]]  # of the days alone and of the last hours alone, faded means
    pending: list[list[int]]  # of buckets to come, the next first: low and high, what days and last hours say alone


class VolumeForecast:
    """A model of evenly spaced counts, one call of `learn` per bucket, with 0 for an empty one.

    `score` says how far in a tail of what was forecast a count lies: 0 in the middle, 1 beyond all that is known.
    A snapshot is at most 6 KB with 144 buckets a day, and grows in proportion to them.
    """

    NAME: ClassVar[str] = "volume_forecast"
    VERSION: ClassVar[int] = 1

    def __init__(self, season: int = 144) -> None:
        if season < 1:
            raise ValueError(f"a day has at least one bucket, not {season}")
        self._near = season // 36  # buckets: 40 minutes to either side
        distances = range(CHECKED)
        self._kept = _Kept(
            season, 0, [], [1 - LEVEL for _ in distances], [(0.0, 0.0) for _ in distances], [[] for _ in distances]
        )

    @property
    def season(self) -> int:
        """Return the buckets of a day."""
        return self._kept.season

    @property
    def ready(self) -> bool:
        """Say whether a whole day is known; before that only the last two hours speak, and `score` is 0."""
        return self._kept.learned >= self._kept.season

    @property
    def usual(self) -> float:
        """Return the median count of the last week; 0 where nothing is known."""
        return float(median(self._kept.counts)) if self._kept.counts else 0.0

    def forecast(self, ahead: int = 1) -> Forecast | None:
        """Return what is expected `ahead` buckets after the last, at most a day; None before a first count."""
        if not 1 <= ahead <= self.season:
            raise ValueError(f"a forecast reaches from 1 bucket ahead to {self.season}, not {ahead}")
        if not self._kept.counts:
            return None
        outcomes = self._outcomes(ahead)
        low, high = self._interval(outcomes, ahead)
        return Forecast(float(low), float(_quantile(outcomes, 0.5)), float(high))

    def more_than_usual(self, ahead: int = 1) -> bool:
        """Say whether even the low end of the forecast is above the usual; never before the model is `ready`."""
        forecast = self.forecast(ahead)
        return self.ready and forecast is not None and forecast.low > self.usual

    def score(self, x: float) -> Scored:
        """Return how surprising `x` would be as the next count, with how far it is from what is expected."""
        count = _count(x)
        if not self.ready:
            return Scored(0.0)
        outcomes = self._outcomes(1)
        low, high = self._interval(outcomes, 1)
        expected = _quantile(outcomes, 0.5)
        counts, upto = [count for count, _ in outcomes[0]], outcomes[1]
        no_more = [0.0, *upto][bisect_right(counts, count)]
        no_fewer = upto[-1] - [0.0, *upto][bisect_left(counts, count)]
        tail = min(no_more, no_fewer) / upto[-1]
        off = count - expected
        side = high - expected if off > 0 else expected - low
        distance = off / max(side / _DEVIATIONS, 1.0)  # one alert more or less is never much
        return Scored(max(0.0, 1 - 2 * tail), (Reason("count", float(count), float(expected), distance),))

    def learn(self, x: float, y: float | None = None) -> None:
        """Take in the count of the next bucket."""
        count, kept = _count(x), self._kept
        for ahead, pending in enumerate(kept.pending, 1):
            if len(pending) == 4 * ahead:
                self._correct(ahead, count, *pending[:4])
                del pending[:4]
        kept.counts.append(count)
        del kept.counts[: -_DAYS * kept.season - self._near]
        kept.learned += 1
        recent = self._recent()
        by_recent = _quantile(_heaped(recent), 0.5)
        nearby, span = self._nearby(), 2 * self._near
        for ahead, pending in enumerate(kept.pending, 1):
            days = [(count, weight) for count, weight, first in nearby if first <= ahead <= first + span]
            by_days = _quantile(_heaped(days), 0.5) if days else by_recent
            pending += (*self._interval(self._mixed(days, recent, ahead), ahead), by_days, by_recent)

    def skip(self, buckets: int) -> None:
        """Take in buckets that brought nothing and were not watched, at no cost for each.

        What was foretold of them is not compared with them: it was foretold of a series that went on.
        """
        if buckets < 0:
            raise ValueError(f"buckets are skipped ahead, not {buckets}")
        kept = self._kept
        if not buckets:
            return
        most = _DAYS * kept.season + self._near
        kept.counts = (kept.counts + [0] * min(buckets, most))[-most:]
        kept.learned += buckets
        kept.pending = [[] for _ in kept.pending]

    def together(self) -> tuple[int, int] | None:
        """Return between what ends the next `CHECKED` buckets lie together; None where none was learned last.

        The ends are the sums of those of each bucket, so they are wider than need be: of AIT-ADS 90 and 91 % lay
        between them, of taxi rides and two series of tweets 85, 89 and 91 %.
        """
        pending = self._kept.pending
        if not all(pending):
            return None
        return sum(one[-4] for one in pending), sum(one[-3] for one in pending)

    def totals(self, buckets: int = CHECKED) -> list[int]:
        """Return the totals of so many buckets in a row, the oldest first, of as much of the last week as is known."""
        upto = [0, *accumulate(self._kept.counts[-_DAYS * self.season :])]
        return [later - earlier for earlier, later in zip(upto, upto[buckets:], strict=False)]

    def snapshot(self) -> State:
        """Return the counts of the last week and the intervals that wait for theirs."""
        state: State = msgspec.to_builtins(self._kept)
        return state

    @classmethod
    def restore(cls, state: State) -> Self:
        """Return the model that `snapshot` was taken of."""
        kept = msgspec.convert(state, _Kept)
        model = cls(kept.season)
        model._kept = kept
        return model

    def _days(self, ahead: int) -> Weighed:
        counts, season, near = self._kept.counts, self._kept.season, self._near
        weighed: Weighed = []
        for day in range(1, _DAYS + 1):
            middle = len(counts) - 1 + ahead - day * season
            around = counts[max(0, middle - near) : max(0, middle + near + 1)]
            weight = _DAY_FADES ** (day - 1)
            weighed += [(count, weight) for count in around]
        return sorted(weighed)

    def _nearby(self) -> list[tuple[int, float, int]]:
        """Return what `_days` returns of any of the next buckets, in one order, with the first bucket ahead it is for.

        They are for the `2 * near` buckets after that as well. All are sorted once, and not some for each bucket, by
        which `learn` is a fifth faster.
        """
        counts, season, near = self._kept.counts, self._kept.season, self._near
        nearby: list[tuple[int, float, int]] = []
        for day in range(1, _DAYS + 1):
            begin = len(counts) - day * season - near
            around = counts[max(0, begin) : max(0, begin + 2 * near + CHECKED)]
            weight = _DAY_FADES ** (day - 1)
            ahead = max(0, -begin) + 1 - 2 * near
            nearby += [(count, weight, first) for first, count in enumerate(around, ahead)]
        return sorted(nearby)

    def _recent(self) -> Weighed:
        newest_first = self._kept.counts[: -_RECENT - 1 : -1]
        return sorted(zip(newest_first, _WEIGHTS, strict=False))

    def _outcomes(self, ahead: int) -> Outcomes:
        return self._mixed(self._days(ahead), self._recent(), ahead)

    def _mixed(self, days: Weighed, recent: Weighed, ahead: int) -> Outcomes:
        weight = self._recent_weigh(ahead) * (_total(days) or 1.0) / _total(recent)
        return _heaped(sorted(days + [(count, weight * by_age) for count, by_age in recent]))

    def _recent_weigh(self, ahead: int) -> float:
        """Return what the last hours weigh beside the days."""
        of_days, of_recent = self._kept.errors[min(ahead, CHECKED) - 1]
        if not of_days and not of_recent:
            return 1 / ahead
        better = (of_days / of_recent) ** _POWER if of_recent else _AT_MOST
        return min(max(better, 1 / _AT_MOST), _AT_MOST) / ahead

    def _interval(self, outcomes: Outcomes, ahead: int) -> tuple[int, int]:
        out = self._kept.missed[min(ahead, CHECKED) - 1]
        return _quantile(outcomes, out / 2), _quantile(outcomes, 1 - out / 2)

    def _correct(self, ahead: int, count: int, low: int, high: int, by_days: int, by_recent: int) -> None:
        """Learn from how `count` compares with what was said of it."""
        kept, place = self._kept, ahead - 1
        out = kept.missed[place] + _STEP * (1 - LEVEL - (not low <= count <= high))
        kept.missed[place] = min(max(out, _FEWEST_MISSED), _MOST_MISSED)
        errors = zip(kept.errors[place], (by_days, by_recent), strict=True)
        of_days, of_recent = (error + (1 - _ERRORS_FADE) * (abs(count - said) - error) for error, said in errors)
        kept.errors[place] = of_days, of_recent


def _total(weighed: Weighed) -> float:
    return sum([weight for _, weight in weighed])


def _heaped(ascending: Weighed) -> Outcomes:
    return ascending, list(accumulate([weight for _, weight in ascending]))


def _quantile(outcomes: Outcomes, share: float) -> int:
    """Return the first outcome at which so much of the weight is reached."""
    ascending, upto = outcomes
    return ascending[bisect_left(upto, share * upto[-1])][0]


def _count(x: float) -> int:
    if not 0 <= finite(x, "count") <= _LARGEST or x != int(x):
        raise ValueError(f"count is {x}: wanted a whole number from 0 to {_LARGEST}")
    return int(x)
