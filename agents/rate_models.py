"""What one tenant's alert rate is like: whether it is unusual now, and whether more than usual is to be expected.

The rate is the count of firing records, repeats included, in buckets of five minutes.

Unusual is what the series model detects in the square roots of the counts: the spread of a count grows with it, that of
its root does not (Anscombe, 1948): 1 % of the buckets of AIT-ADS are unusual then, and 4 % without. After the first of
four and of six days it tells of something one to three and two to four times, whichever minute the buckets begin at,
and the web scan is always one of them. It is over when three buckets in a row were usual.

More than usual is expected if the lower end of what is forecast for the next hour is above what three of four hours of
the last week had, and above what this hour had on most of its days: a rush hour of every day is no news. Of two series
of tweets it is told 16 times in 110 days, of which 15 were right; the rule was chosen on the first 28 of these days,
and is right 10 of 11 times on the rest. Of taxi rides, with a rush hour of every day, and of AIT-ADS, whose bursts
nothing announces, it is never told. It is over when an hour long nothing was to say. `python -m bench.rates`.

Neither says anything before a day's worth of buckets was watched, nor of a handful of alerts more or less.
"""

from __future__ import annotations

from math import sqrt
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from models.series_anomaly import Point, SeriesAnomaly
from models.volume_forecast import CHECKED, VolumeForecast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.base import State
    from models.series_anomaly import Judged

BUCKET: Final = 5  # minutes
A_DAY: Final = 24 * 60 // BUCKET  # buckets
CALM: Final = 3  # buckets in a row that are usual, after which the rate is
CALM_FORECAST: Final = 6  # buckets of the forecast in a row without a warning, after which it is over
LASTING: Final = A_DAY // 4  # buckets; what goes on for longer is the tenant's new level
APART: Final = 10  # alerts in a bucket; less, or less than half of what is usual, is never unusual
BUSY: Final = 60  # alerts in an hour; fewer are never warned of
IN_FORECAST: Final = 2  # buckets in one of the forecast's
_SHARE: Final = 0.75  # of the hours of a week, which are no more than usual
_MEANS: Final = {"short": 10, "long": 50}  # features of the series model that are means of so many buckets

What = Literal["unusual", "forecast"]


class RateNews(msgspec.Struct, frozen=True):
    """Something to tell of a tenant's rate, since when it has been so, and whether it is over."""

    what: What
    since: int  # ms
    over: bool
    facts: dict[str, float | str]


class Spell(msgspec.Struct, array_like=True):
    """What was told: since when, how often it was looked at since, and how often in a row in vain.

    One that lasts too long is told as over, and stays until it is: nothing begins anew before that.
    """

    since: int
    looks: int = 0
    calm: int = 0
    over: bool = False

    def ends(self, *, again: bool, calm: int, longest: int) -> bool:
        """Take note of one more look, and say whether its end is to be told now."""
        self.looks += 1
        self.calm = 0 if again else self.calm + 1
        was_over, self.over = self.over, self.over or self.calm >= calm or self.looks >= longest
        return self.over and not was_over


class _Kept(msgspec.Struct, array_like=True):
    next: int | None = None  # bucket
    watched: int = 0  # buckets
    first_half: int = 0  # of the forecast's bucket, if one half of it was watched
    noticed: bool = False  # something was detected, and has been unusual since
    unusual: Spell | None = None
    forecast: Spell | None = None


