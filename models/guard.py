"""A guard over a model: while the model does worse than a simple rule, the simple rule speaks."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

from models.base import OnlineModel, Reason, Scored

if TYPE_CHECKING:
    from models.base import State

X = TypeVar("X")
M = TypeVar("M", bound=OnlineModel[Any])

_CLIP = 0.001  # no probability counts as less: one surprise is not the end of the world
_WORST = -math.log(_CLIP)
_LATELY = 128  # labels over which the losses of both are compared
_CLEARLY = 1.5  # times the rule's loss: the model is left for that, and listened to again below the rule's loss


class GuardState(StrEnum):
    """Who speaks."""

    MODEL = "model"
    FALLEN_BACK = "fallen_back"


class Adwin:
    """Tell when the mean of a stream of numbers in [0, 1] has risen (ADWIN2: Bifet and Gavaldà, 2007).

    The window is kept as sums over 1, 2, 4, ... numbers, at most five of a size. It loses its old end when that has a
    mean which differs from the rest's by more than chance; only a rise is told.
    """

    __slots__ = ("_rows", "_seen")

    DELTA = 0.002
    EVERY = 32
    SIZES = 5
    SHORTEST = 10

    def __init__(self) -> None:
        self._rows: list[list[tuple[float, float]]] = []  # (sum, sum of squares) by size, the oldest first
        self._seen = 0

    def update(self, value: float) -> bool:
        """Take `value` in; say whether the mean has risen. It is looked at with every 32nd value."""
        self._add(value)
        self._seen += 1
        return self._seen % self.EVERY == 0 and self._shrink()

    def _add(self, value: float) -> None:
        carried: tuple[float, float] | None = (value, value * value)
        for row in self._rows:
            if carried is None:
                return
            row.append(carried)
            carried = None
            if len(row) > self.SIZES:
                (one, one_squared), (other, other_squared) = row.pop(0), row.pop(0)
                carried = one + other, one_squared + other_squared
        if carried is not None:
            self._rows.append([carried])

    def _shrink(self) -> bool:
        risen = False
        while (change := self._change()) is not None:
            risen = risen or change
            self._rows[-1].pop(0)
            while self._rows and not self._rows[-1]:
                self._rows.pop()
        return risen

    def _change(self) -> bool | None:
        """Return whether the mean rose at some point of the window, or None where it did not change."""
        buckets = [(1 << size, *sums) for size, row in reversed([*enumerate(self._rows)]) for sums in row]
        count = sum(bucket[0] for bucket in buckets)
        total = math.fsum(bucket[1] for bucket in buckets)
        variance = max(0.0, math.fsum(bucket[2] for bucket in buckets) / count - (total / count) ** 2)
        chance = math.log(2 * math.log(max(count, 3)) / self.DELTA)
        old, old_total = 0, 0.0
        for size, bucket_total, _ in buckets:
            old += size
            old_total += bucket_total
            new = count - old
            if new < self.SHORTEST:
                break
            if old < self.SHORTEST:
                continue
            harmonic = 1 / (1 / old + 1 / new)
            margin = math.sqrt(2 / harmonic * variance * chance) + 2 / (3 * harmonic) * chance
            rise = (total - old_total) / new - old_total / old
            if abs(rise) > margin:
                return rise > 0
        return None

    def snapshot(self) -> State:
        """Return all there is to keep."""
        return [self._seen, [[[*sums] for sums in row] for row in self._rows]]

    @classmethod
    def restore(cls, state: State) -> Adwin:
        """Return what `snapshot` was taken of."""
        adwin = cls()
        adwin._seen, rows = cast("tuple[int, list[list[tuple[float, float]]]]", state)
        adwin._rows = [[(one, squared) for one, squared in row] for row in rows]
        return adwin


class RecentRate:
    """The simple rule: the share of 1 among the last labels of a key, with a prior of 0.01 that weighs one label."""

    __slots__ = ("_last",)

    MOST = 512
    """Keys; the one without a label for longest leaves first."""
    LABELS = 63  # as bits under a leading 1, in one number of 64 bits
    PRIOR = 0.01

    def __init__(self) -> None:
        self._last: dict[int, int] = {}

    def rate(self, key: int) -> float:
        """Return the share of 1; the prior for a key without labels."""
        labels = self.labels(key)
        ones = (self._last.get(key, 1) & ~(1 << labels)).bit_count()
        return (ones + self.PRIOR) / (labels + 1)

    def labels(self, key: int) -> int:
        """Return how many labels of `key` are known, at most 63."""
        return self._last.get(key, 1).bit_length() - 1

    def learn(self, key: int, one: bool) -> None:
        """Take in one label."""
        bits = self._last.pop(key, 1) << 1 | one
        if bits.bit_length() > self.LABELS + 1:
            bits = bits & (1 << self.LABELS) - 1 | 1 << self.LABELS
        elif bits.bit_length() == 2 and len(self._last) == self.MOST:
            del self._last[next(iter(self._last))]
        self._last[key] = bits

    def unlearn(self, key: int, one: bool) -> None:
        """Take back the newest such label, where there still is one."""
        bits = self._last.get(key, 1)
        for place in range(bits.bit_length() - 1):
            if bits >> place & 1 == one:
                self._last[key] = bits >> place + 1 << place | bits & (1 << place) - 1
                break
        if self._last.get(key) == 1:
            del self._last[key]

    def snapshot(self) -> State:
        """Return all there is to keep."""
        return [number for pair in self._last.items() for number in pair]

    @classmethod
    def restore(cls, state: State) -> RecentRate:
        """Return what `snapshot` was taken of."""
        rule = cls()
        flat = cast("list[int]", state)
        rule._last = dict(zip(flat[::2], flat[1::2], strict=True))
        return rule


class Guard(ABC, Generic[X, M]):
    """A model with labels 0 and 1, and the simple rule that speaks in its place while it does worse.

    Both are judged by the log-loss of what they would have said before each label. The model is left when ADWIN finds
    that its loss has risen and the rule has done clearly better lately, or when it fails; it is listened to again when
    it has done no worse than the rule lately. It learns all the while.
    """

    NAME: ClassVar[str]
    VERSION: ClassVar[int] = 1

    def __init__(self) -> None:
        self.model = self.fresh()
        self.rule = RecentRate()
        self.state = GuardState.MODEL
        self.falls = 0
        """How often the rule had to step in."""
        self._adwin = Adwin()
        self._since = 0  # labels in this state
        self._alarm = 0  # labels for which a rise is still heeded
        self._model_loss = 0.0  # faded means, in [0, 1]
        self._rule_loss = 0.0

    @staticmethod
    @abstractmethod
    def fresh() -> M:
        """Return a model that has learned nothing."""

    @staticmethod
    @abstractmethod
    def restored(state: State) -> M:
        """Return the model that a snapshot was taken of."""

    @staticmethod
    @abstractmethod
    def key(x: X) -> int:
        """Return what the simple rule counts by."""

    @staticmethod
    @abstractmethod
    def chance(score: float) -> float:
        """Return the probability of 1 that a score stands for; its own inverse."""

    def score(self, x: X) -> Scored:
        """Return the model's score, or the simple rule's while fallen back."""
        scored = self._of_model(x)
        if scored is not None and self.state is GuardState.MODEL:
            return scored
        rate = self.rule.rate(self.key(x))
        return Scored(self.chance(rate), (Reason("recent_rate", rate, RecentRate.PRIOR, self._distance(x, rate)),))

    def learn(self, x: X, y: float | None = None) -> None:
        """Judge both by `y`, 0 or 1, then let both learn it; nothing happens without one.

        Raises:
            ValueError: for another label, and for what the model refuses; nothing was learned then.
        """
        if y is None:
            return
        if y not in {0, 1}:
            raise ValueError(f"the label is {y}: it is 0 or 1")
        one, key = y == 1, self.key(x)
        scored = self._of_model(x)
        model_loss = 1.0 if scored is None else _loss(self.chance(scored.score), one)
        rule_loss = _loss(self.rule.rate(key), one)
        self.model.learn(x, y)
        self.rule.learn(key, one)
        self._judge(model_loss, rule_loss, failed=scored is None)

    def _judge(self, model_loss: float, rule_loss: float, *, failed: bool) -> None:
        self._model_loss += (model_loss - self._model_loss) / _LATELY
        self._rule_loss += (rule_loss - self._rule_loss) / _LATELY
        self._since += 1
        self._alarm = _LATELY if self._adwin.update(model_loss) else max(0, self._alarm - 1)
        if self.state is GuardState.MODEL and (failed or (self._alarm and self._worse(_CLEARLY))):
            self.state, self._since = GuardState.FALLEN_BACK, 0
            self.falls += 1
        elif self.state is GuardState.FALLEN_BACK and self._since >= _LATELY and not (failed or self._worse()):
            self.state, self._since = GuardState.MODEL, 0
            self._adwin, self._alarm = Adwin(), 0

    def _worse(self, times: float = 1.0) -> bool:
        return self._model_loss > times * self._rule_loss

    def _of_model(self, x: X) -> Scored | None:
        """Return the model's score, None where it fails or says what is no probability."""
        try:
            scored = self.model.score(x)
        except (ArithmeticError, LookupError):
            return None
        return scored if 0 <= scored.score <= 1 else None

    def _distance(self, x: X, rate: float) -> float:
        usual = RecentRate.PRIOR
        return (rate - usual) / math.sqrt(usual * (1 - usual) / (self.rule.labels(self.key(x)) + 1))

    def snapshot(self) -> State:
        """Return the state of the model, of the rule, and of the judgement between them."""
        judged: State = [self._since, self._alarm, self._model_loss, self._rule_loss]
        return {
            "model": self.model.snapshot(),
            "rule": self.rule.snapshot(),
            "adwin": self._adwin.snapshot(),
            "state": str(self.state),
            "falls": self.falls,
            "judged": judged,
        }

    @classmethod
    def restore(cls, state: State) -> Self:
        """Return the guard that `snapshot` was taken of."""
        known = cast("dict[str, Any]", state)
        guard = cls()
        guard.model = cls.restored(known["model"])
        guard.rule = RecentRate.restore(known["rule"])
        guard.state, guard.falls = GuardState(known["state"]), known["falls"]
        guard._adwin = Adwin.restore(known["adwin"])
        guard._since, guard._alarm, guard._model_loss, guard._rule_loss = known["judged"]
        return guard


def _loss(chance: float, one: bool) -> float:
    """Return the log-loss, of at most 1 in a thousand against, as a share of the worst."""
    told = chance if one else 1 - chance
    return -math.log(min(max(told, _CLIP), 1.0)) / _WORST
