"""What a model sees of a tenant's stream of changes, each as a number in [0, 1]."""

from __future__ import annotations

import math
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar, cast

import msgspec

from models.base import finite

if TYPE_CHECKING:
    from collections.abc import Iterator

    from models.base import State

NAMES = 512
"""Names that are remembered; the one not seen for longest leaves first, and is new when it comes again."""
SERIES = 2048
"""Pairs of name and host, likewise."""
WINDOW_MS = 300_000

_LONGEST = math.log1p(7 * 86_400)
_MOST_NEW = math.log1p(1000)


class StreamInput(msgspec.Struct, frozen=True):
    """One change of one alert."""

    at: int  # milliseconds since 1970
    name: str
    host: str


def number_of(*texts: str) -> int:
    """Return a number that stands for `texts`, however long they are: 8 bytes of BLAKE2b."""
    return int.from_bytes(blake2b("\0".join(texts).encode(), digest_size=8).digest())


key_of = lru_cache(maxsize=64)(number_of)
"""The same for what one change asks for again and again."""


class _Looked(msgspec.Struct, frozen=True):
    """All that is worked out about one change."""

    x: StreamInput
    at: int
    name: int  # the keys
    series: int
    novelty: float  # with this change in it, as it is summed up
    point: tuple[float, float, float]


class LastSeen:
    """When each of at most `most` keys was last seen, the longest ago first."""

    __slots__ = ("_most", "_times")

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: dict[int, int] = {}

    def see(self, key: int, at: int) -> None:
        """Note that `key` is there at `at`, which is no earlier than any time before."""
        self._times.pop(key, None)
        if len(self._times) == self._most:
            del self._times[next(iter(self._times))]
        self._times[key] = at

    def gap(self, key: int, at: int) -> float:
        """Return the time since `key` was seen, on a logarithmic scale: 1 for a week, for longer and for never."""
        last = self._times.get(key)
        if last is None:
            return 1.0
        gap = math.log1p((at - last) / 1000) / _LONGEST
        return gap if gap < 1.0 else 1.0

    def snapshot(self) -> State:
        """Return all there is to keep."""
        return [number for pair in self._times.items() for number in pair]

    @classmethod
    def restore(cls, state: State, most: int) -> LastSeen:
        """Return what `snapshot` was taken of."""
        seen = cls(most)
        seen._times = dict(_pairs(cast("list[int]", state)))
        return seen


class StreamFeatures:
    """Turn a tenant's changes, in the order they come, into numbers in [0, 1].

    A change that comes with an earlier time than one before it counts as being as late as that one.

    name_gap: how long there was no change of that name. series_gap: none of that name on that host. novelty: how much
    in about the last five minutes was new, which is the sum of series_gap, each fading by exp(-age / 5 minutes).
    """

    FEATURES: ClassVar[tuple[str, ...]] = ("name_gap", "series_gap", "novelty")
    SCALES: ClassVar[tuple[float, ...]] = (_LONGEST, _LONGEST, _MOST_NEW)
    """What 1 stands for: the logarithm of 1 + seconds, or for the novelty of 1 + changes that were all new."""

    __slots__ = ("_at", "_looked", "_names", "_novelty", "_series")

    def __init__(self) -> None:
        self._at: int | None = None
        self._looked: _Looked | None = None  # since something was last taken
        self._names = LastSeen(NAMES)
        self._series = LastSeen(SERIES)
        self._novelty = 0.0

    def of(self, x: StreamInput) -> tuple[float, float, float]:
        """Return the numbers of `x`, in the order of FEATURES; nothing is remembered of it.

        Raises:
            ValueError: for a time that is no finite number.
        """
        return self._look(x).point

    def take(self, x: StreamInput) -> tuple[float, float, float]:
        """Remember `x` and return its numbers, as `of` would have before.

        Raises:
            ValueError: as `of`.
        """
        looked = self._look(x)
        self._at, self._novelty, self._looked = looked.at, looked.novelty, None
        self._names.see(looked.name, looked.at)
        self._series.see(looked.series, looked.at)
        return looked.point

    def _look(self, x: StreamInput) -> _Looked:
        """Return what is to be known of `x`: nearly always it is asked for, and then taken."""
        looked = self._looked
        if looked is None or looked.x is not x:
            looked = self._looked = self._look_anew(x)
        return looked

    def _look_anew(self, x: StreamInput) -> _Looked:
        at, before = int(finite(x.at, "time")), self._at
        novelty = 0.0
        if before is not None:
            at = max(at, before)
            novelty = self._novelty * math.exp((before - at) / WINDOW_MS)
        name, series = key_of(x.name), key_of(x.name, x.host)
        gap = self._series.gap(series, at)
        novelty += gap
        new = math.log1p(novelty) / _MOST_NEW
        point = self._names.gap(name, at), gap, new if new < 1.0 else 1.0
        return _Looked(x, at, name, series, novelty, point)

    def snapshot(self) -> State:
        """Return all that is remembered."""
        return [self._at, self._novelty, self._names.snapshot(), self._series.snapshot()]

    @classmethod
    def restore(cls, state: State) -> StreamFeatures:
        """Return what `snapshot` was taken of."""
        at, novelty, names, series = cast("tuple[int | None, float, State, State]", state)
        features = cls()
        features._at, features._novelty = at, novelty
        features._names = LastSeen.restore(names, NAMES)
        features._series = LastSeen.restore(series, SERIES)
        return features


def _pairs(flat: list[int]) -> Iterator[tuple[int, int]]:
    return zip(flat[::2], flat[1::2], strict=True)
