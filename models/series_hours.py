"""What is usual at an hour of the day."""

from __future__ import annotations

HoursState = tuple[int, float, int | None, list[float | None]]

_HOUR = 3_600_000  # ms
_DAILY = 0.3  # how far an hour's usual moves to what it was on one day, however many points that day had
_SHORTEST = 30_000  # ms that a point stands for at least, and an hour at most
_WILD = 10.0  # times the mean distance; nothing pulls harder, lest an incident be expected again the day after
_MEMORY = 1000  # values


class Hours:
    """The mean of each hour of the day in UTC, learned a little with every point: any pattern of a day.

    A series that knows no hours loses little: its residual is the distance from a mean that follows slowly.
    """

    __slots__ = ("_apart", "_at", "_count", "_usual")

    def __init__(self, state: HoursState | None = None) -> None:
        self._count, self._apart, self._at, self._usual = state or (0, 0.0, None, [None] * 24)

    def state(self) -> HoursState:
        """Return what it is made of."""
        return self._count, self._apart, self._at, list(self._usual)

    def usual(self, at: int) -> float | None:
        """Return what is usual at the hour of `at`, ms since 1970; None if that hour was never met."""
        return self._usual[at // _HOUR % 24]

    def learn(self, at: int, value: float) -> None:
        """Take a value in."""
        hour = at // _HOUR % 24
        usual = self._usual[hour]
        self._count = min(self._count + 1, _MEMORY)
        since = at - self._at if self._at is not None else _SHORTEST
        self._at = at
        if usual is None:
            self._usual[hour] = value
            return
        pull = 1.0 - (1.0 - _DAILY) ** (min(_HOUR, max(_SHORTEST, since)) / _HOUR)
        apart = value - usual
        heard = min(abs(apart), _WILD * self._apart) if self._apart > 0.0 else abs(apart)
        self._usual[hour] = usual + pull * (heard if apart > 0.0 else -heard)
        self._apart += (abs(apart) - self._apart) / self._count
