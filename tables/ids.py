"""The ids of inputs that have been processed: what a writer that was restarted sends again is noticed by them.

All tenants of a partition share the room. Where it is full, the tenant with the most ids forgets its oldest, so one
that sends much pushes out nobody's but its own: a tenant with no more than an equal share forgets none.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from tables import keys
from tables.unreadable import decoded

if TYPE_CHECKING:
    from tables.store import Rows, RowStore

_VERSION = 2
KEPT: Final = 200_000  # ids of a partition: more than any writer may send again
FLOOR: Final = 64
"""Ids of a row, and what every tenant keeps at least, unless it is one of those too many that came longest ago."""


@dataclass(slots=True)
class _Ids:
    """The ids of one tenant, those that came together in one row, the newest last; every row but the last is full."""

    seen: set[bytes] = field(default_factory=set)
    parts: deque[list[bytes]] = field(default_factory=deque)
    first: int = 0  # the number of the oldest row
    unwritten: int = 0  # the number of the oldest row that the store does not have as it is
    newest: int = 0  # how many ids had come to the partition with its newest one


class IdTable:
    """Own the rows of ids. What is forgotten follows from the ids in their order, whenever snapshots are taken."""

    def __init__(self, store: RowStore, kept: int = KEPT) -> None:
        """Keep at most `kept` ids, of at most `kept / 128` tenants: so the largest has two full rows at least."""
        self._store = store
        self._kept = kept
        self._most = max(1, kept // (2 * FLOOR))
        self._tenants: dict[str, _Ids] = {}  # the one whose newest id came last is the last
        self._total = 0
        self._came = 0
        self._changed: dict[str, None] = {}
        self._gone: list[bytes] = []

    def __len__(self) -> int:
        return self._total

    def load(self) -> None:
        """Read all rows."""
        found: dict[str, _Ids] = {}
        for key, row in self._store.scan(keys.IDS):
            _, newest, part = decoded(key, row, _decode, _VERSION)
            tenant, number = keys.tenant_of(key), int(keys.rest_of(key), 16)
            ids = found.setdefault(tenant, _Ids(first=number))
            ids.parts.append(part)
            ids.seen.update(part)
            ids.unwritten = number  # which may yet be filled
            ids.newest = max(ids.newest, newest)
            self._total += len(part)
            self._came = max(self._came, newest)
        self._tenants = dict(sorted(found.items(), key=lambda one: one[1].newest))

    def is_again(self, tenant: str, output_id: str) -> bool:
        """Say whether an input of a tenant with this id (32 hex digits) was processed before; from now on it was."""
        try:
            known = bytes.fromhex(output_id)
        except ValueError:
            known = output_id.encode()[:64]
        ids = self._tenants.get(tenant)
        if ids is None:
            ids = _Ids()
        elif known in ids.seen:
            return True
        self._tenants.pop(tenant, None)
        self._tenants[tenant] = ids
        ids.seen.add(known)
        if not ids.parts or len(ids.parts[-1]) >= FLOOR:
            ids.parts.append([])
        ids.parts[-1].append(known)
        self._total += 1
        self._came += 1
        ids.newest = self._came
        self._changed[tenant] = None
        if self._total > self._kept or len(self._tenants) > self._most:
            self._forget()
        return False

    def _forget(self) -> None:
        """Keep within the bounds."""
        while len(self._tenants) > self._most:
            longest_ago = next(iter(self._tenants))
            while self._tenants[longest_ago].parts:
                self._forget_oldest(longest_ago)
            del self._tenants[longest_ago]
            self._changed.pop(longest_ago, None)
        while self._total > self._kept:
            self._forget_oldest(max(self._tenants, key=lambda one: (len(self._tenants[one].seen), one)))

    def _forget_oldest(self, tenant: str) -> None:
        """Forget the oldest row of a tenant."""
        ids = self._tenants[tenant]
        oldest = ids.parts.popleft()
        ids.seen.difference_update(oldest)
        self._total -= len(oldest)
        self._gone.append(keys.ids(tenant, ids.first))
        ids.first += 1

    def snapshot(self, rows: Rows) -> None:
        """Add to `rows` the ids since the last snapshot, and take out what was forgotten."""
        for key in self._gone:  # first: a tenant that was forgotten and came again has its rows anew
            rows[key] = None
        for tenant in self._changed:
            ids = self._tenants[tenant]
            ids.unwritten = max(ids.unwritten, ids.first)
            for number in range(ids.unwritten, ids.first + len(ids.parts)):
                rows[keys.ids(tenant, number)] = _encode((_VERSION, ids.newest, ids.parts[number - ids.first]))
            ids.unwritten = ids.first + len(ids.parts) - 1
        self._changed.clear()
        self._gone.clear()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, int, list[bytes]]).decode
