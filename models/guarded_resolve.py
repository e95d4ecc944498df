"""The guard over the times to resolve: quantiles of all ends of late speak while those per name do worse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, cast

from models.base import Scored
from models.guard import GuardState, Judgement
from models.time_to_resolve import LONGEST, Ends, Open, TimeToResolve, seconds_of

if TYPE_CHECKING:
    from models.base import State

_HALF: Final = 0.5
_MOST_OF_THEM: Final = 0.9
_LONGEST: Final = math.log1p(LONGEST)


class GuardedTimeToResolve:
    """The model, and the quantiles of the tenant's last 63 ends, whatever their names, in its place.

    Both are judged by the pinball loss of what they would have said at each opening, with times on a logarithmic scale:
    an hour too much is little for a day and much for a minute.
    """

    NAME: ClassVar[str] = "guarded_time_to_resolve"
    VERSION: ClassVar[int] = 1

    def __init__(self) -> None:
        self.model = TimeToResolve()
        self.judgement = Judgement()

    @property
    def state(self) -> GuardState:
        """Return who speaks."""
        return self.judgement.state

    def forecast(self, x: Open) -> tuple[float, float] | None:
        """Return after how many seconds since it opened `x` will have ended, in 50 and 90 % of cases.

        What is open already counts. None where nothing like it is known.
        """
        told = self._of_model(x)
        if told is not None and self.state is GuardState.MODEL:
            return told
        ends = self.model.ends_of_all()
        after = None if ends is None else ends.after(seconds_of(x.open_for))
        return None if after is None else _quantiles(after)

    def score(self, x: Open) -> Scored:
        """Return the share of alerts like `x` that were over by now, 0 where too few are known."""
        if self.state is GuardState.MODEL:
            return self.model.score(x)
        open_for, ends = seconds_of(x.open_for), self.model.ends_of_all()
        return Scored(0.0) if ends is None else ends.scored(open_for)

    def learn(self, x: Open, y: float | None = None) -> None:
        """Judge both by how long `x` was open, `y` seconds, then let both learn it; nothing happens without `y`.

        Raises:
            ValueError: for what is no time; nothing was learned then.
        """
        seconds_of(x.open_for)
        if y is None:
            return
        seconds, opened = seconds_of(y), Open(x.name)
        told, ends = self._of_model(opened), self.model.ends_of_all()
        by_rule = None if ends is None else _quantiles(ends)
        self.model.learn(opened, seconds)
        if by_rule is not None:
            self.judgement.judge(None if told is None else _loss(seconds, told), _loss(seconds, by_rule))

    def _of_model(self, x: Open) -> tuple[float, float] | None:
        """Return the model's forecast, None where it has none or fails."""
        try:
            ends = self.model.ends_of(x)
            return None if ends is None else _quantiles(ends)
        except (ArithmeticError, LookupError):
            return None

    def snapshot(self) -> State:
        """Return the state of the model, which holds what the rule goes by, and of the judgement between them."""
        return {"model": self.model.snapshot(), "judgement": self.judgement.snapshot()}

    @classmethod
    def restore(cls, state: State) -> Self:
        """Return the guard that `snapshot` was taken of."""
        known = cast("dict[str, Any]", state)
        guard = cls()
        guard.model = TimeToResolve.restore(known["model"])
        guard.judgement = Judgement.restore(known["judgement"])
        return guard


def _quantiles(ends: Ends) -> tuple[float, float]:
    return ends.quantile(_HALF), ends.quantile(_MOST_OF_THEM)


def _loss(came: float, told: tuple[float, float]) -> float:
    """Return the mean pinball loss, in [0, 1]."""
    half, most_of_them = told
    losses, logged = 0.0, math.log1p(came)
    for share, said in ((_HALF, half), (_MOST_OF_THEM, most_of_them)):
        error = (logged - math.log1p(said)) / _LONGEST
        losses += share * error if error > 0 else (share - 1) * error
    return losses / 2
