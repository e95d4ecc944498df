"""Rows as a reader takes them: of an alert's row and its counters, the newer of each field.

How often a snapshot was taken decides which alerts have counters of their own, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tables import keys

if TYPE_CHECKING:
    from collections.abc import Mapping


def merged(rows: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return `rows` with the counters of each alert put into its row."""
    whole = {key: row for key, row in rows.items() if key[:1] != keys.COUNTERS}
    for key, row in rows.items():
        if key[:1] == keys.COUNTERS:
            alert = keys.ALERT + key[1:]
            fields: list[Any] = msgspec.msgpack.decode(whole[alert])
            counters: list[Any] = msgspec.msgpack.decode(row)
            whole[alert] = msgspec.msgpack.encode(counters + fields[len(counters) :])
    return whole
