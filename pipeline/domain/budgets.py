"""How much is hidden in a day (UTC): what adaptive suppression may hide, and what each suppressor did hide."""

from __future__ import annotations

from enum import StrEnum

import msgspec

DAY = 24 * 3600 * 1000  # ms
SUPPRESSORS = 1000  # how many are counted on their own
OTHER = "other"  # what all the rest is counted as

BudgetState = tuple[int, int, bool, bool]
HiddenState = tuple[int, list[tuple[str, int]]]


class BudgetEvent(StrEnum):
    """What a tenant should hear of its budget, each at most once a day."""

    WARNED = "warned"
    EXHAUSTED = "exhausted"


class BudgetPolicy(msgspec.Struct, frozen=True):
    """How many changes adaptive suppression may hide in a day, and at which share of that it is told."""

    suppressed_per_day: int = 100_000
    warn_at: float = 0.8

    @property
    def warned_from(self) -> int:
        """Return how many hidden changes are a warning."""
        # By thousandths: 0.7 of 10 is 7, and as floating-point numbers it is a little more.
        return max(1, -(-self.suppressed_per_day * round(self.warn_at * 1000) // 1000))


class Budget:
    """What of one tenant's budget is spent today."""

    __slots__ = ("_day", "_exhausted", "_policy", "_warned", "_warned_from", "spent")

    def __init__(self, policy: BudgetPolicy) -> None:
        self._policy = policy
        self._warned_from = policy.warned_from
        self._day = 0
        self.spent = 0
        self._warned = self._exhausted = False  # that it was told

    @property
    def policy(self) -> BudgetPolicy:
        """Return what is in force; with a larger budget it may be warned and exhausted once more."""
        return self._policy

    @policy.setter
    def policy(self, policy: BudgetPolicy) -> None:
        self._policy = policy
        self._warned_from = policy.warned_from
        self._warned &= self.spent >= self._warned_from
        self._exhausted &= self.spent >= policy.suppressed_per_day

    def spend(self, now: int) -> BudgetEvent | None:
        """Count one change that adaptive suppression hid at `now`, and return what is to be told of it.

        A time on a day that is over counts for today.
        """
        if now // DAY > self._day:
            self._day = now // DAY
            self.spent = 0
            self._warned = self._exhausted = False
        self.spent += 1
        if not self._exhausted and self.spent >= self._policy.suppressed_per_day:
            self._exhausted = self._warned = True
            return BudgetEvent.EXHAUSTED
        if not self._warned and self.spent >= self._warned_from:
            self._warned = True
            return BudgetEvent.WARNED
        return None

    def is_exhausted(self, now: int) -> bool:
        """Say whether adaptive suppression may hide nothing more today."""
        spent = 0 if now // DAY > self._day else self.spent
        return spent >= self._policy.suppressed_per_day

    def snapshot(self) -> BudgetState:
        """Return all there is to keep, as what msgpack can write."""
        return self._day, self.spent, self._warned, self._exhausted

    @classmethod
    def restored(cls, state: BudgetState, policy: BudgetPolicy) -> Budget:
        """Return what `snapshot` was taken of, under the policy that is in force now."""
        budget = cls(policy)
        budget._day, budget.spent, budget._warned, budget._exhausted = state
        budget.policy = policy
        return budget


class HiddenPerDay:
    """How many changes each suppressor ("silence:ID", "storm", …) of one tenant's hid today."""

    __slots__ = ("_counts", "day")

    def __init__(self, day: int = 0) -> None:
        self.day = day  # days since 1970
        self._counts: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._counts)

    def hide(self, suppressor: str) -> None:
        """Count one change that `suppressor` hid."""
        counts = self._counts
        if suppressor not in counts and len(counts) >= SUPPRESSORS:
            suppressor = OTHER
        counts[suppressor] = counts.get(suppressor, 0) + 1

    def close(self, day: int) -> dict[str, int]:
        """Begin `day` and return what was counted before, by suppressor; nothing if it is no later day."""
        if day <= self.day:
            return {}
        closed = dict(sorted(self._counts.items()))
        self.day, self._counts = day, {}
        return closed

    def snapshot(self) -> HiddenState:
        """Return all there is to keep, as what msgpack can write."""
        return self.day, list(self._counts.items())

    @classmethod
    def restored(cls, state: HiddenState) -> HiddenPerDay:
        """Return what `snapshot` was taken of."""
        day, counts = state
        hidden = cls(day)
        hidden._counts = dict(counts)
        return hidden
