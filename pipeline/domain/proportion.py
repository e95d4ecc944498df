"""A share of cases, and how far the true one may lie from it."""

from __future__ import annotations

import math
from typing import Final

import msgspec

_Z: Final = 1.959963984540054  # of the normal distribution, for 95 %


class Proportion(msgspec.Struct, frozen=True):
    """So many of so many."""

    hits: int
    of: int

    @property
    def value(self) -> float | None:
        """Return the share; None of nothing."""
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the 95 % interval of Wilson (JASA 1927), which holds for few cases too; None of nothing."""
        if not self.of:
            return None
        share, weight = self.hits / self.of, _Z * _Z / self.of
        middle = (share + weight / 2) / (1 + weight)
        reach = math.sqrt(share * (1 - share) * weight + weight * weight / 4) / (1 + weight)
        # Exactly the ends where nothing or all hit, whatever the rounding.
        return (middle - reach if self.hits else 0.0), (middle + reach if self.hits < self.of else 1.0)
