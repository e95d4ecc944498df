"""How far a tenant's misplaced records were sent on: what makes sending one on twice harmless.

Records of one partition are sent on in the order of their offsets, so the highest offset seen from a
partition says of every other record from there whether it has been here before. Kept per tenant: a header
that lies harms its own tenant only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tables import keys

if TYPE_CHECKING:
    from tables.store import Rows, RowStore


_KEPT = 100_000


class ForwardTable:
    """Own the rows of forwards: (tenant, partition it came from) -> highest offset, 8 bytes."""

    def __init__(self, store: RowStore) -> None:
        self._store = store
        self._highest: dict[bytes, int] = {}
        self._changed: Rows = {}

    def is_again(self, tenant: str, partition: int, offset: int) -> bool:
        """Say whether the record from `partition` at `offset` was here before; if not, it is now."""
        key = keys.forward(tenant, partition)
        highest = self._highest.get(key)
        if highest is None:
            stored = self._changed.get(key) or self._store.get(key)
            highest = -1 if stored is None else int.from_bytes(stored, "big")
        if offset <= highest:
            return True
        if len(self._highest) >= _KEPT:
            self._highest.clear()  # the store knows them, and what is not in it yet is in `_changed`
        self._highest[key] = offset
        self._changed[key] = offset.to_bytes(8, "big")
        return False

    def snapshot(self, rows: Rows) -> None:
        """Add to `rows` everything that changed since the last snapshot."""
        rows.update(self._changed)
        self._changed = {}
