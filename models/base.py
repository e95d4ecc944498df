"""What every online model keeps to.

Two verbs: `score` never learns and `learn` never scores, and an input is scored before it is learned from. A model is
given one tenant's inputs in the order of their times, keeps a bounded amount of memory, and comes to the same scores
whether or not it was snapshotted and restored in between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, Self, TypeVar

import msgspec

X = TypeVar("X", contravariant=True)
"""What a model looks at."""

State = None | bool | int | float | str | bytes | Sequence["State"] | Mapping[str, "State"]
"""What a snapshot consists of: what msgpack writes and nothing that could run when it is read."""


class Reason(msgspec.Struct, frozen=True):
    """One feature behind a score, and how far it is from its usual."""

    feature: str
    value: float
    usual: float
    distance: float  # in the feature's usual deviations, signed


class Scored(msgspec.Struct, frozen=True):
    """A score in [0, 1], and the features that weigh most in it, the weightiest first."""

    score: float
    reasons: tuple[Reason, ...] = ()


class OnlineModel(Protocol[X]):
    """A model that learns one input at a time."""

    NAME: ClassVar[str]
    VERSION: ClassVar[int]
    """Of the form of its snapshots: one that another version made is not restored."""

    def score(self, x: X) -> Scored:
        """Return what the model makes of `x`; the same as long as nothing is learned.

        Raises:
            ValueError: for a value that is no finite number.
        """

    def learn(self, x: X, y: float | None = None) -> None:
        """Take `x` in, and the truth `y` about it where the model wants one.

        Raises:
            ValueError: for a value that is no finite number; nothing was learned then.
        """

    def snapshot(self) -> State:
        """Return everything the model knows."""

    @classmethod
    def restore(cls, state: State) -> Self:
        """Return the model that `snapshot` was taken of."""


def finite(value: float, what: str = "value") -> float:
    """Return `value`, or raise ValueError where it is NaN or infinite."""
    if not math.isfinite(value):
        raise ValueError(f"{what} is {value}: a model takes finite numbers")
    return value
