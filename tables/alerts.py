"""The alerts of one partition: live objects over rows, written back when a snapshot is taken.

An alert is two rows. The small one changes with every repeat; the body (labels, annotations, …) only when
a change is told, and it stays on disk until a record has to be written from it.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from pipeline.domain.alert import Alert
from pipeline.domain.lifecycle import due_at
from pipeline.domain.severity import Severity
from pipeline.domain.timers import second_of
from tables import keys

if TYPE_CHECKING:
    from collections import Counter

    from pipeline.domain.alert import Periods
    from pipeline.domain.timers import TimerWheel
    from tables.store import Rows, RowStore

_VERSION = 1
_SEVERITIES = tuple(Severity)
_encode = msgspec.msgpack.Encoder().encode
_decode_row = msgspec.msgpack.Decoder(
    tuple[int, str, int, bool, int, int, int, int, int | None, float | None, int, int]
).decode
# How many alerts one look for cold ones goes through: at most a few milliseconds.
_LOOK_AT = 20_000
_NAMES_KEPT = 100_000


class Body(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a sender said of an alert in the record that last changed it; JSON as it leaves again."""

    labels: msgspec.Raw
    annotations: msgspec.Raw
    source: str | None = None
    generator_url: str | None = None
    extra: msgspec.Raw | None = None


_decode_body = msgspec.msgpack.Decoder(tuple[int, bytes, bytes, str | None, str | None, bytes | None]).decode


class AlertTable:
    """Own the rows of alerts. `capacity` bounds how many live objects stay once their rows are written."""

    def __init__(self, store: RowStore, timers: TimerWheel, periods: Periods, capacity: int = 1 << 62) -> None:
        self._store = store
        self._timers = timers
        self._periods = periods
        self._capacity = capacity
        self._alerts: dict[bytes, Alert] = {}
        self._bodies: dict[bytes, bytes | None] = {}  # not yet in a snapshot
        self.dirty: list[Alert] = []  # whose rows have to be written
        self._dropped: list[bytes] = []
        self._complete = True  # every alert of the partition is a live object: a miss needs no look at the store
        self._names: dict[str, str] = {}  # one string object per name or tenant, however many alerts carry it
        self.memo: dict[int, Alert] = {}  # hash of a label text as sent -> its alert
        self.open_count = 0

    def __len__(self) -> int:
        return len(self._alerts)

    def load(self) -> None:
        """Read all rows and arm their timers; objects beyond the capacity are let go of at once."""
        periods, arm, capacity = self._periods, self._timers.arm, self._capacity
        for key, value in self._store.scan(keys.ALERT + b"\0"):
            alert = self._read(key, value)
            self.open_count += alert.open
            alert.timer = second_of(due_at(alert, periods))
            arm(alert.timer, key)
            if len(self._alerts) < capacity:
                self._alerts[key] = alert
            else:
                self._complete = False

    def find(self, key: bytes) -> Alert | None:
        """Return the alert at `key`, from memory or from the store."""
        alert = self._alerts.get(key)
        if alert is not None or self._complete:
            return alert
        value = None if key in self._bodies else self._store.get(key)
        if value is None:
            return None
        alert = self._alerts[key] = self._read(key, value)
        # Some second in the wheel still holds its key, but which one went with the object: arm it anew.
        alert.timer = second_of(due_at(alert, self._periods))
        self._timers.arm(alert.timer, key)
        return alert

    def add(self, key: bytes, alert: Alert) -> None:
        """Keep a new alert."""
        alert.name = self._shared(alert.name)
        alert.tenant = self._shared(alert.tenant)
        alert.key = key
        self._alerts[key] = alert
        self.open_count += 1

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

    def put_body(self, key: bytes, body: Body) -> None:
        """Keep what the sender said of the alert at `key`."""
        extra = None if body.extra is None else bytes(body.extra)
        self._bodies[key] = _encode(
            (_VERSION, bytes(body.labels), bytes(body.annotations), body.source, body.generator_url, extra)
        )

    def body(self, key: bytes) -> Body:
        """Return what the sender said of the alert at `key`."""
        value = self._bodies.get(key) or self._store.get(keys.body_of(key))
        if value is None:
            raise LookupError(f"no body for the alert {key!r}: its partition store is damaged")
        _, labels, annotations, source, url, extra = _decode_body(value)
        extra_text = None if extra is None else msgspec.Raw(extra)
        return Body(msgspec.Raw(labels), msgspec.Raw(annotations), source, url, extra_text)

    def drop(self, key: bytes, alert: Alert) -> None:
        """Forget an alert and its body."""
        self._alerts.pop(key, None)
        alert.dirty = False
        if alert.memo:
            self.memo.pop(alert.memo, None)
            alert.memo = 0
        self._bodies[key] = None
        self._dropped.append(key)

    def snapshot(self, rows: Rows, processed: Counter[tuple[str, Severity, str]]) -> None:
        """Add to `rows` everything that changed since the last snapshot, and to `processed` the plain repeats."""
        for key, body in self._bodies.items():
            rows[keys.body_of(key)] = body
        for key in self._dropped:
            rows[key] = None
        for alert in self.dirty:
            if alert.dirty:  # else dropped after it was touched
                alert.dirty = False
                rows[alert.key] = _row(alert)
                if alert.count > alert.tallied:
                    processed[alert.tenant, alert.severity, "firing"] += alert.count - alert.tallied
                    alert.tallied = alert.count
        self._bodies = {}
        self.dirty.clear()
        self._dropped = []

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

    def _read(self, key: bytes, value: bytes) -> Alert:
        (
            version,
            name,
            severity,
            is_open,
            count,
            starts_at,
            last_seen,
            last_event,
            ends_at,
            last_value,
            told_at,
            told_count,
        ) = _decode_row(value)
        if version != _VERSION:
            raise ValueError(f"alert row of version {version}: written by a newer release, upgrade this worker")
        _, tenant, fingerprint = key.split(b"\0", 2)
        return Alert(
            self._shared(tenant.decode()),
            fingerprint.decode(),
            self._shared(name),
            _SEVERITIES[severity],
            is_open,
            count,
            starts_at,
            last_seen,
            last_event,
            ends_at,
            last_value,
            told_at,
            told_count,
            tallied=count,
            key=key,
        )


def _row(alert: Alert) -> bytes:
    return _encode(
        (
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
    )
