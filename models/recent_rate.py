"""The simple rule that stands beside a model of labels: the share of 1 among the last of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from models.base import State


class RecentRate:
    """The share of 1 among the last labels of a key, with a prior that weighs one label."""

    __slots__ = ("_last", "_prior")

    MOST = 512
    """Keys; the one without a label for longest leaves first."""
    LABELS = 63  # as bits under a leading 1, in one number of 64 bits

    def __init__(self, prior: float = 0.01) -> None:
        self._last: dict[int, int] = {}
        self._prior = prior

    def rate(self, key: int) -> float:
        """Return the share of 1; the prior for a key without labels."""
        labels = self.labels(key)
        ones = (self._last.get(key, 1) & ~(1 << labels)).bit_count()
        return (ones + self._prior) / (labels + 1)

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
    def restore(cls, state: State, prior: float = 0.01) -> RecentRate:
        """Return what `snapshot` was taken of."""
        rule = cls(prior)
        flat = cast("list[int]", state)
        rule._last = dict(zip(flat[::2], flat[1::2], strict=True))
        return rule
