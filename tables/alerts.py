"""The alerts of one partition: live objects over rows, written back when a snapshot is taken.

An alert has one row, written whenever a change is told: all there is to know about it. Repeats change its
counters only, and these are a small row of their own from the first snapshot on in which nothing else changed.
Where an alert has both, the counters are the newer; what the sender said stays on disk until a record has to
be written from it.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NoReturn

import msgspec

from pipeline.domain.alert import Alert, Body
from pipeline.domain.errors import InfrastructureError
from pipeline.domain.lifecycle import due_at
from pipeline.domain.severity import Severity
from pipeline.domain.timers import second_of
from pipeline.schemas.identity import memo_of
from tables import keys

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from pipeline.domain.alert import Periods
    from pipeline.domain.timers import TimerWheel
    from tables.store import Rows, RowStore

_VERSION = 2
_SEVERITIES = tuple(Severity)
_encode = msgspec.msgpack.Encoder().encode
# Version, name, severity, open, count, starts_at, last_seen, last_event, ends_at, value, told_at, told_count.
_Counters = tuple[int, str, int, bool, int, int, int, int, int | None, float | None, int, int]
_Row = tuple[
    int, str, int, bool, int, int, int, int, int | None, float | None, int, int,
    bytes, bytes, str | None, str | None, bytes | None, bool,
]  # fmt: skip
_decode_counters = msgspec.msgpack.Decoder(_Counters).decode
_decode_row = msgspec.msgpack.Decoder(_Row).decode
# How many alerts one look for cold ones goes through: at most a few milliseconds.
_LOOK_AT = 20_000
_NAMES_KEPT = 100_000


class AlertTable:
    """Own the rows of alerts. `capacity` bounds how many live objects stay once their rows are written."""

    def __init__(self, store: RowStore, timers: TimerWheel, periods: Periods, capacity: int = 1 << 62) -> None:
        self._store = store
        self._timers = timers
        self._periods = periods
        self._capacity = capacity
        self._alerts: dict[bytes, Alert] = {}
        self._bodies: dict[bytes, Body] = {}  # not yet in a snapshot
        self._dropped: dict[bytes, bool] = {}  # nor these; the value: it had counters of its own
        self.dirty: list[Alert] = []  # whose rows have to be written
        self._complete = True  # every alert of the partition is a live object: a miss needs no look at the store
        self._names: dict[str, str] = {}  # one string object per name or tenant, however many alerts carry it
        self.memo: dict[int, Alert] = {}  # hash of a label text as sent -> its alert
        self.open_count = 0

    def __len__(self) -> int:
        return len(self._alerts)

    def load(self) -> None:
        """Read all rows, arm their timers and remember the texts; objects beyond the capacity are let go of at once."""
        periods, arm, capacity, alerts = self._periods, self._timers.arm, self._capacity, self._alerts
        for key, row, counters in self._stored():
            alert, said = self._read(key, row, counters)
            self.open_count += alert.open
            alert.timer = second_of(due_at(alert, periods))
            arm(alert.timer, key)
            if len(alerts) < capacity:
                alerts[key] = alert
                if alert.open:
                    own = alert.fingerprint if said[-1] else None
                    self.remember(memo_of(alert.tenant, alert.name, own, said[0]), alert)
            else:
                self._complete = False

    def _stored(self) -> Iterator[tuple[bytes, bytes, bytes | None]]:
        """Yield key, row and, where there are some, counters of every alert in the store."""
        small = self._store.scan(keys.COUNTERS + b"\0")
        ahead = next(small, None)
        for key, row in self._store.scan(keys.ALERT + b"\0"):
            if ahead is not None and ahead[0][1:] == key[1:]:
                yield key, row, ahead[1]
                ahead = next(small, None)
            else:
                yield key, row, None
        if ahead is not None:
            _refuse(ahead[0], "its counters are there, and it is not")

    def find(self, key: bytes) -> Alert | None:
        """Return the alert at `key`, from memory or from the store."""
        alert = self._alerts.get(key)
        if alert is not None or self._complete:
            return alert
        row = None if key in self._dropped else self._store.get(key)
        if row is None:
            return None
        alert, _ = self._read(key, row, self._store.get(keys.counters_of(key)))
        self._alerts[key] = alert
        # Some second in the wheel still holds its key, but which one went with the object: arm it anew.
        alert.timer = second_of(due_at(alert, self._periods))
        self._timers.arm(alert.timer, key)
        return alert

    def add(self, key: bytes, alert: Alert, body: Body) -> None:
        """Keep a new alert and what its sender said."""
        alert.name = self._shared(alert.name)
        alert.tenant = self._shared(alert.tenant)
        alert.key = key
        # Of one that was just dropped there may be counters in the store, which would pass for newer.
        alert.counted = self._dropped.get(key, False)
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
            _refuse(key, "it is not in the store")
        return Body(*_decoded(key, row)[12:])

    def drop(self, key: bytes, alert: Alert) -> None:
        """Forget an alert and what its sender said."""
        self._alerts.pop(key, None)
        self._bodies.pop(key, None)
        alert.dirty = False
        if alert.memo:
            self.memo.pop(alert.memo, None)
            alert.memo = 0
        self._dropped[key] = alert.counted

    def snapshot(self, rows: Rows, processed: Counter[tuple[str, Severity, str]]) -> None:
        """Add to `rows` everything that changed since the last snapshot, and to `processed` the plain repeats."""
        bodies = self._bodies
        for alert in self.dirty:
            if not alert.dirty:  # dropped after it was touched
                continue
            alert.dirty = False
            key = alert.key
            counters = (
                _VERSION,
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
            )
            body = bodies.get(key) if bodies else None
            if body is not None:
                said = (body.labels, body.annotations, body.source, body.generator_url, body.extra, body.own)
                rows[key] = _encode(counters + said)
            if body is None or alert.counted:
                alert.counted = True
                rows[b"c" + key[1:]] = _encode(counters)
            if alert.count > alert.tallied:
                processed[alert.tenant, alert.severity, "firing"] += alert.count - alert.tallied
                alert.tallied = alert.count
        for key, counted in self._dropped.items():
            if key not in bodies:
                rows[key] = None
                if counted:
                    rows[keys.counters_of(key)] = None
        self._bodies = {}
        self._dropped = {}
        self.dirty.clear()

    def shrink(self) -> None:
        """Let go of alerts that were not touched lately, while there are too many. Call it after a snapshot.

        Second chance, in the order of the dict: whoever fired since the look before goes to the back.
        """
        excess = len(self._alerts) - self._capacity
        if excess <= 0:
            return
        front = list(islice(self._alerts.items(), _LOOK_AT))
        newest_first = sorted((alert.last_event for _, alert in front), reverse=True)
        cutoff = newest_first[max(0, len(front) - excess) // 2]
        for key, alert in front:
            del self._alerts[key]
            if alert.last_event > cutoff or alert.dirty:
                self._alerts[key] = alert
                continue
            if alert.memo:
                self.memo.pop(alert.memo, None)
            self._complete = False

    def _shared(self, text: str) -> str:
        """Return the one string object that all alerts with this name or tenant share."""
        if len(self._names) >= _NAMES_KEPT:  # names nobody carries any more must not stay for ever
            self._names.clear()
        return self._names.setdefault(text, text)

    def _read(
        self, key: bytes, row: bytes, counters: bytes | None
    ) -> tuple[Alert, tuple[bytes, bytes, str | None, str | None, bytes | None, bool]]:
        """Return the alert at `key` and what its sender said."""
        whole = _decoded(key, row)
        newest: _Counters = whole[:12] if counters is None else _decoded_counters(key, counters)
        _, name, severity, is_open, count, starts_at, last_seen, last_event, ends_at, value, told_at, told_count = (
            newest
        )
        _, tenant, fingerprint = key.split(b"\0", 2)
        alert = Alert(
            self._shared(tenant.decode()),
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
            tallied=count,
            key=key,
            counted=counters is not None,
        )
        return alert, whole[12:]


def _decoded(key: bytes, row: bytes) -> _Row:
    try:
        whole: _Row = _decode_row(row)
    except msgspec.MsgspecError as error:
        _refuse(key, str(error))
    if whole[0] != _VERSION:
        _refuse(key, f"its version is {whole[0]}")
    return whole


def _decoded_counters(key: bytes, row: bytes) -> _Counters:
    try:
        counters: _Counters = _decode_counters(row)
    except msgspec.MsgspecError as error:
        _refuse(key, str(error))
    return counters


def _refuse(key: bytes, why: str) -> NoReturn:
    """Raise the error for rows that are whole, as their checksums say, and not of this release."""
    raise InfrastructureError(
        f"the state holds an alert that this release cannot read ({key!r}: {why}). Another release wrote it: upgrade "
        "this worker, or give it a new group (CORE_ALERTS_GROUP) to start with an empty state."
    )
