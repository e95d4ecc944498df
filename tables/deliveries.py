"""Deliveries seen lately: a sender's own id for a record, so that its second copy is known as one."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from pipeline.domain.timers import second_of
from tables import keys

if TYPE_CHECKING:
    from pipeline.domain.timers import TimerWheel
    from tables.store import Rows, RowStore


class DeliveryTable:
    """Own the rows of deliveries: key -> when it was first seen, 8 bytes."""

    def __init__(self, store: RowStore, timers: TimerWheel, period_ms: int, capacity: int = 1 << 62) -> None:
        self._store = store
        self._timers = timers
        self._period = period_ms
        self.capacity = capacity
        self._seen: dict[bytes, int] = {}
        self._changed: Rows = {}
        self._complete = True  # every row is in `_seen`: a miss needs no look at the store

    def __len__(self) -> int:
        return len(self._seen)

    def load(self) -> None:
        """Read all rows and arm their timers."""
        for key, value in self._store.scan(keys.DELIVERY + b"\0"):
            at = int.from_bytes(value, "big")
            self._timers.arm(second_of(at + self._period + 1), key)
            if len(self._seen) < self.capacity:
                self._seen[key] = at
            else:
                self._complete = False

    def is_again(self, key: bytes, at: int) -> bool:
        """Say whether this delivery was seen within the period before `at`; if not, it is seen now."""
        first = self._first_seen(key)
        if first is not None and at - first <= self._period:
            return True
        self._seen[key] = at
        self._changed[key] = at.to_bytes(8, "big")
        self._timers.arm(second_of(at + self._period + 1), key)
        return False

    def expire(self, key: bytes, now: int) -> None:
        """Forget the delivery at `key` if its time is over."""
        first = self._first_seen(key)
        if first is not None and now - first > self._period:
            self._seen.pop(key, None)
            self._changed[key] = None

    def snapshot(self, rows: Rows) -> None:
        """Add to `rows` everything that changed since the last snapshot."""
        rows.update(self._changed)
        self._changed = {}

    def shrink(self) -> None:
        """Let go of the oldest deliveries beyond the capacity. Call it after a snapshot."""
        excess = len(self._seen) - self.capacity
        if excess > 0:
            for key in list(islice(self._seen, excess)):
                del self._seen[key]
            self._complete = False

    def _first_seen(self, key: bytes) -> int | None:
        first = self._seen.get(key)
        if first is not None or self._complete or key in self._changed:
            return first
        value = self._store.get(key)
        return None if value is None else int.from_bytes(value, "big")
