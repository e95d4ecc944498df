"""The alerts of one partition: live objects over rows, written back when a snapshot is taken.

An alert has one row, written whenever a change is told: all there is to know about it. What repeats change goes
to rows of many alerts, see counters.py, until a change is told again. What the sender said stays on disk until a
record has to be written from it.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain.alert import Alert, Body
from pipeline.domain.lifecycle import due_at
from pipeline.domain.severity import Severity
from pipeline.domain.timers import second_of
from pipeline.schemas.identity import memo_of
from tables import keys
from tables.counters import CounterRows
from tables.unreadable import decoded, unreadable

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from pipeline.domain.alert import Periods
    from pipeline.domain.timers import TimerWheel
    from tables.store import Rows, RowStore

_VERSION = 4
_SEVERITIES = tuple(Severity)
_encode = msgspec.msgpack.Encoder().encode
# Version, number, name, severity, open, count, starts_at, last_seen, last_event, ends_at, value, told_at, told_count,
# held, flips, steady_at, shown, opened_at, burst; then what the sender said.
_Row = tuple[
    int, int, str, int, bool, int, int, int, int, int | None, float | None, int, int,
    tuple[str, ...], tuple[int, ...], int, bool, int, int,
    bytes, bytes, str | None, str | None, bytes | None, bool,
]  # fmt: skip
_SAID: Final = 19
_decode_row = msgspec.msgpack.Decoder(_Row).decode
# How many alerts one look for cold ones goes through: a few milliseconds, and longer only where far too many came.
_LOOK_AT = 20_000
_NAMES_KEPT = 100_000


class AlertTable:
    """Own the rows of alerts. `capacity` bounds how many live objects stay once their rows are written."""

    def __init__(
        self,
        store: RowStore,
        timers: TimerWheel,
        periods: Periods,
        capacity: int = 1 << 62,
        pulse_of: Callable[[str], object] = lambda tenant: None,
    ) -> None:
        self._store = store
        self._timers = timers
        self._periods = periods
        self.capacity = capacity
        self._alerts: dict[bytes, Alert] = {}
        self._bodies: dict[bytes, Body] = {}  # not yet in a snapshot
        self._dropped: set[bytes] = set()  # nor these
        self._counters = CounterRows(store)
        self.dirty: list[Alert] = []  # whose rows have to be written
        self._complete = True  # every alert of the partition is a live object: a miss needs no look at the store
        self._names: dict[str, str] = {}  # one string object per name or tenant, however many alerts carry it
        self._tenant = b"", ""  # that of the row read last, in its key and as it is shared: rows lie by tenant
        self._pulse_of = pulse_of
        self._shared_holds: dict[tuple[str, ...], tuple[str, ...]] = {}  # one object for all alerts held alike
        self._numbers: dict[int, int] = {}  # one number object for all rows of one snapshot
        self.memo: dict[int, Alert] = {}  # hash of a label text as sent -> its alert
        self.open_count = 0

    def __len__(self) -> int:
        return len(self._alerts)

    def load(
        self,
        seen: Callable[[Alert, bytes, bytes, str | None], None] = lambda *_: None,
        may_remember: Callable[[str], bool] = lambda tenant: True,
    ) -> None:
        """Read all rows, arm their timers and remember the texts; objects beyond the capacity are let go of at once.

        `seen` is told of each alert that is open or flapping, with its labels as they were sent, its annotations and
        its source. Texts are remembered of the tenants that `may_remember`; those of others wait for a record.
        """
        # Nobody is served before this loop is over, and it runs once for every alert there is.
        alerts, memos, capacity, read, arm = self._alerts, self.memo, self.capacity, self._read, self._arm
        newest = opened = 0
        tenant, remembers = "", False  # of the row before: rows lie by tenant
        for key, row in self._store.scan(keys.ALERT + b"\0"):
            alert, labels, own, annotations, source = read(key, row)
            if alert.number > newest:
                newest = alert.number
            opened += alert.open
            arm(alert)
            if alert.open or alert.steady_at:
                seen(alert, labels, annotations, source)
            if len(alerts) < capacity:
                alerts[key] = alert
                if alert.tenant != tenant:
                    tenant = alert.tenant
                    remembers = may_remember(tenant)
                if remembers:
                    memo = alert.memo = memo_of(alert.tenant, alert.name, alert.fingerprint if own else None, labels)
                    memos[memo] = alert
            else:
                self._complete = False
        self.open_count = opened
        self._counters.number = newest
        self._counters.load(self._found_while_loading, self._settle)

    def _found_while_loading(self, key: bytes) -> Alert | None:
        alert = self._alerts.get(key)
        if alert is None and not self._complete and (row := self._store.get(key)) is not None:
            alert, *_ = self._read(key, row)
            self._alerts[key] = alert
            self._arm(alert)  # as in `find`
        return alert

    def _settle(self, alert: Alert, was_open: bool) -> None:
        """Take note of what counters say of an alert: whether it is open, and when it wants to be looked at."""
        self.open_count += alert.open - was_open
        if second_of(due_at(alert, self._periods)) < alert.timer:
            self._arm(alert)

    def _arm(self, alert: Alert) -> None:
        alert.timer = second_of(due_at(alert, self._periods))
        self._timers.arm(alert.timer, alert.key)

    def find(self, key: bytes) -> Alert | None:
        """Return the alert at `key`, from memory or from the store."""
        alert = self._alerts.get(key)
        if alert is not None or self._complete:
            return alert
        row = None if key in self._dropped else self._store.get(key)
        if row is None:
            return None
        alert, *_ = self._read(key, row)
        self._alerts[key] = alert
        self._arm(alert)  # some second in the wheel still holds its key, but which one went with the object
        return alert

    def add(self, key: bytes, alert: Alert, body: Body) -> None:
        """Keep a new alert and what its sender said."""
        alert.name = self._shared(alert.name)
        alert.tenant = self._shared(alert.tenant)
        alert.key = key
        alert.pulse = self._pulse_of(alert.tenant)
        self._alerts[key] = alert
        self._bodies[key] = body
        self.open_count += 1
        alert.dirty = True
        self.dirty.append(alert)

    def remember(self, memo: int, alert: Alert) -> None:
        """Find this alert by the hash of its label text from now on."""
        if alert.memo:
            self.memo.pop(alert.memo, None)
        alert.memo = memo
        self.memo[memo] = alert

    def touch(self, alert: Alert) -> None:
        """Note that the alert's row must be written."""
        if not alert.dirty:
            alert.dirty = True
            self.dirty.append(alert)

    def put_body(self, alert: Alert, body: Body) -> None:
        """Keep what the sender said of a known alert."""
        self._bodies[alert.key] = body
        self.touch(alert)

    def body(self, key: bytes) -> Body:
        """Return what the sender said of the alert at `key`."""
        body = self._bodies.get(key)
        if body is not None:
            return body
        row = self._store.get(key)
        if row is None:
            raise unreadable(key, "it is not in the store")
        return Body(*decoded(key, row, _decode_row, _VERSION)[_SAID:])

    def forget_texts(self, tenant: str) -> None:
        """Find a tenant's alerts by their identity alone from now on: what makes them the same has changed."""
        for memo in [memo for memo, alert in self.memo.items() if alert.tenant == tenant]:
            self.memo.pop(memo).memo = 0

    def drop(self, key: bytes, alert: Alert) -> None:
        """Forget an alert and what its sender said."""
        self._alerts.pop(key, None)
        self._bodies.pop(key, None)
        alert.dirty = False
        if alert.memo:
            self.memo.pop(alert.memo, None)
            alert.memo = 0
        self._counters.leave(alert)
        self._dropped.add(key)

    def snapshot(self, rows: Rows, processed: Counter[tuple[str, Severity, str]]) -> None:
        """Add to `rows` everything that changed since the last snapshot, and to `processed` the plain repeats."""
        counters, bodies = self._counters, self._bodies
        counters.clean(rows, self.touch)
        repeated: dict[str, list[Alert]] = {}
        number = counters.next_number()
        for alert in self.dirty:
            if not alert.dirty:  # dropped after it was touched
                continue
            alert.dirty = False
            body = bodies.get(alert.key) if bodies else None
            if body is None:
                group = repeated.get(alert.tenant)
                if group is None:
                    group = repeated[alert.tenant] = []
                group.append(alert)
                continue
            alert.number = number
            counters.leave(alert)
            rows[alert.key] = _row(alert, body)
            if alert.count > alert.tallied:
                processed[alert.tenant, alert.severity, "firing"] += alert.count - alert.tallied
                alert.tallied = alert.count
        counters.write(rows, repeated, processed)
        for key in self._dropped:
            if key not in bodies:
                rows[key] = None
        self._bodies = {}
        self._dropped = set()
        self.dirty.clear()

    def shrink(self) -> None:
        """Let go of alerts that were not touched lately, while there are too many. Call it after a snapshot.

        Second chance, in the order of the dict: whoever fired since the look before goes to the back.
        """
        excess = len(self._alerts) - self.capacity
        if excess <= 0:
            return
        front = list(islice(self._alerts.items(), max(_LOOK_AT, 2 * excess)))
        newest_first = sorted((alert.last_event for _, alert in front), reverse=True)
        cutoff = newest_first[max(0, len(front) - excess) // 2]
        for key, alert in front:
            del self._alerts[key]
            if alert.last_event > cutoff or alert.dirty:
                self._alerts[key] = alert
                continue
            if alert.counted_in:  # it could not be found there: its own row has to say all before it goes
                self._alerts[key] = alert
                self.put_body(alert, self.body(key))
                continue
            if alert.memo:
                self.memo.pop(alert.memo, None)
            self._complete = False

    def _shared(self, text: str) -> str:
        """Return the one string object that all alerts with this name or tenant share."""
        if len(self._names) >= _NAMES_KEPT:  # names nobody carries any more must not stay for ever
            self._names.clear()
        return self._names.setdefault(text, text)

    def _read(self, key: bytes, row: bytes) -> tuple[Alert, bytes, bool, bytes, str | None]:
        """Return the alert of a row; then its labels as sent, whose its fingerprint is, annotations and source."""
        (
            _, number, name, severity, is_open, count, starts_at, last_seen, last_event, ends_at, value, told_at,
            told_count, held, flips, steady_at, shown, opened_at, burst, labels, annotations, source, _, _, own,
        ) = decoded(key, row, _decode_row, _VERSION)  # fmt: skip
        _, in_key, fingerprint = key.split(b"\0", 2)
        if in_key != self._tenant[0]:
            self._tenant = in_key, self._shared(in_key.decode())
        alert = Alert(
            self._tenant[1],
            fingerprint.decode(),
            self._shared(name),
            _SEVERITIES[severity],
            is_open,
            count,
            starts_at,
            last_seen,
            last_seen if last_event == last_seen else last_event,  # one number object instead of two
            ends_at,
            value,
            last_seen if told_at == last_seen else told_at,
            told_count,
            0,
            0,
            count,
            False,
            key,
            self._numbers.setdefault(number, number),
            b"",
            held and self._shared_holds.setdefault(held, held),
            flips,
            steady_at,
            shown,
            self._pulse_of(self._tenant[1]),
            opened_at,
            burst,
        )
        return alert, labels, own, annotations, source


def _row(alert: Alert, body: Body) -> bytes:
    return _encode(
        (
            _VERSION,
            alert.number,
            alert.name,
            int(alert.severity),
            alert.open,
            alert.count,
            alert.starts_at,
            alert.last_seen,
            alert.last_event,
            alert.ends_at,
            alert.value,
            alert.told_at,
            alert.told_count,
            alert.held,
            alert.flips,
            alert.steady_at,
            alert.shown,
            alert.opened_at,
            alert.burst,
            body.labels,
            body.annotations,
            body.source,
            body.generator_url,
            body.extra,
            body.own,
        )
    )
