"""Noise: how likely it is that nobody will care about an alert, from what people said of others like it.

A rate of "wanted" for each name, refined for each (name, instance): the name's rate is drawn towards a prior, and the
instance's towards the name's, each the more the fewer labels there are (the posterior mean of a beta-binomial, with the
level above as its prior; Gelman et al., Bayesian Data Analysis, 5.3). Labels are counted by week, and a week counts
3/4 of the next one that has labels; so every label is known by its week alone, and what was learned can be taken back.

What became of an alert (how long it lasted, whether it came again, what else came) is left out: as a twentieth of an
opinion, no outcome does better on both scenarios of AIT-ADS than counting every end as noise (`python -m bench.noise`),
and that takes what is frequent for noise.
"""

from __future__ import annotations

import math
from array import array
from operator import mul
from typing import TYPE_CHECKING, ClassVar, cast

import msgspec

from models.alert_stream import UNUSUAL
from models.base import Reason, Scored, finite
from models.features import key_of
from models.guard import Guard, GuardState
from pipeline.domain.severity import Severity

if TYPE_CHECKING:
    from models.base import State

WEEKS = 8
"""Weeks with labels that are remembered; weeks without any do not count."""
FADING = 0.75  # of a week against the next: half after two and a half weeks
MOST_KEYS = 512
"""Names and (name, instance) pairs together: under 200 KB. A pair that is given up is taken as its name says."""
ENOUGH = 30
"""Labels of a name before anything of it is hidden."""
PRIOR = 0.01
"""The rate of "wanted" of a name without labels."""
NAME_WEIGHT = 10.0  # labels that the prior weighs
INSTANCE_WEIGHT = 10.0  # labels that the name's rate weighs
LEAST_RATE = 0.001
"""Alerts whose rate of "wanted" is below it are hidden."""
HEARTBEATS = frozenset({"Watchdog"})
"""Alerts that say by their coming that all is well: nobody looks at them, and they are never hidden."""

_WEEK_MS = 7 * 86_400_000


class NoiseInput(msgspec.Struct, frozen=True):
    """One alert, as far as it tells whether anybody will care."""

    at: int  # milliseconds since 1970
    name: str
    source: str = ""
    instance: str = ""
    severity: Severity = Severity.WARNING
    anomaly: float = 0.0  # of the change in the tenant's stream, as `AlertStreamAnomaly` scores it


