"""The ids of inputs that have been processed: what a writer that was restarted sends again is noticed by them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import msgspec

from tables import keys
from tables.unreadable import decoded

if TYPE_CHECKING:
    from tables.store import Rows, RowStore

_VERSION = 1
KEPT = 200_000  # ids of a partition: more than any writer may send again


class IdTable:
    """Own the rows of ids, each with those that came between two snapshots."""

    def __init__(self, store: RowStore, kept: int = KEPT) -> None:
        self._store = store
        self._kept = kept
        self._seen: set[bytes] = set()
        self._parts: deque[tuple[int, list[bytes]]] = deque()  # in order of their numbers
        self._new: list[bytes] = []
        self._number = 0

    def __len__(self) -> int:
        return len(self._seen)

    def load(self) -> None:
        """Read all rows."""
        for key, row in self._store.scan(keys.IDS):
            _, ids = decoded(key, row, _decode, _VERSION)
            self._number = int(key[-16:], 16)
            self._parts.append((self._number, ids))
            self._seen.update(ids)

    def is_again(self, output_id: str) -> bool:
        """Say whether an input with this id (32 hex digits) was processed before; from now on it was."""
        try:
            known = bytes.fromhex(output_id)
        except ValueError:
            known = output_id.encode()[:64]
        if known in self._seen:
            return True
        self._seen.add(known)
        self._new.append(known)
        return False

    def snapshot(self, rows: Rows) -> None:
        """Add to `rows` the ids since the last snapshot, and forget the oldest beyond the limit."""
        if not self._new:
            return
        self._number += 1
        self._parts.append((self._number, self._new))
        rows[keys.ids(self._number)] = msgspec.msgpack.encode((_VERSION, self._new))
        self._new = []
        while len(self._seen) > self._kept and len(self._parts) > 1:
            number, oldest = self._parts.popleft()
            self._seen.difference_update(oldest)
            rows[keys.ids(number)] = None


_decode = msgspec.msgpack.Decoder(tuple[int, list[bytes]]).decode
