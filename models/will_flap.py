"""The chance that an alert that has just opened flaps: that three more changes follow within half an hour.

The share of openings that did, per name and instance. Where few of an instance are known, its share is drawn to that
of the name, and that of a name to the share of all: each as if ten openings of the wider group had been seen already
(the mean of a beta distribution; Gelman et al., "Bayesian Data Analysis", chapter 5, with a fixed strength). Each
opening weighs 0.98 of the one after it, so that the shares follow what changes.

On AIT-ADS (`python -m bench.forecast`), every opening scored before anything later is known and learned as soon as its
outcome is; chosen on the scenario shaw, checked on russellmitchell, base rates 14 and 15 %: area under the ROC curve
0.81 and 0.81, log-loss 0.330 and 0.342 against 0.417 and 0.434 of the base rate. Hour of the day and the time since
the last opening made it worse.

What has just opened again is another matter, with base rates of 42 and 56 %, and is counted apart: area under the ROC
curve 0.57 and 0.70, log-loss 0.682 and 0.622 against 0.689 and 0.692. Told by the shares of first openings it was worse
than the base rate.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Final, Self

import msgspec

from models.base import Reason, Scored, State
from models.features import key_of
from models.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Iterable

CHANGES: Final = 3  # between firing and resolved, after the opening
WITHIN: Final = 30 * 60_000  # ms
_NAMES: Final = 512  # kept; the one that was learned of longest ago leaves first
_INSTANCES: Final = 1024
_DRAWN: Final = 10.0  # openings
_FADES: Final = 0.98  # an opening weighs half as much after 34 more
_BEFORE: Final = 0.1  # the share of all before anything is known, as if five openings had been seen
_BEFORE_WEIGHS: Final = 5.0
_AGAIN: Final = "again"


class Opened(msgspec.Struct, frozen=True):
    """An alert that has just opened, or opened `again`; `instance` tells alerts of one name apart."""

    name: str
    instance: str = ""
    again: bool = False


def outcome(opened_at: int, changes: Iterable[int], now: int) -> bool | None:
    """Return whether an alert flapped after `opened_at`, or None where it is too early to say; times in ms.

    `changes` are the moments of its changes between firing and resolved since then, the opening not among them.
    """
    if sum(opened_at <= at <= opened_at + WITHIN for at in changes) >= CHANGES:
        return True
    return None if now <= opened_at + WITHIN else False


class _Rate(msgspec.Struct, gc=False):
    flapped: float = 0.0
    opened: float = 0.0

    def add(self, flapped: bool) -> None:
        self.flapped = self.flapped * _FADES + flapped
        self.opened = self.opened * _FADES + 1

    def drawn_to(self, wider: float, strength: float = _DRAWN) -> float:
        return (self.flapped + strength * wider) / (self.opened + strength)


_UNKNOWN: Final = _Rate()


class WillFlap:
    """The chance that an alert flaps; the truth of an opening is 1 if it did and 0 if not.

    A snapshot takes some 30 bytes per name and instance, at most 45 KB.
    """

    NAME: ClassVar[str] = "will_flap"
    VERSION: ClassVar[int] = 2

    def __init__(self) -> None:
        self._all = (_Rate(), _Rate())  # of what opened, and of what opened again
        self._names: dict[int, _Rate] = {}
        self._instances: dict[int, _Rate] = {}

    def knows(self, x: Opened) -> bool:
        """Say whether enough openings of the name are known for its share to tell more than that of all."""
        rate = self._names.get(_name_key(x))
        return rate is not None and rate.opened >= _DRAWN

    def score(self, x: Opened) -> Scored:
        """Return the chance that `x` flaps, with what its instance and its name make of the usual chance."""
        usual, of_name, of_instance = self._chances(x)
        instance, name = _reason("instance", of_instance, of_name), _reason("name", of_name, usual)
        of_name_weighs_more = abs(name.distance) > abs(instance.distance)
        return Scored(of_instance, (name, instance) if of_name_weighs_more else (instance, name))

    def chance(self, x: Opened) -> float:
        """Return the chance that `x` flaps."""
        return self._chances(x)[2]

    def _chances(self, x: Opened) -> tuple[float, float, float]:
        """Return the chance of all, of the name and of the instance."""
        usual = self._all[x.again].drawn_to(_BEFORE, _BEFORE_WEIGHS)
        of_name = self._names.get(_name_key(x), _UNKNOWN).drawn_to(usual)
        return usual, of_name, self._instances.get(_instance_key(x), _UNKNOWN).drawn_to(of_name)

    def learn(self, x: Opened, y: float | None = None) -> None:
        """Take in whether `x` flapped, 1 or 0; nothing happens without `y`.

        Raises:
            ValueError: for another `y`.
        """
        if y is None:
            return
        if y not in {0, 1}:
            raise ValueError(f"did it flap? That is 1 or 0, not {y}")
        flapped = y == 1
        self._all[x.again].add(flapped)
        _add(self._names, _name_key(x), flapped, _NAMES)
        _add(self._instances, _instance_key(x), flapped, _INSTANCES)

    def snapshot(self) -> State:
        """Return the counts of all, of each name and of each instance, what was learned of longest ago first."""
        of_all = [[rate.flapped, rate.opened] for rate in self._all]
        return [of_all, _written(self._names), _written(self._instances)]

    @classmethod
    def restore(cls, state: State) -> Self:
        """Return the model that `snapshot` was taken of."""
        model = cls()
        of_all, names, instances = msgspec.convert(state, tuple[_OfAll, _Written, _Written])
        opened, again = of_all
        model._all = _Rate(*opened), _Rate(*again)
        model._names, model._instances = _read(names), _read(instances)
        return model


class GuardedWillFlap(Guard[Opened, WillFlap]):
    """The model, and the share of all openings of late in its place while that tells more."""

    NAME: ClassVar[str] = "guarded_will_flap"
    PRIOR: ClassVar[float] = _BEFORE

    @staticmethod
    def fresh() -> WillFlap:
        """Return a model that has learned nothing."""
        return WillFlap()

    @staticmethod
    def restored(state: State) -> WillFlap:
        """Return the model that a snapshot was taken of."""
        return WillFlap.restore(state)

    @staticmethod
    def unexplained(model: WillFlap, x: Opened) -> float:
        """Return the chance alone."""
        return model.chance(x)

    @staticmethod
    def key(x: Opened) -> int:
        """Return one number for all that opened, and one for all that opened again."""
        return int(x.again)

    @staticmethod
    def chance(score: float) -> float:
        """Return the probability that it flaps."""
        return score


_OfAll = tuple[tuple[float, float], tuple[float, float]]
_Written = list[tuple[int, float, float]]


def _name_key(x: Opened) -> int:
    return key_of(x.name, _AGAIN) if x.again else key_of(x.name)


def _instance_key(x: Opened) -> int:
    return key_of(x.name, x.instance, _AGAIN) if x.again else key_of(x.name, x.instance)


def _add(rates: dict[int, _Rate], key: int, flapped: bool, kept: int) -> None:
    rate = rates.pop(key, None) or _Rate()
    rate.add(flapped)
    rates[key] = rate
    if len(rates) > kept:
        del rates[next(iter(rates))]


def _written(rates: dict[int, _Rate]) -> State:
    return [[key, rate.flapped, rate.opened] for key, rate in rates.items()]


def _read(written: _Written) -> dict[int, _Rate]:
    return {key: _Rate(flapped, opened) for key, flapped, opened in written}


def _reason(feature: str, share: float, usual: float) -> Reason:
    return Reason(feature, share, usual, (share - usual) / math.sqrt(usual * (1 - usual)))