class RateModels:
    """The models of one tenant's rate, told of its buckets in their order."""

    def __init__(self) -> None:
        self._series = SeriesAnomaly()
        self._volume = VolumeForecast(A_DAY // IN_FORECAST)
        self._kept = _Kept()

    @property
    def has_told(self) -> bool:
        """Say whether something was told that is not over."""
        return any(spell is not None and not spell.over for spell in (self._kept.unusual, self._kept.forecast))

    def learn(self, bucket: int, begin: int, count: int, now: int) -> list[RateNews]:
        """Take in a bucket, which begins at `begin` ms, and that those since the last one brought nothing.

        Returns what there is to tell of it at `now`; of buckets that nobody watched nothing is told.
        """
        kept = self._kept
        if kept.next is not None and bucket > kept.next:
            self._skip(kept.next, bucket, begin)
        kept.next = bucket + 1
        kept.watched = min(kept.watched + 1, A_DAY)
        news = [self._judge(begin, count, now)]
        if bucket % IN_FORECAST:
            self._volume.learn(kept.first_half + count)
            kept.first_half = 0
            news.append(self._foresee(now))
        else:
            kept.first_half = count
        return [one for one in news if one is not None]

    def _skip(self, first: int, end: int, begin: int) -> None:
        """Take in the silence from bucket `first` up to `end`, which begins at `begin`: a day of it at most.

        The forecast tells the time of day by counting its buckets, so it takes in up to a day more, at no cost.
        """
        for ago in range(min(end - first, A_DAY), 0, -1):
            self._series.learn(Point(begin - ago * BUCKET * 60_000, 0.0))
        buckets = end // IN_FORECAST - first // IN_FORECAST
        if first % IN_FORECAST:
            self._volume.learn(self._kept.first_half)
            self._kept.first_half = 0
            buckets -= 1
        season = self._volume.season
        self._volume.skip(buckets if buckets <= season else season + buckets % season)

    def _judge(self, begin: int, count: int, now: int) -> RateNews | None:
        point = Point(begin, sqrt(count))
        judged = self._series.score(point)
        self._series.learn(point)
        kept, spell, again = self._kept, self._kept.unusual, judged.unusual >= 1
        kept.noticed = judged.detected or (kept.noticed and again)
        facts = _facts_of(judged, count)
        if spell is not None:
            ends = spell.ends(again=again, calm=CALM, longest=LASTING)
            if spell.calm >= CALM:
                kept.unusual = None
            return RateNews("unusual", spell.since, True, facts) if ends else None
        if not kept.noticed or kept.watched < A_DAY or not _is_much(facts):
            return None
        kept.unusual = Spell(now)
        return RateNews("unusual", now, False, facts)

    def _foresee(self, now: int) -> RateNews | None:
        kept, spell, ends = self._kept, self._kept.forecast, self._volume.together()
        if ends is None or kept.watched < A_DAY or (spell is None and ends[0] < BUSY):
            return None
        again, facts = outlook(self._volume, *ends)
        if spell is not None:
            over = spell.ends(again=again, calm=CALM_FORECAST, longest=LASTING // IN_FORECAST)
            if spell.calm >= CALM_FORECAST:
                kept.forecast = None
            return RateNews("forecast", spell.since, True, facts) if over else None
        if not again:
            return None
        kept.forecast = Spell(now)
        return RateNews("forecast", now, False, facts)

    def state(self) -> State:
        """Return all there is to keep."""
        kept: State = msgspec.to_builtins(self._kept)
        return {"kept": kept, "series": self._series.snapshot(), "volume": self._volume.snapshot()}

    @classmethod
    def restored(cls, state: State) -> RateModels:
        """Return the models that `state` was taken of."""
        assert isinstance(state, dict)  # noqa: S101 - its checksum was right
        models = cls()
        models._kept = msgspec.convert(state["kept"], _Kept)
        models._series = SeriesAnomaly.restore(state["series"])
        models._volume = VolumeForecast.restore(state["volume"])
        return models


def outlook(volume: VolumeForecast, low: int, high: int) -> tuple[bool, dict[str, float | str]]:
    """Say whether `low` to `high` alerts are more than usual for the next hour, with what is."""
    totals, season = volume.totals(), volume.season
    upper = sorted(totals)[int(_SHARE * (len(totals) - 1))]
    usual = median([totals[-1 - ago] for ago in range(season - CHECKED, len(totals), season)] or totals)
    more = low >= BUSY and low > upper and low > usual
    return more, {"low": low, "high": high, "usual": usual, "usual_at_most": upper}


def _facts_of(judged: Judged, count: int) -> dict[str, float | str]:
    """Return what there is to tell of a bucket: the rate, and the mean rate where that is what is unusual."""
    first = judged.reasons[0]
    (usual,) = [one.usual for one in judged.reasons if one.feature == "value"]
    facts: dict[str, float | str] = {
        "score": round(judged.score, 4),
        "feature": first.feature,
        "value": count,
        "usual": round(max(0.0, usual) ** 2, 1),
    }
    if first.feature in _MEANS:
        mean = {"mean": first.value, "mean_usual": first.usual}
        facts |= {name: round(value**2, 1) for name, value in mean.items()}
        facts["mean_of_minutes"] = _MEANS[first.feature] * BUCKET
    return facts


def _is_much(facts: Mapping[str, float | str]) -> bool:
    """Say whether the rate, or the mean rate, is so far from what is usual that somebody wants to know."""
    for one, other in (("value", "usual"), ("mean", "mean_usual")):
        if one in facts:
            usual = float(facts[other])
            if abs(float(facts[one]) - usual) >= max(APART, usual / 2):
                return True
    return False
