"""A guard over a model: while the model does worse than a simple rule, the simple rule speaks."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

from models.adwin import Adwin
from models.base import OnlineModel, Reason, Scored
from models.recent_rate import RecentRate

if TYPE_CHECKING:
    from models.base import State

X = TypeVar("X")
M = TypeVar("M", bound=OnlineModel[Any])

_CLIP = 0.001  # no probability counts as less: one surprise is not the end of the world
_WORST = -math.log(_CLIP)
_LATELY = 128  # truths over which the losses of both are compared
_CLEARLY = 1.5  # times the rule's loss: the model is left for that, and listened to again below the rule's loss


class GuardState(StrEnum):
    """Who speaks."""

    MODEL = "model"
    FALLEN_BACK = "fallen_back"


class Judgement:
    """Who speaks, by the losses that a model and its rule had with each truth, both in [0, 1].

    The model is left when ADWIN finds that its loss has risen and the rule has done clearly better lately, or when it
    fails; it is listened to again when it has done no worse than the rule lately.
    """

    __slots__ = ("_adwin", "_alarm", "_model_loss", "_rule_loss", "_since", "falls", "state")

    def __init__(self) -> None:
        self.state = GuardState.MODEL
        self.falls = 0
        """How often the rule had to step in."""
        self._adwin = Adwin()
        self._since = 0  # truths in this state
        self._alarm = 0  # truths for which a rise is still heeded
        self._model_loss = 0.0  # faded means
        self._rule_loss = 0.0

    def judge(self, model_loss: float | None, rule_loss: float) -> None:
        """Take in what a truth cost both; None where the model failed."""
        failed, loss = model_loss is None, 1.0 if model_loss is None else model_loss
        self._model_loss += (loss - self._model_loss) / _LATELY
        self._rule_loss += (rule_loss - self._rule_loss) / _LATELY
        self._since += 1
        self._alarm = _LATELY if self._adwin.update(loss) else max(0, self._alarm - 1)
        if self.state is GuardState.MODEL and (failed or (self._alarm and self._worse(_CLEARLY))):
            self.state, self._since = GuardState.FALLEN_BACK, 0
            self.falls += 1
        elif self.state is GuardState.FALLEN_BACK and self._since >= _LATELY and not (failed or self._worse()):
            self.state, self._since = GuardState.MODEL, 0
            self._adwin, self._alarm = Adwin(), 0

    def _worse(self, times: float = 1.0) -> bool:
        return self._model_loss > times * self._rule_loss

    def snapshot(self) -> State:
        """Return all there is to keep."""
        judged: State = [self._since, self._alarm, self._model_loss, self._rule_loss]
        return {"adwin": self._adwin.snapshot(), "state": str(self.state), "falls": self.falls, "judged": judged}

    @classmethod
    def restore(cls, state: State) -> Judgement:
        """Return what `snapshot` was taken of."""
        known = cast("dict[str, Any]", state)
        judgement = cls()
        judgement.state, judgement.falls = GuardState(known["state"]), known["falls"]
        judgement._adwin = Adwin.restore(known["adwin"])
        judgement._since, judgement._alarm, judgement._model_loss, judgement._rule_loss = known["judged"]
        return judgement


class Guard(ABC, Generic[X, M]):
    """A model with labels 0 and 1, and the simple rule that speaks in its place while it does worse.

    Both are judged by the log-loss of what they would have said before each label. The model learns all the while.
    """

    NAME: ClassVar[str]
    VERSION: ClassVar[int] = 2
    PRIOR: ClassVar[float] = 0.01
    """What the rule says of a key without labels."""

    def __init__(self) -> None:
        self.model = self.fresh()
        self.rule = RecentRate(self.PRIOR)
        self.judgement = Judgement()

    @property
    def state(self) -> GuardState:
        """Return who speaks."""
        return self.judgement.state

    @property
    def falls(self) -> int:
        """Return how often the rule had to step in."""
        return self.judgement.falls

    @staticmethod
    @abstractmethod
    def fresh() -> M:
        """Return a model that has learned nothing."""

    @staticmethod
    @abstractmethod
    def restored(state: State) -> M:
        """Return the model that a snapshot was taken of."""

    @staticmethod
    def unexplained(model: M, x: X) -> float:
        """Return the score alone of what the model says, where it can do without the reasons."""
        return model.score(x).score

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
        return Scored(self.chance(rate), (Reason("recent_rate", rate, self.PRIOR, self._distance(x, rate)),))

    def value(self, x: X) -> float:
        """Return the score alone: its reasons cost more than it does."""
        value = self._value_of_model(x)
        spoken = value is not None and self.state is GuardState.MODEL
        return value if value is not None and spoken else self.chance(self.rule.rate(self.key(x)))

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
        value = self._value_of_model(x)
        model_loss = None if value is None else _loss(self.chance(value), one)
        rule_loss = _loss(self.rule.rate(key), one)
        self.model.learn(x, y)
        self.rule.learn(key, one)
        self.judgement.judge(model_loss, rule_loss)

    def _of_model(self, x: X) -> Scored | None:
        """Return the model's score, None where it fails or says what is no probability."""
        try:
            scored = self.model.score(x)
        except (ArithmeticError, LookupError):
            return None
        return scored if 0 <= scored.score <= 1 else None

    def _value_of_model(self, x: X) -> float | None:
        """Return the same without its reasons."""
        try:
            value = self.unexplained(self.model, x)
        except (ArithmeticError, LookupError):
            return None
        return value if 0 <= value <= 1 else None

    def _distance(self, x: X, rate: float) -> float:
        usual = self.PRIOR
        return (rate - usual) / math.sqrt(usual * (1 - usual) / (self.rule.labels(self.key(x)) + 1))

    def snapshot(self) -> State:
        """Return the state of the model, of the rule, and of the judgement between them."""
        return {
            "model": self.model.snapshot(),
            "rule": self.rule.snapshot(),
            "judgement": self.judgement.snapshot(),
        }

    @classmethod
    def restore(cls, state: State) -> Self:
        """Return the guard that `snapshot` was taken of."""
        known = cast("dict[str, Any]", state)
        guard = cls()
        guard.model = cls.restored(known["model"])
        guard.rule = RecentRate.restore(known["rule"], cls.PRIOR)
        guard.judgement = Judgement.restore(known["judgement"])
        return guard


def _loss(chance: float, one: bool) -> float:
    """Return the log-loss, of at most 1 in a thousand against, as a share of the worst."""
    told = chance if one else 1 - chance
    return -math.log(min(max(told, _CLIP), 1.0)) / _WORST
