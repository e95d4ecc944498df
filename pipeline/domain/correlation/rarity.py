"""How much it says that two alerts share a label value: much for a rare one, nothing for one that all have."""

from __future__ import annotations

from typing import Final

from pipeline.domain.top_values import Frequent

PLACES: Final = 2048  # label values whose frequency is known
_BEFORE: Final = 8  # changes taken as seen without the value: the first alert's values are not yet ubiquitous


class Rarity:
    """How many changes had each label value."""

    __slots__ = ("_frequent", "_total")

    def __init__(self) -> None:
        self._frequent: Frequent[str] = Frequent(PLACES)
        self._total = 0

    def learn(self, keys: list[str]) -> None:
        """Count the values of one change."""
        self._total += 1
        self._frequent.add_each(keys)

    def of(self, key: str) -> float:
        """Return 1 - share², where share is the part of all changes that have the value."""
        return self.of_each([key])[0][1]

    def of_each(self, keys: list[str]) -> list[tuple[str, float]]:
        """Return the keys, each with what `of` says of it."""
        counts, changes = self._frequent.counts, self._total + _BEFORE
        found = []
        for key in keys:
            share = min(1.0, counts.get(key, 0) / changes)
            found.append((key, 1.0 - share * share))
        return found

    def snapshot(self) -> list[object]:
        """Return all there is to keep."""
        error, counts = self._frequent.snapshot()
        return [self._total, error, [list(one) for one in counts]]

    def restore(self, state: list[object]) -> None:
        """Take over what `snapshot` returned."""
        self._total, error, counts = state  # type: ignore[assignment]
        self._frequent.restore(error, [(key, count) for key, count in counts])  # type: ignore[arg-type, attr-defined]
