"""What repeats change, in rows of many alerts.

In a storm nearly every alert of a partition was repeated since the last snapshot, and a row for each would cost
more than all else. So a snapshot writes one row for each tenant, with the counters of all its alerts that were
merely repeated. Each row has a number, higher than that of any row before it, and so has the row of an alert: of
all that is said of an alert, what has the highest number holds.

An old row is done with once most of it has been said again since: the rest is then said again too, and the row
goes. So there is at most about twice as much in these rows as there is to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tables import keys
from tables.unreadable import decoded

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from pipeline.domain.alert import Alert
    from pipeline.domain.severity import Severity
    from tables.store import Rows, RowStore

VERSION = 2
_ALERTS_IN_A_ROW = 2000  # with the longest keys still less than one batch of Kafka's
_SLACK = 10_000  # entries that may be out of date before anybody looks

# Key of the alert, open, count, last_seen, last_event, ends_at, value, told_at, told_count, burst.
Entry = tuple[bytes, bool, int, int, int, int | None, float | None, int, int, int]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[int, int, list[Entry]]).decode


class CounterRows:
    """Own the rows of counters of one partition."""

    def __init__(self, store: RowStore) -> None:
        self._store = store
        self._rows: dict[bytes, tuple[int, list[Alert]]] = {}  # oldest first: how many entries, and whose
        self._entries = 0  # in all rows
        self._current = 0  # of these, how many still hold
        self._written = 0  # entries in the last snapshot
        self.number = 0  # the highest that was given out

    def next_number(self) -> int:
        """Return a number higher than any before it."""
        self.number += 1
        return self.number

    def leave(self, alert: Alert) -> None:
        """Take note that what these rows say of `alert` no longer holds: its own row says more, or it is gone."""
        if alert.counted_in:
            alert.counted_in = b""
            self._current -= 1

    def clean(self, rows: Rows, touch: Callable[[Alert], None]) -> None:
        """Delete the oldest rows while half of all is out of date; what still holds of them is written once more."""
        budget = self._written + _ALERTS_IN_A_ROW
        while self._entries > 2 * self._current + _SLACK and budget > 0:
            key = next(iter(self._rows))
            size, alerts = self._rows.pop(key)
            rows[key] = None
            self._entries -= size
            budget -= size
            for alert in alerts:
                if alert.counted_in is key:
                    self.leave(alert)
                    touch(alert)

    def write(
        self, rows: Rows, repeated: dict[str, list[Alert]], processed: Counter[tuple[str, Severity, str]]
    ) -> None:
        """Add the counters of `repeated`, by tenant, to `rows`, and the repeats that no tally has to `processed`."""
        self._written = 0
        for tenant, alerts in repeated.items():
            for start in range(0, len(alerts), _ALERTS_IN_A_ROW):
                chunk = alerts[start : start + _ALERTS_IN_A_ROW]
                number = self.next_number()
                key = keys.counters(tenant, number)
                rows[key] = _encode((VERSION, number, [_entry(alert) for alert in chunk]))
                self._rows[key] = len(chunk), chunk
                for alert in chunk:
                    if not alert.counted_in:
                        self._current += 1
                    alert.counted_in = key
                self._entries += len(chunk)
                self._written += len(chunk)
            counted: dict[Severity, int] = {}
            for alert in alerts:
                more = alert.count - alert.tallied
                if more > 0:
                    counted[alert.severity] = counted.get(alert.severity, 0) + more
                    alert.tallied = alert.count
            for severity, count in counted.items():
                processed[tenant, severity, "firing"] += count

    def load(self, find: Callable[[bytes], Alert | None], settle: Callable[[Alert, bool], None]) -> None:
        """Let alerts take over what the rows say of them, where it is newer than their own row.

        `settle` is told of each, and whether it was open before.
        """
        for key in sorted((key for key, _ in self._store.scan(keys.COUNTERS + b"\0")), key=keys.number_of):
            _, number, entries = decoded(key, self._store.get(key) or b"", _decode, VERSION)
            alerts = []
            for entry in entries:
                alert = find(entry[0])
                if alert is None or alert.number > number:
                    continue
                was_open = alert.open
                _, alert.open, count, last_seen, last_event, alert.ends_at, alert.value, told_at, told_count, *rest = (
                    entry
                )
                alert.count = alert.tallied = count
                (alert.burst,) = rest
                alert.last_seen, alert.last_event = last_seen, last_seen if last_event == last_seen else last_event
                alert.told_at, alert.told_count = told_at, told_count
                if not alert.counted_in:
                    self._current += 1
                alert.counted_in = key
                alerts.append(alert)
                settle(alert, was_open)
            self._rows[key] = len(entries), alerts
            self._entries += len(entries)
            self.number = max(self.number, number)


def _entry(alert: Alert) -> Entry:
    return (
        alert.key,
        alert.open,
        alert.count,
        alert.last_seen,
        alert.last_event,
        alert.ends_at,
        alert.value,
        alert.told_at,
        alert.told_count,
        alert.burst,
    )
