"""The ingest agent: raw alerts in, changes out.

parse -> identify -> deduplicate -> lifecycle -> suppress, for one partition at a time. `IngestStep` is the whole of it
without a broker: records and `now` in, outputs and rows out. Times are milliseconds since 1970.

What it does depends on nothing but its records, its state and the wall clock as *sealed* into its state:
a record is never compared with a clock that a second run could read differently. `process` stops in front
of a record that needs a newer wall clock than the sealed one, and whoever drives the step seals and goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agents.intake import Intake
from agents.origins import Origins, came_from_of
from agents.placed import Placed
from agents.rates import Rates
from agents.ringing import Ringing
from agents.scoring import NONE, Scoring
from agents.suppress.cause import RecordCause
from agents.suppress.defaults import Defaults
from agents.suppress.suppression import Suppression
from agents.telling import Telling
from pipeline.domain import lifecycle
from pipeline.domain.alert import Observation, Periods
from pipeline.domain.change import Change
from pipeline.domain.correlation.bursts import PAUSE_MS
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.reasons import Unchanged
from pipeline.domain.timers import TimerWheel
from pipeline.domain.timestamps import to_ms
from pipeline.schemas import raw
from pipeline.schemas.identity import Arrivals
from pipeline.schemas.outputs import CONTROL_TOPIC, DEAD_TOPIC, ENRICHED_TOPIC, RAW_TOPIC, Emitted
from pipeline.schemas.spellings import Spellings
from tables import keys
from tables.alerts import AlertTable
from tables.deliveries import DeliveryTable
from tables.progress import Progress, read_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agents.suppress.cause import Cause
    from models.noise import NoiseInput
    from pipeline.domain.alert import Alert, Body
    from pipeline.domain.severity import Severity
    from pipeline.domain.tally import Tally
    from pipeline.schemas.own import OwnAlert
    from pipeline.schemas.records import Record
    from pipeline.schemas.rulings import Ruling
    from tables.store import Rows, RowStore

__all__ = ["DEAD_TOPIC", "ENRICHED_TOPIC", "RAW_TOPIC", "IngestStep"]

_NO_LIMIT: Final = 1 << 62
# Without a wall clock, a timestamp later than this (the year 9000) is still no time: nanoseconds, most often.
_NO_TIME: Final = 221_845_392_000_000


class IngestStep(Placed):
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
        sharers: int = 1,
        wall_clock: bool = True,
        defaults: Defaults | None = None,
        on_report: Callable[[IngestStep, Tally], None] = lambda step, tally: None,
    ) -> None:
        self.periods = periods or Periods()
        stored, place = store.get(keys.PROGRESS), Progress(topic, partition, partitions)
        self.is_fresh = stored is None
        self.progress = place if stored is None else read_progress(stored, place)
        self._timers = TimerWheel()
        self.suppression = Suppression(
            store,
            self._timers,
            self,
            defaults or Defaults.switched_off(),
            lambda: self._ringing.stream_ms,
            partition=partition,
            partitions=partitions,
        )
        self.alerts = AlertTable(store, self._timers, self.periods, capacity // sharers, self.suppression.pulse_of)
        self.suppression.alerts = self.alerts
        self.deliveries = DeliveryTable(store, self._timers, self.periods.delivery, capacity // sharers)
        self._capacity = capacity
        self._wall_clock = wall_clock
        self._on_report = on_report
        self._horizon = 0 if wall_clock else _NO_TIME
        self._batch_end = 0  # the offset after the batch that asked for a newer wall clock
        self._telling = Telling(partition, self.periods)
        self._scoring = Scoring(store) if defaults is not None and defaults.scores else None
        if self._scoring is not None:
            self.suppression.on_opinion = self._scoring.heed
            self.suppression.likely_noise = self._scoring.likely_noise
        self.rates = Rates(store, self._timers, self) if self._scoring is not None else None
        if self.rates is not None:
            self.suppression.on_minute = self.rates.count
        self._ringing = Ringing(
            self._timers,
            self.progress,
            self.periods,
            alerts=self.alerts,
            deliveries=self.deliveries,
            suppression=self.suppression,
            rates=self.rates,
            telling=self._telling,
            ruler=self,
        )
        self._origins = Origins(store, self._telling, topic, partition, partitions)
        self._control = Intake(
            self.suppression.table,
            partition,
            apply=self.suppression.control.apply,
            reject=self._reject_control,
            ignore=self._telling.ignore,
        )
        self._severities = Spellings()
        self._counted: set[str] = set()  # tenants of firing records that touched no alert, since the last snapshot
        self._many_changes = True  # in the batch before: what a record says beyond the contract is asked for them only
        if not self.is_fresh:
            self._restore()

    def _restore(self) -> None:
        self.suppression.load(self.progress.stream_ms)
        self.alerts.load(self.suppression.note, self.suppression.may_remember)
        self.suppression.resume(self.progress.stream_ms)
        self.deliveries.load()
        if self._scoring is not None:
            self._scoring.load()
        if self.rates is not None:
            self.rates.load()
        self._set_horizon()
        if self.progress.tick_ms:  # it was sealed that time moved on here; what that caused may not have left
            self.advance(self.progress.tick_ms)
        self._control.resume()
        self.apply_control()  # it was sealed that these came here; what they caused may not have left

    # -- time

    @property
    def next_timer_ms(self) -> int:
        """Return when time alone next may cause something."""
        return self._timers.next_ms if not self._control.waiting else 0

    def seal(self, wall_ms: int, *, tick: bool) -> None:
        """Take the wall clock in. The next snapshot carries it, and with `tick` that time moves on to it."""
        progress = self.progress
        progress.wall_ms = max(progress.wall_ms, wall_ms)
        progress.tick_ms = wall_ms if tick else 0
        progress.judged_to = max(progress.judged_to, self._batch_end)
        self._set_horizon()

    def advance(self, now_ms: int) -> None:
        """Let time pass to `now_ms`: ring every timer until then."""
        self._ringing.advance(now_ms)
        self.apply_control()

    def _set_horizon(self) -> None:
        if self._wall_clock:
            self._horizon = self.progress.wall_ms + self.periods.skew

    # -- records

    def process(self, batch: Sequence[Record], start: int) -> int:
        """Process records from index `start` on; return the index of the first that was not processed.

        That is the length of the batch, or the record for which the wall clock must be sealed anew first.
        """
        progress = self.progress
        while start < len(batch) and batch[start].offset < progress.offset:  # the state holds it already
            start += 1
        if (
            self._control.waiting
            and not progress.stream_ms
            and start < len(batch)
            and not self._begin_time(batch[start])
        ):
            self._batch_end = batch[-1].offset + 1
            return start
        rest = batch[start:] if start else batch
        suppression, intake = self.suppression, self._control
        suppression.count_minutes(progress.stream_ms)
        arrivals = Arrivals(rest, self.alerts.memo, suppression.identities_of, strictly=self._many_changes)
        # Local names: this loop runs once for every alert that anybody sends.
        timers, memo_get, severity_get = self._timers, self.alerts.memo.get, self._severities.get
        touched = self.alerts.dirty.append
        stream_ms, horizon, ring_at = progress.stream_ms, self._horizon, timers.next_ms
        bursts, in_burst = self.periods.bursts, lifecycle.IN_BURST
        taken = 0
        for index, (record, sent, memo) in enumerate(zip(rest, arrivals.sent, arrivals.memos, strict=True)):
            at = record.timestamp
            if at > stream_ms:
                if at > horizon:
                    if record.offset >= progress.judged_to and self._wall_clock:
                        # One clock for the rest of the batch: all of it had been read when that clock was.
                        # How old a clock is says nothing here, for a second run would find it older.
                        self._batch_end = batch[-1].offset + 1
                        return start + index
                    at = max(stream_ms, progress.wall_ms)  # a time not believed in moves nobody else's
                    self._telling.tally.clamped += 1
                else:
                    if at >= ring_at:
                        self.advance(at)
                        suppression.count_minutes(at)
                        ring_at = timers.next_ms
                    progress.stream_ms = stream_ms = at
                    if intake.waiting:
                        self.apply_control()
                        ring_at = timers.next_ms
            elif at < 0:  # the record carries no timestamp
                at = stream_ms
            if isinstance(sent, RejectedRecordError):
                self._telling.reject(record, sent, at)
                progress.offset = record.offset + 1
                continue
            alert = memo_get(memo)
            # The usual record by far: an open alert says the same again.
            if (
                alert is not None
                and alert.open
                and severity_get(sent.severity) is alert.severity
                and sent.status == "firing"
                and at >= alert.last_event
                and sent.id is None
                and not (record.headers and came_from_of(record) is not None)
                and alert.name == sent.name
                and alert.tenant == sent.tenant_id
            ):
                pause = at - alert.last_event
                alert.count += 1
                alert.last_seen = alert.last_event = at
                if sent.value is not None:
                    alert.value = sent.value
                had_end = alert.ends_at is not None
                ends_at = alert.ends_at = None if sent.ends_at is None else to_ms(sent.ends_at)
                if not alert.dirty:
                    alert.dirty = True
                    touched(alert)
                pulse = alert.pulse
                pulse.left -= 1
                if alert.key is not pulse.first and not pulse.mixed:
                    self._meet(alert, bytes(sent.labels))
                if pulse.left <= 0 and pulse.look(at):
                    self._begin_storm(alert, record, at)
                if bursts and (pause >= PAUSE_MS or alert.burst & in_burst):
                    cause = RecordCause(progress.topic, progress.partition, record.offset, record.headers)
                    self._follow_burst(alert, pause, cause, at)
                    ring_at = timers.next_ms
                if alert.count == alert.told_count + 1 or (
                    had_end if ends_at is None else ends_at <= alert.timer * 1000 - 1000
                ):
                    self._ringing.rearm(alert)
                    ring_at = timers.next_ms
            else:
                self._take(record, sent, arrivals, index, at, alert)
                taken += 1
                ring_at = timers.next_ms
            progress.offset = record.offset + 1
        self._many_changes = taken * 4 > len(rest)
        return len(batch)

    def _begin_time(self, record: Record) -> bool:
        """Let time begin with the first record, and with it the rules; say whether the wall clock is new enough."""
        at = record.timestamp
        if at > self._horizon:
            if record.offset >= self.progress.judged_to and self._wall_clock:
                return False
            at = self.progress.wall_ms
        self.advance(max(0, at))
        return True

    def _take(
        self, record: Record, sent: raw.RawAlert, arrivals: Arrivals, index: int, at: int, known: Alert | None
    ) -> None:
        """Process a record that is not a plain repeat: what it says, its place in its batch, and who it may be."""
        tenant, progress = sent.tenant_id, self.progress
        home = self._origins.partitions.get(tenant)
        try:
            raw.check(sent, tenant_is_known=home is not None)
            severity = self._severities[sent.severity]
            if known is not None and known.name == sent.name and known.tenant == tenant:
                alert, fingerprint, labels = known, known.fingerprint, raw.labels_in(bytes(sent.labels))
            else:
                alert, (fingerprint, labels) = None, arrivals.identity(index)
            extra = None if arrivals.plain else raw.extra_of(record.value or b"")
            if home == progress.partition and not record.headers:  # the usual case
                cause: RecordCause | None = RecordCause(progress.topic, home, record.offset)
            else:
                cause = self._origins.cause_of(record, tenant)
        except RejectedRecordError as error:
            self._telling.reject(record, error, at)
            return
        if cause is None:
            return
        if alert is None:
            alert = self.alerts.find(keys.alert(tenant, fingerprint))
        firing = sent.status != raw.RESOLVED
        ends_at = None if sent.ends_at is None else to_ms(sent.ends_at)
        if sent.starts_at is None or (alert is not None and alert.open and sent.id is None):
            starts_at = None  # that of an open alert is known
        else:
            starts_at = to_ms(sent.starts_at)
        seen = Observation(firing, severity, at, starts_at, ends_at, sent.value)
        change: Change | Unchanged | None
        if sent.id is not None and self._is_second_copy(sent, fingerprint, seen):
            self._processed(sent, severity)
            self._telling.tally.unchanged[Unchanged.DUPLICATE_DELIVERY] += 1
            if alert is not None and alert.open and firing and at > alert.last_event:
                # It counts for nothing, but whoever keeps sending one id does say that the alert goes on.
                alert.last_seen = alert.last_event = at
                self.alerts.touch(alert)
            return
        if alert is None and firing:
            body = raw.body_of(sent, extra)
            # Its first record is in no tally yet: `tallied` is 0, and the next snapshot counts it.
            alert = lifecycle.opened(tenant, fingerprint, sent.name, seen)
            self.alerts.add(keys.alert(tenant, fingerprint), alert, body)
            change = Change.OPENED
            self._pulse(alert, labels, record, at)
        elif alert is None:
            self._processed(sent, severity)
            self._telling.tally.unchanged[Unchanged.UNKNOWN_ALERT] += 1
            return
        else:
            self._processed(sent, severity)
            if alert.count > alert.tallied:
                self.count_repeats(alert)  # before its severity changes
            was_open, before = alert.open, alert.last_event
            change = lifecycle.observe(alert, seen, self.periods)
            self.alerts.open_count += alert.open - was_open
            if firing:
                self._pulse(alert, labels, record, at)
            if isinstance(change, Unchanged):
                self._telling.tally.unchanged[change] += 1
                if firing:
                    self._counted.add(tenant)
                return
            alert.tallied = alert.count
            if change is None:
                self.alerts.remember(arrivals.memos[index], alert)
                self.alerts.touch(alert)
                if self.periods.bursts and at >= before:
                    self._follow_burst(alert, at - before, cause, at)
                self._ringing.rearm(alert)
                return
            body = raw.body_of(sent, extra)
            if alert.name != sent.name:  # a sender's own fingerprint may come under another name
                alert.name = sent.name
            self.alerts.put_body(alert, body)
        if alert.memo != arrivals.memos[index]:
            self.alerts.remember(arrivals.memos[index], alert)
        self.rule_and_tell(alert, change, body, labels, cause.id_of(tenant, change), cause, at, progress.stream_ms)
        self._ringing.rearm(alert)

    def _follow_burst(self, alert: Alert, pause: int, cause: RecordCause, at: int) -> None:
        """Tell of a repeat at once if a burst begins with it: correlation must hear of that."""
        burst = lifecycle.burst(alert, pause)
        if burst is None:
            return
        lifecycle.tell(alert, at)
        body, tenant = self.alerts.body(alert.key), alert.tenant
        labels, standing = raw.labels_in(body.labels), self.suppression.standing(alert)
        output_id = cause.id_of(tenant, Change.REPEATED)
        self._telling.change(alert, Change.REPEATED, body, labels, standing, output_id, cause, at, burst=burst)
        self._ringing.rearm(alert)

    def _pulse(self, alert: Alert, labels: dict[str, str], record: Record, at: int) -> None:
        """Count a firing record, and see whether a storm begins with it."""
        pulse = alert.pulse
        pulse.left -= 1
        if alert.key is not pulse.first and not pulse.mixed:
            pulse.meet(alert.key, alert.name, instance_of(alert, labels))
        if pulse.left <= 0 and pulse.look(at):
            self._begin_storm(alert, record, at)

    def _meet(self, alert: Alert, labels: bytes) -> None:
        alert.pulse.meet(alert.key, alert.name, instance_of(alert, raw.labels_in(labels)))

    def _begin_storm(self, alert: Alert, record: Record, at: int) -> None:
        cause = RecordCause(self.progress.topic, self.progress.partition, record.offset)
        self.suppression.begin_storm(alert.pulse, alert.tenant, cause, at)

    def _processed(self, sent: raw.RawAlert, severity: Severity) -> None:
        status = raw.RESOLVED if sent.status == raw.RESOLVED else raw.FIRING
        self._telling.tally.processed[sent.tenant_id, severity, status] += 1

    def count_repeats(self, alert: Alert) -> None:
        """Count the plain repeats that no tally has yet."""
        self._telling.tally.processed[alert.tenant, alert.severity, raw.FIRING] += alert.count - alert.tallied
        alert.tallied = alert.count

    def _is_second_copy(self, sent: raw.RawAlert, fingerprint: str, seen: Observation) -> bool:
        said = (fingerprint, sent.source, sent.id, seen.firing, int(seen.severity), seen.starts_at)
        return self.deliveries.is_again(keys.delivery(sent.tenant_id, *said), seen.at)

    # -- outputs

    def rule_and_tell(
        self,
        alert: Alert,
        change: Change,
        body: Body,
        labels: dict[str, str],
        output_id: str,
        cause: Cause,
        at: int,
        stream_ms: int,
    ) -> None:
        """Ask who suppresses a change at `at`, tell it, and then what it means for other alerts.

        What is told of a record that comes late is told now, at `stream_ms`, so the rules that hold now decide.
        """
        now = at if at > stream_ms else stream_ms
        scoring = self._scoring
        scores = NONE if scoring is None else scoring.score(alert, change, labels, body.source, at)
        change, ruling, affected = self.suppression.rule(alert, change, body, labels, cause, now, at)
        self._telling.change(alert, change, body, labels, ruling, output_id, cause, at, scores)
        if affected:
            self.suppression.recheck(self.suppression.tenant(alert.tenant), affected, cause, now)

    def tell(self, alert: Alert, change: Change, body: Body, ruling: Ruling, cause: Cause, at: int) -> None:
        """Tell of a change that an alert's verdict brings."""
        lifecycle.tell(alert, at)
        output_id = cause.id_of(alert.tenant, f"{change.value}/{alert.fingerprint}")
        self._telling.change(alert, change, body, raw.labels_in(body.labels), ruling, output_id, cause, at)
        self._ringing.rearm(alert)

    def tell_own(self, tenant: str, own: OwnAlert, cause: Cause, at: int) -> None:
        """Tell of an alert of the pipeline's own."""
        self._telling.own(tenant, own, cause, at)

    # -- control

    def seal_control(self, control: Sequence[Record]) -> None:
        """Take control records in, for the next snapshot to carry and `apply_control` to apply."""
        self._control.seal(control, self.progress)

    def apply_control(self) -> None:
        """Let the control records that were taken in have their effect; before time has begun, as soon as it has."""
        self._control.apply(self.progress.stream_ms)

    def _reject_control(self, record: Record, error: RejectedRecordError, now: int) -> None:
        self._telling.reject(record, error, now, topic=CONTROL_TOPIC)

    @property
    def fallen_back(self) -> Mapping[str, int]:
        """Return of how many tenants each model has fallen back to its simple rule."""
        return {} if self._scoring is None else self._scoring.fallen_back()

    def learn(self, tenant: str, alert: NoiseInput, *, wanted: bool) -> None:
        """Learn whether somebody cared about an alert."""
        if self._scoring is not None:
            self._scoring.learn(tenant, alert, wanted=wanted)

    def take_emitted(self) -> Emitted:
        """Hand over what is to be produced since the last call."""
        return self._telling.take_emitted()

    def take_tally(self) -> Tally:
        """Hand over what was counted since the last call; repeats appear once a snapshot was taken."""
        return self._telling.take_tally()

    def snapshot(self, *, last: bool = False) -> Rows:
        """Return every row that changed since the last snapshot, with the offset they include."""
        rows: Rows = {}
        counted = self._counted | {alert.tenant for alert in self.alerts.dirty}
        self._counted.clear()
        self.alerts.snapshot(rows, self._telling.tally.processed)
        self.deliveries.snapshot(rows)
        self._origins.table.snapshot(rows)
        self.suppression.snapshot(rows, counted)
        if self._scoring is not None:
            self._scoring.snapshot(rows, self.progress.stream_ms)
        if self.rates is not None:
            self.rates.snapshot(rows, self.progress.stream_ms)
        key, value = self.progress.row(last=last)
        rows[key] = value
        return rows

    def report(self) -> None:
        """Pass on what was counted since the last report."""
        self._on_report(self, self.take_tally())

    def share(self, sharers: int) -> None:
        """Keep in memory what is this partition's part, where `sharers` partitions share the capacity."""
        self.alerts.capacity = self.deliveries.capacity = self._capacity // max(1, sharers)

    def shrink(self) -> None:
        """Let go of objects beyond the capacity. Call it right after a snapshot."""
        self.alerts.shrink()
        self.deliveries.shrink()
        if self._scoring is not None:
            self._scoring.shrink()
        if self.rates is not None:
            self.rates.shrink()


def instance_of(alert: Alert, labels: dict[str, str]) -> str:
    """Return what tells alerts of one name apart for the count of storms."""
    return labels.get("instance") or labels.get("host") or alert.fingerprint
