"""Anomalies of a metric's series, point by point.

Four questions are asked of a point, and the most unusual answer in terms of its level decides:
  short   is the mean of about the last 10 points far from usual, for the series as a whole, for this hour of the day,
          and unlike every state that the series has been in? The geometric mean of the three distances: all must hold.
  long    the same of the last 50 points, without the states
  value   how far is this one point from what is usual at its hour? The surprise of its tail
  change  how far is it from the point before?
What is detected is told once, see `Gate`. Levels and spans are one setting for every series; bench/nab.py says what
they are worth.
"""

from __future__ import annotations

import math
from operator import itemgetter
from typing import ClassVar, Self

import msgspec

from models.base import Reason, Scored, State, finite
from models.series_gate import Gate, GateState
from models.series_hours import Hours, HoursState
from models.series_spread import Spread, SpreadState, Tail, TailState
from models.series_states import KnownStates, States

QUICK, SHORT, LONG, ROUGH = 0.3, 0.1, 0.02, 0.05  # weights of the newest point in faded means
LEVELS = {"short": 3.1, "long": 2.75, "value": 10.5, "change": 10.5}  # deviations twice, then nats twice
_LARGEST = 1e100  # of a value; its square must be a number as well
_FAR = 1e6  # deviations; nothing is told apart beyond
_first = itemgetter(0)


class Point(msgspec.Struct, frozen=True):
    """A value of a series."""

    at: int  # ms since 1970
    value: float


class Judged(Scored, frozen=True):
    """A score of at least 0.5 is a detection, and only that.

    `unusual` is what the score was made of: 1 is at the level. Where the gate is shut, for something was detected
    shortly before or the series is not known yet, the score is half of what it would have been.
    """

    detected: bool = False
    unusual: float = 0.0


class _State(msgspec.Struct, array_like=True):
    started: bool
    means: list[float]
    gate: GateState
    spreads: list[SpreadState]
    tails: list[TailState]
    hours: HoursState
    states: KnownStates


class _Look(msgspec.Struct):
    """What one point is, before it is learned."""

    residual: float
    means: list[float]
    spread: SpreadState
    place: tuple[float, float]
    nearest: tuple[float, int]
    judged: Judged


class SeriesAnomaly:
    """One series' model: microseconds a point, less than 3 KB of state."""

    NAME: ClassVar[str] = "series_anomaly"
    VERSION: ClassVar[int] = 1

    def __init__(self) -> None:
        self._started = False
        # Faded means of the value (quick, short, long), of the residual (short, long), of the roughness squared, and
        # the residual before.
        self._means = [0.0] * 7
        self._value, self._short, self._long, self._hourly_short, self._hourly_long, self._far = (
            Spread() for _ in range(6)
        )
        self._residual, self._change = Tail(), Tail()
        self._hours = Hours()
        self._states = States()
        self._gate = Gate()
        self._seen: tuple[Point, _Look] | None = None

    def score(self, x: Point) -> Judged:
        """Return how unusual `x` is."""
        return self._look(x).judged

    def learn(self, x: Point, y: float | None = None) -> None:
        """Take `x` in; a detection makes the next points quiet."""
        look = self._look(x)
        _, short, long, hourly_short, hourly_long, _, _ = look.means
        self._short.learn(short)
        self._long.learn(long)
        self._hourly_short.learn(hourly_short)
        self._hourly_long.learn(hourly_long)
        self._far.learn(look.nearest[0])
        self._value.count, self._value.mean, self._value.variance = look.spread
        self._change.learn(look.residual - self._means[6] if self._started else 0.0)
        self._residual.learn(look.residual)
        self._hours.learn(x.at, _held_in(x.value))
        self._states.learn(*look.place, *look.nearest)
        self._means = look.means
        self._gate.learn(look.judged.unusual)
        self._started = True
        self._seen = None

    def _look(self, x: Point) -> _Look:
        if self._seen is not None and self._seen[0] == x:
            return self._seen[1]
        value = _held_in(finite(x.value))
        usual = self._hours.usual(x.at)
        residual = 0.0 if usual is None else value - usual
        look = self._measured(value, residual)
        self._seen = x, look
        return look

    def _measured(self, value: float, residual: float) -> _Look:
        if self._started:
            quick, short, long, hourly_short, hourly_long, rough, before = self._means
            quick += QUICK * (value - quick)
            short += SHORT * (value - short)
            long += LONG * (value - long)
            hourly_short += SHORT * (residual - hourly_short)
            hourly_long += LONG * (residual - hourly_long)
        else:
            quick = short = long = value
            hourly_short = hourly_long = before = residual
            rough = 0.0
        rough += ROUGH * ((value - short) ** 2 - rough)
        spread = self._value.after(value)
        deviation = math.sqrt(spread[2]) or 1.0
        place = max(-_FAR, min(_FAR, (quick - spread[1]) / deviation)), min(_FAR, math.sqrt(rough) / deviation)
        nearest = self._states.nearest(*place)
        from_short, from_long = self._short.distance(short), self._long.distance(long)
        of_hour = abs(self._hourly_short.distance(hourly_short)), abs(self._hourly_long.distance(hourly_long))
        new = abs(self._far.distance(nearest[0]))
        change = residual - before
        weighed = [
            (
                math.cbrt(abs(from_short) * of_hour[0] * new) / LEVELS["short"],
                Reason("short", short, self._short.mean, from_short),
            ),
            (
                math.sqrt(abs(from_long) * of_hour[1]) / LEVELS["long"],
                Reason("long", long, self._long.mean, from_long),
            ),
            (
                self._residual.surprise(residual) / LEVELS["value"],
                Reason("value", value, value - residual, self._residual.distance(residual)),
            ),
            (
                self._change.surprise(change) / LEVELS["change"],
                Reason("change", change, self._change.mean, self._change.distance(change)),
            ),
        ]
        weighed.sort(key=_first, reverse=True)
        judged = self._judged(weighed[0][0], tuple([reason for _, reason in weighed]))
        means = [quick, short, long, hourly_short, hourly_long, rough, residual]
        return _Look(residual, means, spread, place, nearest, judged)

    def _judged(self, unusual: float, reasons: tuple[Reason, ...]) -> Judged:
        score = unusual / (1.0 + unusual)
        if self._gate.is_shut(unusual):
            return Judged(score / 2, reasons, detected=False, unusual=unusual)
        return Judged(score, reasons, detected=score >= 0.5, unusual=unusual)

    def snapshot(self) -> State:
        """Return everything the model knows."""
        spreads = self._value, self._short, self._long, self._hourly_short, self._hourly_long, self._far
        state = _State(
            self._started,
            self._means,
            self._gate.state(),
            [one.state() for one in spreads],
            [self._residual.state(), self._change.state()],
            self._hours.state(),
            self._states.state(),
        )
        plain: State = msgspec.msgpack.decode(msgspec.msgpack.encode(state))  # lists instead of tuples
        return plain

    @classmethod
    def restore(cls, state: State) -> Self:
        """Return the model that `snapshot` was taken of."""
        known = msgspec.convert(state, _State)
        model = cls()
        model._started, model._means = known.started, list(known.means)
        model._gate = Gate(known.gate)
        model._value, model._short, model._long, model._hourly_short, model._hourly_long, model._far = (
            Spread(one) for one in known.spreads
        )
        model._residual, model._change = (Tail(one) for one in known.tails)
        model._hours = Hours(known.hours)
        model._states = States(known.states)
        return model


def _held_in(value: float) -> float:
    return max(-_LARGEST, min(_LARGEST, value))
