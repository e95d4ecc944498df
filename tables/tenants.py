"""How a tenant stands with what suppresses its alerts: one row for each, beside the names it has used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tables import keys
from tables.unreadable import decoded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tables.store import RowStore

_VERSION = 1


class TenantState(msgspec.Struct, array_like=True):
    """What has to be kept of a tenant; the parts as their owners snapshot them."""

    pulse: Any
    throttle: Any
    budget: Any
    hidden: Any
    ended: dict[str, int]
    reminded: dict[str, int]
    in_window: dict[str, tuple[int, Any]]
    seen_switch: dict[str, int]
    missing: dict[str, int]
    budget_told: int
    had_identity_rules: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, TenantState]).decode


def tenant_states(store: RowStore) -> Iterator[tuple[str, TenantState]]:
    """Yield every tenant's name and state, by name."""
    for key, row in store.scan(keys.TENANT + b"\0"):
        yield keys.tenant_of(key), decoded(key, row, _decode, _VERSION)[1]


def tenant_row(state: TenantState) -> bytes:
    """Return the row to store."""
    return _encode((_VERSION, state))


def names_met(store: RowStore) -> Iterator[tuple[str, str]]:
    """Yield (tenant, alert name) of every name that was met; the row says when."""
    for key, _ in store.scan(keys.NAME + b"\0"):
        yield keys.tenant_of(key), keys.rest_of(key)
