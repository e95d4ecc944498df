"""The newest version of every control record of a partition's tenants, and the records that are about to be applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tables import keys
from tables.unreadable import decoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.schemas.records import Record
    from tables.store import Rows, RowStore

_VERSION = 1


class Pending(msgspec.Struct, frozen=True, array_like=True):
    """A record of the control topic as it came, for a step that has yet to apply it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


_encode = msgspec.msgpack.Encoder().encode
_decode_rule = msgspec.msgpack.Decoder(tuple[int, int, bytes]).decode
_decode_pending = msgspec.msgpack.Decoder(tuple[int, list[Pending]]).decode


class ControlTable:
    """Own the rows of control records: key -> when it was taken in (ms), and the record's value."""

    def __init__(self, store: RowStore) -> None:
        self._store = store
        self._changed: Rows = {}

    def pending(self) -> list[Pending]:
        """Return what was taken in and, as far as the state knows, not applied."""
        row = self._store.get(keys.PENDING_CONTROL)
        return [] if row is None else decoded(keys.PENDING_CONTROL, row, _decode_pending, _VERSION)[1]

    def put_pending(self, records: Sequence[Record]) -> list[Pending]:
        """Keep records until they are applied."""
        kept = [Pending(one.offset, one.timestamp, one.key, one.value, list(one.headers)) for one in records]
        self._changed[keys.PENDING_CONTROL] = _encode((_VERSION, kept))
        return kept

    def drop_pending(self) -> None:
        """Forget the records that were to be applied."""
        self._changed[keys.PENDING_CONTROL] = None

    def rules(self) -> Iterator[tuple[str, bytes, int, bytes]]:
        """Yield (tenant, the record's key, when it was taken in, value) of every record, tombstones aside, by key."""
        for key, row in self._store.scan(keys.CONTROL + b"\0"):
            _, at, value = decoded(key, row, _decode_rule, _VERSION)
            tenant = keys.tenant_of(key)
            yield tenant, f"{tenant}/{keys.rest_of(key)}".encode(), at, value

    def value(self, tenant: str, kind: str, rule_id: str) -> bytes | None:
        """Return the newest version of a record."""
        key = keys.control(tenant, kind, rule_id)
        row = self._changed[key] if key in self._changed else self._store.get(key)
        return None if row is None else decoded(key, row, _decode_rule, _VERSION)[2]

    def put(self, tenant: str, kind: str, rule_id: str, at: int, value: bytes | None) -> None:
        """Keep a version as the newest; None forgets the record."""
        row = None if value is None else _encode((_VERSION, at, value))
        self._changed[keys.control(tenant, kind, rule_id)] = row

    def snapshot(self, rows: Rows) -> None:
        """Add to `rows` everything that changed since the last snapshot."""
        rows.update(self._changed)
        self._changed = {}
