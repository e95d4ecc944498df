"""The ingest agent once more, slow and plain: dicts, and a search through all of them whenever time moves.

It shares with the product what a record says (schemas), the names of things and the identity, and nothing of
what is made of it: no timers, no rows, no caches, no batches.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.fingerprint import fingerprint_of
from pipeline.domain.partitioner import partition_of
from pipeline.domain.severity import severity_of
from pipeline.domain.timestamps import to_ms
from pipeline.schemas import raw

if TYPE_CHECKING:
    from pipeline.domain.alert import Periods
    from tests.step_driver import Record


class Told(NamedTuple):
    """What of a record of alerts.enriched follows from the life of the alert."""

    tenant: str
    fingerprint: str
    change: str
    severity: int
    status: str
    fired: int
    starts_at: int
    last_seen: int
    ends_at: int | None
    value: float | None
    at: int


@dataclass
class Life:
    """One alert."""

    severity: int
    starts_at: int
    last_seen: int
    last_event: int
    ends_at: int | None
    value: float | None
    told_at: int
    open: bool = True
    count: int = 1
    told_count: int = 1


def second_after(ms: int) -> int:
    """Return the first whole second, in milliseconds, at which `ms` has passed."""
    return ms if ms % 1000 == 0 else ms - ms % 1000 + 1000


@dataclass
class Model:
    """What one partition knows, tells and counts."""

    periods: Periods
    partition: int
    partitions: int
    now: int = 0
    lives: dict[tuple[str, str], Life] = field(default_factory=dict)
    deliveries: dict[tuple[object, ...], int] = field(default_factory=dict)
    forwards: dict[tuple[str, int], int] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    fate: Counter[str] = field(default_factory=Counter)  # what became of each record

    def take(self, record: Record) -> None:
        """Process one record."""
        at = record.timestamp
        if at > self.now:
            self.pass_time(at)
        try:
            self.fate[self._fate(record, at)] += 1
        except RejectedRecordError:
            self.fate["rejected"] += 1

    def pass_time(self, now: int) -> None:
        """Let everything happen that is due by `now`, in the order of seconds and then of keys."""
        self.now = max(self.now, now)
        while True:
            due = sorted((second_after(self._due(life)), *key) for key, life in self.lives.items())
            if not due or due[0][0] > now:
                break
            for second, *key in [one for one in due if one[0] == due[0][0]]:
                self._ring((key[0], key[1]), second)
        for delivery, seen in list(self.deliveries.items()):
            if second_after(seen + self.periods.delivery + 1) <= now:
                del self.deliveries[delivery]

    def _due(self, life: Life) -> int:
        if not life.open:
            assert life.ends_at is not None
            return life.ends_at + self.periods.reopen + 1
        expires = life.last_seen + self.periods.resolve if life.ends_at is None else life.ends_at
        if life.count > life.told_count:
            return min(expires, max(life.told_at + self.periods.digest, life.last_seen))
        return expires

    def _ring(self, key: tuple[str, str], second: int) -> None:
        life = self.lives[key]
        if not life.open:
            del self.lives[key]
            return
        expires = life.last_seen + self.periods.resolve if life.ends_at is None else life.ends_at
        if expires <= second:
            life.open, life.ends_at, life.last_event = False, expires, life.last_seen
            self._tell(key, life, "expired", second)
        else:
            self._tell(key, life, "repeated", second)

    def _tell(self, key: tuple[str, str], life: Life, change: str, at: int) -> None:
        life.told_at, life.told_count = max(life.told_at, at), life.count
        status = "firing" if life.open else "resolved"
        self.told.append(
            Told(
                *key,
                change,
                life.severity,
                status,
                life.count,
                life.starts_at,
                life.last_seen,
                life.ends_at,
                life.value,
                at,
            )
        )

    def _fate(self, record: Record, at: int) -> str:
        """Do to the alert what the record says, and return what became of the record."""
        sent = raw.parse(record.value)
        raw.check(sent)
        severity = severity_of(sent.severity)
        fingerprint = sent.fingerprint or fingerprint_of(sent.name, raw.labels_of(sent))
        if severity is None:
            return "rejected"
        origin = dict(record.headers).get("forwarded-from")
        if partition_of(sent.tenant_id, self.partitions) != self.partition:
            return "rejected" if origin else "forwarded"
        if origin:
            _, partition, offset = origin.split(b"/")
            place = (sent.tenant_id, int(partition))
            if int(offset) <= self.forwards.get(place, -1):
                return "duplicate_forward"
            self.forwards[place] = int(offset)
        key = (sent.tenant_id, fingerprint)
        is_firing = sent.status != "resolved"
        life = self.lives.get(key)
        starts_at, ends_at = to_ms(sent.starts_at), to_ms(sent.ends_at)
        if sent.id is not None:
            said = (sent.tenant_id, fingerprint, sent.source, sent.id, is_firing, severity, starts_at)
            first = self.deliveries.get(said)
            if first is not None and at - first <= self.periods.delivery:
                if life and life.open and is_firing and at > life.last_event:
                    life.last_seen = life.last_event = at
                return "duplicate_delivery"
            self.deliveries[said] = at
        if life is None:
            if not is_firing:
                return "unknown_alert"
            life = Life(severity, at if starts_at is None else starts_at, at, at, ends_at, sent.value, at)
            self.lives[key] = life
            self._tell(key, life, "opened", at)
            return "opened"
        if not is_firing:
            return self._resolve(key, life, at, ends_at, sent.value)
        if not life.open:
            return self._fire_again(key, life, at, severity, starts_at, ends_at, sent.value)
        life.count += 1
        if at < life.last_event:
            return "repeat"
        life.last_seen = life.last_event = at
        life.ends_at = ends_at
        life.value = life.value if sent.value is None else sent.value
        if severity == life.severity:
            return "repeat"
        change = "severity_raised" if severity > life.severity else "severity_lowered"
        life.severity = severity
        self._tell(key, life, change, at)
        return change

    def _resolve(self, key: tuple[str, str], life: Life, at: int, ends_at: int | None, value: float | None) -> str:
        if not life.open:
            return "already_resolved"
        if at < life.last_event or (ends_at is not None and ends_at < life.starts_at):
            return "older_than_known"
        life.open, life.last_event = False, at
        life.ends_at = at if ends_at is None else min(at, ends_at)
        life.value = life.value if value is None else value
        self._tell(key, life, "resolved", at)
        return "resolved"

    def _fire_again(
        self,
        key: tuple[str, str],
        life: Life,
        at: int,
        severity: int,
        starts_at: int | None,
        ends_at: int | None,
        value: float | None,
    ) -> str:
        if at < life.last_event:
            return "older_than_known"
        assert life.ends_at is not None
        change = "reopened" if at - life.ends_at <= self.periods.reopen else "opened"
        told_at = life.told_at
        starts = at if starts_at is None else starts_at
        self.lives[key] = life = Life(severity, starts, at, at, ends_at, value, told_at)
        self._tell(key, life, change, at)
        return change
