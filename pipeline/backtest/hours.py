"""How many changes are to be seen in each hour, in two runs."""

from __future__ import annotations

from typing import Final

HOUR: Final = 3_600_000  # ms
_PARTS: Final = 10_000  # fourteen months; a longer run is counted in parts of several hours


class Hours:
    """Changes that are to be seen, in each hour; of a very long run in parts of several hours."""

    def __init__(self) -> None:
        self.width = HOUR
        self._counts: dict[int, list[int]] = {}

    def add(self, at: int, *, now: bool, candidate: bool) -> None:
        """Count a change that is to be seen in one run or in both."""
        counts = self._counts.get(at // self.width)
        if counts is None:
            if len(self._counts) >= _PARTS:
                self._widen()
            counts = self._counts.setdefault(at // self.width, [0, 0])
        counts[0] += now
        counts[1] += candidate

    def _widen(self) -> None:
        self.width *= 2
        wide: dict[int, list[int]] = {}
        for part, (now, candidate) in self._counts.items():
            counts = wide.setdefault(part // 2, [0, 0])
            counts[0] += now
            counts[1] += candidate
        self._counts = wide

    def rows(self) -> list[tuple[int, int, int]]:
        """Return when each part begins (ms) that has a change, and how many are seen now and with the candidate."""
        return [(part * self.width, now, candidate) for part, (now, candidate) in sorted(self._counts.items())]
