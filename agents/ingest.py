"""The ingest agent: raw alerts in, changes out.

parse -> identify -> deduplicate -> lifecycle, for one partition at a time. `IngestStep` is the whole of it
without a broker: records and `now` in, outputs and rows out. Times are milliseconds since 1970.

What it does depends on nothing but its records, its state and the wall clock as *sealed* into its state:
a record is never compared with a clock that a second run could read differently. `process` stops in front
of a record that needs a newer wall clock than the sealed one, and whoever drives the step seals and goes on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from pipeline.domain import lifecycle, limits
from pipeline.domain.alert import Alert, Observation, Periods
from pipeline.domain.change import Change
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.fingerprint import fingerprint_of, fnv1a_64_many, identity_bytes
from pipeline.domain.ids import id_from_record, id_from_timer
from pipeline.domain.partitioner import partition_of
from pipeline.domain.reasons import Rejection, Told, Unchanged
from pipeline.domain.severity import LABELS, Severity, severity_of
from pipeline.domain.timers import TimerWheel, second_of
from pipeline.domain.timestamps import to_datetime, to_ms
from pipeline.schemas import raw, records
from pipeline.schemas.enriched import SCHEMA, Decision, EnrichedAlert, encode
from pipeline.schemas.records import Output, origin_text
from tables import keys
from tables.alerts import AlertTable, Body
from tables.deliveries import DeliveryTable
from tables.forwards import ForwardTable
from tables.progress import Progress, read_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tables.store import Rows, RowStore

RAW_TOPIC: Final = "alerts.raw"
ENRICHED_TOPIC: Final = "alerts.enriched"
DEAD_TOPIC: Final = "alerts.dlq"
_NO_LIMIT: Final = 1 << 62
# Without a wall clock, a timestamp later than this (the year 9000) is still no time: nanoseconds, most often.
_NO_TIME: Final = 221_845_392_000_000
_SCHEMA: Final = SCHEMA.encode()
_SPELLINGS_KEPT: Final = 1000
_TENANTS_KEPT: Final = 100_000
# How many records are looked through for new alerts when one is met.
_LOOK_AHEAD: Final = 1000
_UNKNOWN_OFFSET: Final = -1
_DECISIONS: Final = {told: [Decision("lifecycle", "pass", told.value)] for told in Told}
_encode_json = msgspec.json.Encoder(order="deterministic").encode


class Record(Protocol):
    """One record as the consumer hands it over."""

    @property
    def offset(self) -> int:
        """Its place in its partition."""

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970; negative for none."""

    @property
    def key(self) -> bytes | None:
        """The bytes that chose its partition."""

    @property
    def value(self) -> bytes | None:
        """What was sent."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Names and values."""


@dataclass(slots=True)
class Emitted:
    """What a step wants produced since it was last asked."""

    enriched: list[Output] = field(default_factory=list)
    dead: list[Output] = field(default_factory=list)
    forwarded: list[Output] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.enriched or self.dead or self.forwarded)

    def by_topic(self) -> dict[str, list[Output]]:
        """Return the outputs by the topic that each belongs to."""
        topics = {ENRICHED_TOPIC: self.enriched, DEAD_TOPIC: self.dead, RAW_TOPIC: self.forwarded}
        return {topic: outputs for topic, outputs in topics.items() if outputs}


@dataclass(slots=True)
class Tally:
    """What a step counted since it was last asked."""

    processed: Counter[tuple[str, Severity, str]] = field(default_factory=Counter)
    changes: Counter[tuple[str, Change]] = field(default_factory=Counter)
    unchanged: Counter[Unchanged] = field(default_factory=Counter)
    rejected: Counter[Rejection] = field(default_factory=Counter)
    forwarded: int = 0
    clamped: int = 0


