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


@lru_cache(maxsize=64)  # one change asks for the same few again and again
def key_of(*texts: str) -> int:
    """Return a number that stands for `texts`, however long they are: 8 bytes of BLAKE2b."""
    return int.from_bytes(blake2b("\0".join(texts).encode(), digest_size=8).digest())


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
        return 1.0 if last is None else min(1.0, math.log1p((at - last) / 1000) / _LONGEST)

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

    __slots__ = ("_at", "_names", "_novelty", "_series")

    def __init__(self) -> None:
        self._at: int | None = None
        self._names = LastSeen(NAMES)
        self._series = LastSeen(SERIES)
        self._novelty = 0.0

    def of(self, x: StreamInput) -> tuple[float, float, float]:
        """Return the numbers of `x`, in the order of FEATURES; nothing is remembered of it.

        Raises:
            ValueError: for a time that is no finite number.
        """
        return self._of(self._clock(x), key_of(x.name), key_of(x.name, x.host))

    def take(self, x: StreamInput) -> tuple[float, float, float]:
        """Remember `x` and return its numbers, as `of` would have before.

        Raises:
            ValueError: as `of`.
        """
        at, name, series = self._clock(x), key_of(x.name), key_of(x.name, x.host)
        point = self._of(at, name, series)
        self._novelty = self._faded(at) + point[1]
        self._names.see(name, at)
        self._series.see(series, at)
        self._at = at
        return point

    def _of(self, at: int, name: int, series: int) -> tuple[float, float, float]:
        gap = self._series.gap(series, at)
        novelty = math.log1p(self._faded(at) + gap) / _MOST_NEW
        return self._names.gap(name, at), gap, min(1.0, novelty)

    def _clock(self, x: StreamInput) -> int:
        at = int(finite(x.at, "time"))
        return at if self._at is None else max(at, self._at)

    def _faded(self, at: int) -> float:
        return 0.0 if self._at is None else self._novelty * math.exp((self._at - at) / WINDOW_MS)

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


def in_units(feature: str, value: float) -> float:
    """Return a number of `StreamFeatures` in seconds, or for the novelty in changes that were all new."""
    return math.expm1(value * (_MOST_NEW if feature == "novelty" else _LONGEST))


def _pairs(flat: list[int]) -> Iterator[tuple[int, int]]:
    return zip(flat[::2], flat[1::2], strict=True)
