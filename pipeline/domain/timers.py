"""Timers: a wheel of whole seconds, each holding the keys that want to be looked at then.

A key in a second is a promise to look, not to act: whoever moved on to another second ignores it.
All of one second ring together, in the order of their keys, so that how they were armed changes nothing.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEVER = 1 << 62


def second_of(due_ms: int) -> int:
    """Return the first whole second at which `due_ms` has passed."""
    return -(-due_ms // 1000)


class TimerWheel:
    """Keys by the second at which they ring."""

    def __init__(self) -> None:
        self._keys: dict[int, list[bytes]] = {}
        self._seconds: list[int] = []  # a heap of the seconds in `_keys`
        self.next_ms = _NEVER  # nothing rings before this

    def __len__(self) -> int:
        return sum(map(len, self._keys.values()))

    def arm(self, second: int, key: bytes) -> None:
        """Let `key` ring at `second`."""
        keys = self._keys.get(second)
        if keys is not None:
            keys.append(key)
            return
        self._keys[second] = [key]
        heappush(self._seconds, second)
        self.next_ms = self._seconds[0] * 1000

    def due(self, now_ms: int) -> Iterator[tuple[int, list[bytes]]]:
        """Yield each second up to `now_ms` with its keys, oldest first; what is armed meanwhile may ring too."""
        while self.next_ms <= now_ms:
            second = heappop(self._seconds)
            keys = self._keys.pop(second)
            self.next_ms = self._seconds[0] * 1000 if self._seconds else _NEVER
            keys.sort()
            yield second, keys
