"""Rows as a reader takes them: of an alert's row and all that is written of its counters, the newest; of what was
learned, all there is.

How often a snapshot was taken decides which alerts have counters of their own, and which part of what was learned is in
a journal, and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from agents.rates import Rates
from agents.scoring import Scoring
from pipeline.domain.timers import TimerWheel
from tables import keys
from tables.store import DictStore
from tests.step_driver import Deaf

NUMBER = 1  # the place of a row's number, which depends on how many snapshots there were
# Of open, count, last_seen, last_event, ends_at, value, told_at, told_count, burst.
PLACES = (4, 5, 7, 8, 9, 10, 11, 12, 18)

if TYPE_CHECKING:
    from collections.abc import Mapping


def merged(rows: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return `rows` with the newest counters of each alert in its row, and without the rows' numbers."""
    apart = (keys.COUNTERS, keys.ALERT, keys.KNOWN, keys.JOURNAL, keys.RATES_KNOWN, keys.RATES_JOURNAL)
    whole = {key: row for key, row in rows.items() if key[:1] not in apart}
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
    scoring = Scoring(DictStore(dict(rows)))
    scoring.load()
    for tenant in sorted({keys.tenant_of(key) for key in rows if key[:1] in (keys.KNOWN, keys.JOURNAL)}):
        whole[keys.known(tenant)] = msgspec.msgpack.encode(scoring._models.of(tenant).state())
    rates = Rates(DictStore(dict(rows)), TimerWheel(), Deaf())
    rates.load()
    for tenant in sorted({keys.tenant_of(key) for key in rows if key[:1] in (keys.RATES_KNOWN, keys.RATES_JOURNAL)}):
        whole[keys.known(tenant, keys.RATES_KNOWN)] = msgspec.msgpack.encode(rates._models.of(tenant).state())
    return whole
