"""Rows as a reader takes them: of an alert's row and all that is written of its counters, the newest.

How often a snapshot was taken decides which alerts have counters of their own, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tables import keys

NUMBER = 1  # the place of a row's number, which depends on how many snapshots there were
PLACES = (4, 5, 7, 8, 9, 10, 11, 12)  # of open, count, last_seen, last_event, ends_at, value, told_at, told_count

if TYPE_CHECKING:
    from collections.abc import Mapping


def merged(rows: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return `rows` with the newest counters of each alert in its row, and without the rows' numbers."""
    whole = {key: row for key, row in rows.items() if key[:1] not in (keys.COUNTERS, keys.ALERT)}
    alerts: dict[bytes, list[Any]] = {
        key: msgspec.msgpack.decode(row) for key, row in rows.items() if key[:1] == keys.ALERT
    }
    for key in sorted((key for key in rows if key[:1] == keys.COUNTERS), key=keys.number_of):
        _, number, entries = msgspec.msgpack.decode(rows[key])
        for entry in entries:
            fields = alerts.get(entry[0])
            if fields is not None and fields[NUMBER] < number:
                for place, value in zip(PLACES, entry[1:], strict=True):
                    fields[place] = value
    for key, fields in alerts.items():
        whole[key] = msgspec.msgpack.encode([*fields[:NUMBER], *fields[NUMBER + 1 :]])
    return whole