class IngestStep:
    """Everything the ingest agent does to one partition of alerts.raw."""

    def __init__(
        self,
        store: RowStore,
        *,
        topic: str,
        partition: int,
        partitions: int,
        periods: Periods | None = None,
        capacity: int = _NO_LIMIT,
        wall_clock: bool = True,
        on_report: Callable[[IngestStep, Tally], None] = lambda step, tally: None,
    ) -> None:
        self.periods = periods or Periods()
        self._timers = TimerWheel()
        self.alerts = AlertTable(store, self._timers, self.periods, capacity)
        self.deliveries = DeliveryTable(store, self._timers, self.periods.delivery, capacity)
        self.progress = Progress(topic, partition, partitions)
        self._wall_clock = wall_clock
        self._on_report = on_report
        self._horizon = 0 if wall_clock else _NO_TIME
        self._batch_end = 0  # the offset after the batch that asked for a newer wall clock
        self._emitted = Emitted()
        self._tally = Tally()
        self.forwards = ForwardTable(store)
        self._severities: dict[str | int | None, Severity] = {}  # spellings met
        self._partitions: dict[str, int] = {}  # tenant -> the partition it belongs to
        self._identities: dict[int, _Identity] = {}
        self._restore(store)

    def _restore(self, store: RowStore) -> None:
        stored = store.get(keys.PROGRESS)
        if stored is None:
            return
        self.progress = read_progress(stored)
        self.alerts.load()
        self.deliveries.load()
        self._set_horizon()
        if self.progress.tick_ms:  # it was sealed that time moved on here; what that caused may not have left
            self.advance(self.progress.tick_ms)

    # -- time

    @property
    def next_offset(self) -> int:
        """Return the offset of the next record to process; 0 before the first."""
        return self.progress.offset

    @property
    def next_timer_ms(self) -> int:
        """Return when time alone next may cause something."""
        return self._timers.next_ms

    def seal(self, wall_ms: int, *, tick: bool) -> None:
        """Take the wall clock in. The next snapshot carries it, and with `tick` that time moves on to it."""
        progress = self.progress
        progress.wall_ms = max(progress.wall_ms, wall_ms)
        progress.tick_ms = wall_ms if tick else 0
        progress.judged_to = max(progress.judged_to, self._batch_end)
        self._set_horizon()

    def advance(self, now_ms: int) -> None:
        """Let time pass to `now_ms`: ring every timer until then."""
        self.progress.tick_ms = 0
        self.progress.stream_ms = max(self.progress.stream_ms, now_ms)
        for second, due in self._timers.due(now_ms):
            for key in due:
                if key[:1] == keys.ALERT:
                    self._ring(key, second)
                else:
                    self.deliveries.expire(key, second * 1000)

    def _set_horizon(self) -> None:
        if self._wall_clock:
            self._horizon = self.progress.wall_ms + self.periods.skew

    def _ring(self, key: bytes, second: int) -> None:
        alert = self.alerts.find(key)
        if alert is None or alert.timer != second:
            return
        now = second * 1000
        change = lifecycle.pass_time(alert, now, self.periods)
        if change is None and not alert.open and lifecycle.forgotten_at(alert, self.periods) <= now:
            self.alerts.drop(key, alert)
            return
        if change is not None:
            if change is Change.EXPIRED:
                self.alerts.open_count -= 1
                self._count_repeats(alert)  # it may be forgotten before the next snapshot
            self.alerts.touch(alert)
            deadline = alert.ends_at if change is Change.EXPIRED and alert.ends_at is not None else now
            # A sender may give the same end again and again, so the end alone does not tell two lives apart.
            timer = f"{alert.fingerprint}/{change.value}/{alert.last_seen}"
            output_id = id_from_timer(alert.tenant, timer, deadline)
            origin = f"timer/{self.progress.partition}/{deadline}".encode()
            self._tell(alert, change, self.alerts.body(key), output_id, origin, now, None)
        self._arm(alert)

    def _arm(self, alert: Alert) -> None:
        alert.timer = second_of(lifecycle.due_at(alert, self.periods))
        self._timers.arm(alert.timer, alert.key)

    # -- records

    def process(self, batch: Sequence[Record], start: int, wall_ms: int) -> int:
        """Process records from index `start` on; return the index of the first that was not processed.

        That is the length of the batch, or the record for which the wall clock must be sealed anew first.
        """
        progress = self.progress
        while start < len(batch) and batch[start].offset < progress.offset:  # the state holds it already
            start += 1
        # Local names: this loop runs once for every alert that anybody sends.
        decode, parse, size_limit = raw.decode_plain, raw.parse, limits.RECORD
        timers, memo_get, severity_get = self._timers, self.alerts.memo.get, self._severities.get
        touched = self.alerts.dirty.append
        stream_ms, horizon, ring_at = progress.stream_ms, self._horizon, timers.next_ms
        index = looked_to = start
        for record in batch[start:] if start else batch:
            at = record.timestamp
            if at > stream_ms:
                if at > horizon:
                    if record.offset >= progress.judged_to and self._wall_clock:
                        # One clock for the rest of the batch: all of it had been read when that clock was.
                        # How old a clock is says nothing here, for a second run would find it older.
                        self._batch_end = batch[-1].offset + 1
                        return index
                    at = max(stream_ms, progress.wall_ms)  # a time not believed in moves nobody else's
                    self._tally.clamped += 1
                else:
                    if at >= ring_at:
                        self.advance(at)
                        ring_at = timers.next_ms
                    progress.stream_ms = stream_ms = at
            elif at < 0:  # the record carries no timestamp
                at = stream_ms
            value = record.value
            try:
                sent = decode(value) if value and len(value) <= size_limit and value.isascii() else parse(value)
            except (ValueError, RecursionError, RejectedRecordError):
                self._refuse(record, at)
                index += 1
                progress.offset = record.offset + 1
                continue
            memo = hash((sent.tenant_id, sent.name, sent.fingerprint, bytes(sent.labels)))
            alert = memo_get(memo)
            # The usual record by far: an open alert says the same again.
            if (
                alert is not None
                and alert.open
                and severity_get(sent.severity) is alert.severity
                and sent.status == "firing"
                and at >= alert.last_event
                and sent.id is None
                and not record.headers
                and alert.name == sent.name
                and alert.tenant == sent.tenant_id
            ):
                alert.count += 1
                alert.last_seen = alert.last_event = at
                if sent.value is not None:
                    alert.value = sent.value
                had_end = alert.ends_at is not None
                ends_at = alert.ends_at = None if sent.ends_at is None else to_ms(sent.ends_at)
                if not alert.dirty:
                    alert.dirty = True
                    touched(alert)
                if alert.count == alert.told_count + 1 or (
                    had_end if ends_at is None else ends_at <= alert.timer * 1000 - 1000
                ):
                    self._rearm(alert)
                    ring_at = timers.next_ms
            else:
                if alert is None and index >= looked_to:  # once for each stretch, whatever it is made of
                    self._identities = _identities(batch, index, self.alerts.memo)
                    looked_to = index + _LOOK_AHEAD
                self._take(record, sent, at, memo, alert)
                ring_at = timers.next_ms
            index += 1
            progress.offset = record.offset + 1
        self._identities = {}
        return len(batch)

    def _refuse(self, record: Record, at: int) -> None:
        """Send a record that is no alert to the dead letters, with the reason."""
        try:
            raw.parse(record.value)
        except RejectedRecordError as error:
            self._reject(record, error, at)

    def _take(self, record: Record, sent: raw.RawAlert, at: int, memo: int, known: Alert | None) -> None:
        """Process a record that is not a plain repeat."""
        try:
            raw.check(sent, tenant_is_known=sent.tenant_id in self._partitions)
            severity = self._severity_of(sent.severity)
            fingerprint, labels, plain_at = self._identity(sent, memo, known)
            extra = None if plain_at == record.offset else raw.extra_of(record.value or b"")
            origin = self._origin(record, sent.tenant_id)
        except RejectedRecordError as error:
            self._reject(record, error, at)
            return
        if origin is None:
            return
        firing = sent.status != raw.RESOLVED
        self._tally.processed[sent.tenant_id, severity, raw.FIRING if firing else raw.RESOLVED] += 1
        key = keys.alert(sent.tenant_id, fingerprint)
        alert = self.alerts.find(key)
        seen = Observation(firing, severity, at, to_ms(sent.starts_at), to_ms(sent.ends_at), sent.value)
        if sent.id is not None and self._is_second_copy(sent, seen):
            self._tally.unchanged[Unchanged.DUPLICATE_DELIVERY] += 1
            if alert is not None and alert.open and firing and at > alert.last_event:
                # It counts for nothing, but whoever keeps sending one id does say that the alert goes on.
                alert.last_seen = alert.last_event = at
                self.alerts.touch(alert)
            return
        change: Change | Unchanged | None
        if alert is not None:
            self._count_repeats(alert)  # before its severity changes
            was_open = alert.open
            change = lifecycle.observe(alert, seen, self.periods)
            self.alerts.open_count += alert.open - was_open
        elif firing:
            alert = lifecycle.opened(sent.tenant_id, fingerprint, sent.name, seen)
            self.alerts.add(key, alert)
            change = Change.OPENED
        else:
            change = Unchanged.UNKNOWN_ALERT
        if isinstance(change, Unchanged) or alert is None:
            self._tally.unchanged[change if isinstance(change, Unchanged) else Unchanged.UNKNOWN_ALERT] += 1
            return
        alert.tallied = alert.count
        self.alerts.remember(memo, alert)
        if change is None:
            self.alerts.touch(alert)
            self._rearm(alert)
            return
        body = Body(
            labels=msgspec.Raw(_encode_json(labels)),
            annotations=msgspec.Raw(_encode_json(sent.annotations or {})),
            source=sent.source,
            generator_url=sent.generator_url,
            extra=extra,
        )
        if alert.name != sent.name:  # a sender's own fingerprint may come under another name
            alert.name = sent.name
        self.alerts.put_body(key, body)
        self.alerts.touch(alert)
        self._arm(alert)
        topic, partition, offset = origin
        output_id = id_from_record(alert.tenant, topic, partition, offset, change.value)
        self._tell(alert, change, body, output_id, origin_text(topic, partition, offset), at, record)

    def _rearm(self, alert: Alert) -> None:
        """See that somebody looks at an alert that was repeated as soon as that means something."""
        if second_of(lifecycle.due_at(alert, self.periods)) < alert.timer:
            self._arm(alert)

    def _count_repeats(self, alert: Alert) -> None:
        """Count the plain repeats that no tally has yet."""
        if alert.count > alert.tallied:
            self._tally.processed[alert.tenant, alert.severity, raw.FIRING] += alert.count - alert.tallied
            alert.tallied = alert.count

    def _identity(self, sent: raw.RawAlert, memo: int, known: Alert | None) -> _Identity:
        """Return the identity of a record.

        Raises:
            RejectedRecordError: if the labels are not within the contract.
        """
        prepared = self._identities.get(memo)
        if prepared is None:
            labels = raw.labels_of(sent)
            if known is not None and known.tenant == sent.tenant_id and known.name == sent.name:
                return known.fingerprint, labels, _UNKNOWN_OFFSET
            return sent.fingerprint or fingerprint_of(sent.name, labels), labels, _UNKNOWN_OFFSET
        return prepared

    def _severity_of(self, spelling: str | int | None) -> Severity:
        severity = self._severities.get(spelling)
        if severity is not None:
            return severity
        severity = severity_of(spelling)
        if severity is None:
            raise RejectedRecordError(
                Rejection.UNKNOWN_SEVERITY, f"severity {str(spelling)[:80]!r}: wanted one of {', '.join(LABELS)}"
            )
        if len(self._severities) < _SPELLINGS_KEPT:
            self._severities[spelling] = severity
        return severity

    def _is_second_copy(self, sent: raw.RawAlert, seen: Observation) -> bool:
        said = (sent.source, sent.id, seen.firing, int(seen.severity), seen.starts_at)
        return self.deliveries.is_again(keys.delivery(sent.tenant_id, *said), seen.at)

    def _origin(self, record: Record, tenant: str) -> tuple[str, int, int] | None:
        """Return where the record first came in; None if it is dealt with: sent on, or here before.

        Raises:
            RejectedRecordError: if it was sent on once already and still is not where it belongs.
        """
        progress = self.progress
        here = (progress.topic, progress.partition, record.offset)
        headers = record.headers
        came_from = next((value for name, value in headers if name == records.FORWARDED), None) if headers else None
        belongs = self._partitions.get(tenant)
        if belongs is None:
            belongs = partition_of(tenant, progress.partitions)
            if len(self._partitions) < _TENANTS_KEPT:
                self._partitions[tenant] = belongs
        if belongs != progress.partition:
            if came_from is not None:
                raise RejectedRecordError(
                    Rejection.WRONG_PARTITION, f"{tenant} belongs to partition {belongs}, and it was sent on before"
                )
            headers = [*record.headers, (records.FORWARDED, origin_text(*here))]
            self._emitted.forwarded.append(Output(tenant.encode(), record.value, headers, record.timestamp, belongs))
            self._tally.forwarded += 1
            return None
        if came_from is None:
            return here
        try:
            origin = records.read_origin(came_from)
        except ValueError:
            return here  # a header of somebody else's that happens to have the name
        if self.forwards.is_again(tenant, origin[1], origin[2]):
            self._tally.unchanged[Unchanged.DUPLICATE_FORWARD] += 1
            return None
        return origin

    # -- outputs

    def _reject(self, record: Record, error: RejectedRecordError, at: int) -> None:
        progress = self.progress
        headers = [
            (
                records.ID,
                id_from_record("", progress.topic, progress.partition, record.offset, "dead").encode(),
            ),
            (records.SCHEMA, records.DEAD_LETTER_SCHEMA),
            (records.ORIGIN, origin_text(progress.topic, progress.partition, record.offset)),
            (records.REASON, error.reason.value.encode()),
            (records.DETAIL, records.clipped(error.detail)),
            *record.headers,
        ]
        self._emitted.dead.append(Output(record.key, record.value, headers, at, progress.partition))
        self._tally.rejected[error.reason] += 1

    def _tell(
        self, alert: Alert, change: Change, body: Body, output_id: str, origin: bytes, at: int, cause: Record | None
    ) -> None:
        ends_at = None if alert.ends_at is None else to_datetime(alert.ends_at)
        value = encode(
            EnrichedAlert(
                output_id,
                alert.tenant,
                alert.fingerprint,
                alert.name,
                LABELS[alert.severity],
                raw.FIRING if alert.open else raw.RESOLVED,
                change,
                alert.count,
                to_datetime(alert.starts_at),
                to_datetime(alert.last_seen),
                ends_at,
                body.labels,
                body.annotations,
                body.source,
                alert.value,
                body.generator_url,
                "active",
                [],
                {},
                _DECISIONS[lifecycle.why(change, alert, self.periods)],
                msgspec.UNSET if body.extra is None else body.extra,
            )
        )
        headers = [(records.ID, output_id.encode()), (records.SCHEMA, _SCHEMA), (records.ORIGIN, origin)]
        if cause is not None and cause.headers:
            headers += [(name, text) for name, text in cause.headers if name == records.TRACEPARENT]
        self._emitted.enriched.append(Output(alert.tenant.encode(), value, headers, at, self.progress.partition))
        self._tally.changes[alert.tenant, change] += 1

    def take_emitted(self) -> Emitted:
        """Hand over what is to be produced since the last call."""
        emitted, self._emitted = self._emitted, Emitted()
        return emitted

    def take_tally(self) -> Tally:
        """Hand over what was counted since the last call; repeats appear once a snapshot was taken."""
        tally, self._tally = self._tally, Tally()
        return tally

    def snapshot(self) -> Rows:
        """Return every row that changed since the last snapshot, with the offset they include."""
        rows: Rows = {}
        self.alerts.snapshot(rows, self._tally.processed)
        self.deliveries.snapshot(rows)
        self.forwards.snapshot(rows)
        key, value = self.progress.row()
        rows[key] = value
        return rows

    def report(self) -> None:
        """Pass on what was counted since the last report."""
        self._on_report(self, self.take_tally())

    def shrink(self) -> None:
        """Let go of objects beyond the capacity. Call it right after a snapshot."""
        self.alerts.shrink()
        self.deliveries.shrink()


