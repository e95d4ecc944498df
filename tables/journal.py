"""What an agent knows of each tenant: written whole now and then, and in between what has happened since.

What is learned from every input would have to be written whole at every checkpoint. Here a checkpoint writes the
inputs, and now and then all of it: whoever restores it takes the last whole and lets what happened since happen again,
which gives the same, for all that happens to it follows from its inputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar
from zlib import crc32

import msgspec

from tables import keys
from tables.unreadable import decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tables.store import Rows, RowStore

_VERSION = 1
MOST = 2_000  # entries between two whole ones: what a restore lets happen again
LONGEST = 60_000  # ms between two whole ones

Entry = TypeVar("Entry")


class _Part(msgspec.Struct):
    """What is in the store of a tenant beside its whole, and what is not yet."""

    numbers: list[int]
    entries: int
    whole_at: int
    new: list[bytes]


class Journal(Generic[Entry]):
    """Own the rows of wholes and of what happened since. Entries are what msgpack reads back as `kind`.

    Two journals in one store differ in the kinds of their keys, `whole` and `since`; `longest` is in ms.
    """

    def __init__(
        self,
        store: RowStore,
        kind: type[Entry],
        *,
        whole: bytes = keys.KNOWN,
        since: bytes = keys.JOURNAL,
        longest: int = LONGEST,
    ) -> None:
        self._store = store
        self._whole = whole
        self._since = since
        self._longest = longest
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self._decode_whole = msgspec.msgpack.Decoder(tuple[int, int, bytes]).decode
        self._decode_part = msgspec.msgpack.Decoder(tuple[int, list[bytes]]).decode
        self._parts: dict[str, _Part] = {}
        self._number = 0
        self._changed: dict[str, None] = {}  # in the order in which something happened to them: any run writes the same
        self._due: set[str] = set()

    def load(self) -> Iterator[tuple[str, bytes | None, list[Entry]]]:
        """Yield (tenant, whole, what happened since in order) of every tenant."""
        wholes: dict[str, tuple[int, bytes]] = {}
        for key, row in self._store.scan(self._whole + b"\0"):
            _, at, known_then = decoded(key, row, self._decode_whole, _VERSION)
            wholes[keys.tenant_of(key)] = at, known_then
        since: dict[str, list[Entry]] = {tenant: [] for tenant in wholes}
        numbers: dict[str, list[int]] = {}
        for key, row in self._store.scan(self._since + b"\0"):
            tenant, number = keys.tenant_of(key), int(keys.rest_of(key), 16)
            _, entries = decoded(key, row, self._decode_part, _VERSION)
            since.setdefault(tenant, []).extend(map(self._decode, entries))
            numbers.setdefault(tenant, []).append(number)
            self._number = max(self._number, number)
        for tenant, entries_since in sorted(since.items()):
            known = wholes.get(tenant)
            whole_at = 0 if known is None else known[0]
            self._parts[tenant] = _Part(numbers.get(tenant, []), len(entries_since), whole_at, [])
            yield tenant, None if known is None else known[1], entries_since

    def read(self, tenant: str) -> tuple[bytes | None, list[Entry]]:
        """Return the whole of one tenant and what happened since, as of the last snapshot that is in the store."""
        whole_key = keys.known(tenant, self._whole)
        row = self._store.get(whole_key)
        whole = None if row is None else decoded(whole_key, row, self._decode_whole, _VERSION)[2]
        since: list[Entry] = []
        for number in self._parts[tenant].numbers if tenant in self._parts else ():
            key = keys.journal(tenant, number, self._since)
            part = self._store.get(key)
            if part is not None:
                since.extend(map(self._decode, decoded(key, part, self._decode_part, _VERSION)[1]))
        return whole, since

    def is_written(self, tenant: str) -> bool:
        """Say whether the last snapshot holds all that happened to a tenant."""
        return tenant not in self._changed

    def happened(self, tenant: str, entry: Entry, now: int) -> None:
        """Keep what happens to a tenant."""
        part = self._parts.get(tenant)
        if part is None:
            # Not all tenants of a partition at once.
            part = self._parts[tenant] = _Part([], 0, now - crc32(tenant.encode()) % self._longest, [])
        part.new.append(self._encode(entry))
        self._changed[tenant] = None

    def write_whole(self, tenant: str) -> None:
        """See to it that the next snapshot holds all of a tenant: something happened to it that is no entry."""
        self._parts.setdefault(tenant, _Part([], 0, 0, []))
        self._due.add(tenant)
        self._changed[tenant] = None

    def snapshot(self, rows: Rows, whole_of: Callable[[str], bytes], now: int) -> None:
        """Add to `rows` what happened since the last snapshot, or all of a tenant where it is time for that."""
        for tenant in self._changed:
            part = self._parts[tenant]
            if tenant in self._due or part.entries + len(part.new) >= MOST or now - part.whole_at >= self._longest:
                rows[keys.known(tenant, self._whole)] = self._encode((_VERSION, now, whole_of(tenant)))
                for number in part.numbers:
                    rows[keys.journal(tenant, number, self._since)] = None
                self._parts[tenant] = _Part([], 0, now, [])
                continue
            self._number += 1
            rows[keys.journal(tenant, self._number, self._since)] = self._encode((_VERSION, part.new))
            part.numbers.append(self._number)
            part.entries += len(part.new)
            part.new = []
        self._changed.clear()
        self._due.clear()