class NoiseModel:
    """Score 1 for what nobody will care about. The labels are 1, it was wanted, and 0, it was noise."""

    NAME: ClassVar[str] = "noise"
    VERSION: ClassVar[int] = 1

    __slots__ = ("_counts", "_fading", "_weeks")

    def __init__(self) -> None:
        self._weeks: list[int | None] = [None] * WEEKS  # which week each place of a row counts
        self._fading = [0.0] * WEEKS  # what a label of each place weighs
        self._counts: dict[int, array[int]] = {}  # labels by place, then wanted ones by place

    @property
    def is_new(self) -> bool:
        """Say whether no label is remembered."""
        return not self._counts

    def score(self, x: NoiseInput) -> Scored:
        """Return the probability that nobody will care about `x`."""
        others, of_others, here, rate = self._rates(x)
        name, instance = _reason("name", of_others, PRIOR, others), _reason("instance", rate, of_others, here)
        of_instance_weighs_more = abs(instance.distance) > abs(name.distance)
        return Scored(1 - rate, (instance, name) if of_instance_weighs_more else (name, instance))

    def chance(self, x: NoiseInput) -> float:
        """Return that probability alone."""
        return 1 - self._rates(x)[3]

    def _rates(self, x: NoiseInput) -> tuple[float, float, float, float]:
        """Return the weight of the name's labels and their rate of "wanted", then those of the instance.

        Of the name only the labels of other instances count: no label counts twice.
        """
        _checked(x)
        labels, wanted = self._known(_instance_key(x))
        of_all, wanted_of_all = self._known(_name_key(x))
        rest = max(0.0, of_all - labels)
        wanted_rest = min(rest, max(0.0, wanted_of_all - wanted))  # a name that was given up knows less than its pairs
        others = rest + NAME_WEIGHT
        of_others = (wanted_rest + NAME_WEIGHT * PRIOR) / others
        here = labels + INSTANCE_WEIGHT
        return others, of_others, here, (wanted + INSTANCE_WEIGHT * of_others) / here

    def passes(self, x: NoiseInput) -> bool:
        """Say whether `x` must not be hidden.

        It passes if it is not unlikely enough to be wanted, if too little is known of its name, if it is critical or a
        heartbeat, and if it stands out in the tenant's stream.
        """
        return _passes(x, self.labels(x), self.chance(x))

    def labels(self, x: NoiseInput) -> int:
        """Return how many labels of the name of `x` are remembered, whatever they weigh by now."""
        row = self._counts.get(_name_key(x))
        return 0 if row is None else sum(row[:WEEKS])

    def said(self, x: NoiseInput) -> float:
        """Return the share of noise among the labels of the instance, or of the name where it has none; no prior.

        The prior is so low that one label of a name, whichever it is, leaves its score at 0.9.
        """
        for key in (_instance_key(x), _name_key(x)):
            labels, wanted = self._known(key)
            if labels > 0:
                return 1 - wanted / labels
        return 0.0

    def learn(self, x: NoiseInput, y: float | None = None) -> None:
        """Count one label, 1 for wanted and 0 for noise; nothing happens without one.

        Raises:
            ValueError: for another label, or a time that is no finite number.
        """
        if y is None:
            return
        place = self._place(_week(x, y), make=True)
        if place is None:
            return  # older than everything that is remembered
        for key in (_name_key(x), _instance_key(x)):
            row = self._counts.get(key)
            if row is None:
                row = self._counts[key] = array("I", bytes(8 * WEEKS))
            row[place] += 1
            row[WEEKS + place] += y == 1
        if len(self._counts) > MOST_KEYS:
            self._forget()

    def unlearn(self, x: NoiseInput, y: float) -> None:
        """Take back a label that was learned for the same `x`; what is forgotten already is left as it is.

        Raises:
            ValueError: as `learn`.
        """
        place = self._place(_week(x, y), make=False)
        if place is None:
            return
        for key in (_name_key(x), _instance_key(x)):
            row = self._counts.get(key)
            wanted = int(y == 1)
            if row is None or row[WEEKS + place] < wanted or row[place] - row[WEEKS + place] < 1 - wanted:
                continue
            row[place] -= 1
            row[WEEKS + place] -= wanted
            if not any(row[:WEEKS]):
                del self._counts[key]
        if not any(row[place] for row in self._counts.values()):
            self._weeks[place] = None
            self._weigh()

    def _known(self, key: int) -> tuple[float, float]:
        """Return what the labels of a key weigh, and the wanted ones of them."""
        row = self._counts.get(key)
        if row is None:
            return 0.0, 0.0
        return sum(map(mul, self._fading, row)), sum(map(mul, self._fading, row[WEEKS:]))

    def _place(self, week: int, *, make: bool) -> int | None:
        """Return the place of a week in every row; a new one takes that of the oldest week."""
        if week in self._weeks:
            return self._weeks.index(week)
        if not make:
            return None
        if None in self._weeks:
            place = self._weeks.index(None)
        else:
            oldest = min(cast("list[int]", self._weeks))
            if week < oldest:
                return None
            place = self._weeks.index(oldest)
            for row in self._counts.values():
                row[place] = row[WEEKS + place] = 0
            self._counts = {key: row for key, row in self._counts.items() if any(row[:WEEKS])}
        self._weeks[place] = week
        self._weigh()
        return place

    def _weigh(self) -> None:
        newest_first = sorted((week for week in self._weeks if week is not None), reverse=True)
        self._fading = [0.0 if week is None else FADING ** newest_first.index(week) for week in self._weeks]

    def _forget(self) -> None:
        """Give up the eighth of all keys with the least known wanted, and of those with the least known at all.

        So what is forgotten lets alerts pass that were hidden, and hardly ever hides one that passed.
        """
        by_worth = sorted(self._counts, key=lambda key: (*reversed(self._known(key)), key))
        for key in by_worth[: MOST_KEYS // 8]:
            del self._counts[key]

    def snapshot(self) -> State:
        """Return every count."""
        counts = [count for row in self._counts.values() for count in row]
        return {"weeks": [*self._weeks], "keys": [*self._counts], "counts": counts}

    @classmethod
    def restore(cls, state: State) -> NoiseModel:
        """Return the model that `snapshot` was taken of."""
        known = cast("dict[str, list[int]]", state)
        model = cls()
        model._weeks = cast("list[int | None]", known["weeks"])
        counts, wide = array("I", known["counts"]), 2 * WEEKS
        model._counts = {key: counts[wide * row : wide * (row + 1)] for row, key in enumerate(known["keys"])}
        model._weigh()
        return model


class GuardedNoise(Guard[NoiseInput, NoiseModel]):
    """The noise model, and the recent labels of a name in its place while they tell more."""

    NAME: ClassVar[str] = "guarded_noise"

    @staticmethod
    def fresh() -> NoiseModel:
        """Return a model that has learned nothing."""
        return NoiseModel()

    @staticmethod
    def restored(state: State) -> NoiseModel:
        """Return the model that a snapshot was taken of."""
        return NoiseModel.restore(state)

    @staticmethod
    def unexplained(model: NoiseModel, x: NoiseInput) -> float:
        """Return the probability alone."""
        return model.chance(x)

    @staticmethod
    def key(x: NoiseInput) -> int:
        """Return what stands for the name."""
        return _name_key(x)

    @staticmethod
    def chance(score: float) -> float:
        """Return the probability that it is wanted."""
        return 1 - score

    def passes(self, x: NoiseInput) -> bool:
        """Say whether `x` must not be hidden, as the model says it; by the simple rule's rate while fallen back."""
        labels = self.model.labels(x) if self.state is GuardState.MODEL else self.rule.labels(self.key(x))
        return _passes(x, labels, self.value(x))

    def unlearn(self, x: NoiseInput, y: float) -> None:
        """Take back a label that was learned for the same `x`."""
        self.model.unlearn(x, y)
        self.rule.unlearn(self.key(x), y == 1)


def _passes(x: NoiseInput, labels: int, noise: float) -> bool:
    never_hidden = x.severity >= Severity.CRITICAL or x.name in HEARTBEATS or x.anomaly >= UNUSUAL
    return never_hidden or labels < ENOUGH or 1 - noise >= LEAST_RATE


def _name_key(x: NoiseInput) -> int:
    return key_of(x.source, x.name)


def _instance_key(x: NoiseInput) -> int:
    return key_of(x.source, x.name, x.instance)


def _week(x: NoiseInput, y: float) -> int:
    if y not in {0, 1}:
        raise ValueError(f"the label is {y}: it is 1, wanted, or 0, noise")
    return int(_checked(x).at) // _WEEK_MS


def _checked(x: NoiseInput) -> NoiseInput:
    finite(x.at, "time")
    finite(x.anomaly, "anomaly")
    return x


def _reason(feature: str, rate: float, usual: float, weight: float) -> Reason:
    """Return how far a rate is from the one above it, in standard errors of as many labels."""
    return Reason(feature, rate, usual, (rate - usual) / math.sqrt(usual * (1 - usual) / weight))