# Fingerprint, labels, and the offset of a record that is known to hold nothing beyond the contract.
_Identity = tuple[str, dict[str, str], int]


def _identities(batch: Sequence[Record], start: int, known: Mapping[int, Alert]) -> dict[int, _Identity]:
    """Return the identities of the alerts from `start` on that are not known.

    Computed all at once, a fingerprint costs a tenth: where one new alert is, there are others.
    """
    identities: dict[int, _Identity] = {}
    blobs: list[bytes] = []
    hashed: list[tuple[int, dict[str, str], int]] = []
    for record in batch[start : start + _LOOK_AHEAD]:
        value, offset = record.value, record.offset
        try:
            try:
                sent: raw.RawAlert = raw.decode_strictly(value if value and value.isascii() else b"")
            except (ValueError, RecursionError):
                sent, offset = raw.parse(value), _UNKNOWN_OFFSET
            memo = hash((sent.tenant_id, sent.name, sent.fingerprint, bytes(sent.labels)))
            if memo in known or memo in identities:
                continue
            labels = raw.labels_of(sent)
        except RejectedRecordError:
            continue  # refused when its turn comes
        identities[memo] = sent.fingerprint or "", labels, offset
        if not sent.fingerprint:
            hashed.append((memo, labels, offset))
            blobs.append(identity_bytes(sent.name, labels))
    for (memo, labels, offset), value_hash in zip(hashed, fnv1a_64_many(blobs), strict=True):
        identities[memo] = f"{value_hash:016x}", labels, offset
    return identities
