"""ADWIN: when the mean of a stream of numbers has risen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from models.base import State


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
