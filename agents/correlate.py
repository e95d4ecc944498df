"""The correlate agent: changes of alerts in, changes of incidents out.

`CorrelateStep` is the whole of it for one partition of alerts.enriched, without a broker. What it tells follows from
its inputs, its state and the ticks sealed into it, so a second run from any snapshot tells the same under the same ids.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final

import msgspec

from agents.intake import Intake
from agents.placed import Placed
from agents.suppress import tellings
from agents.suppress.cause import RecordCause, TimerCause
from models import snapshot
from pipeline.domain.correlation.correlator import Correlator
from pipeline.domain.correlation.seen import Feedback, Seen
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.opinion import OF_ALERTS, Opinion
from pipeline.domain.reasons import Rejection, Unchanged
from pipeline.domain.severity import severity_of
from pipeline.domain.timestamps import to_ms
from pipeline.domain.topology_part import TopologyPart, joined
from pipeline.schemas import outputs, own
from pipeline.schemas.changes import parse_change
from pipeline.schemas.control import rule_of
from pipeline.schemas.control_records import ControlRecord, Tombstone, as_bytes, is_outdated, parse_control
from pipeline.schemas.correlated import CORRELATED_TOPIC, incident_output, output_id
from pipeline.schemas.outputs import DEAD_TOPIC, ENRICHED_TOPIC
from tables import keys
from tables.control import ControlTable
from tables.ids import IdTable
from tables.journal import Journal
from tables.progress import Progress, read_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agents.suppress.cause import Cause
    from pipeline.domain.correlation.settings import CorrelationSettings
    from pipeline.domain.correlation.views import IncidentEvent
    from pipeline.domain.topology import Topology
    from pipeline.schemas.changes import Told
    from pipeline.schemas.control import Rule
    from pipeline.schemas.control_records import ControlKey
    from pipeline.schemas.records import Output, Record
    from tables.store import Rows, RowStore

NAME: Final = "correlator"
VERSION: Final = 1
KINDS: Final = frozenset(("topology", "feedback"))
"""The kinds of control records that this agent follows."""
_NEVER: Final = 1 << 62
_SUMMARIES: Final = ("summary", "description", "message")


class Happened(msgspec.Struct, array_like=True, frozen=True):
    """One thing that happened to a tenant: a change was seen, time passed, or somebody said something."""

    seen: Seen | None = None
    passed: int = 0  # the time; without anything else, it passed
    said: Feedback | None = None


@dataclass(slots=True)
class Emitted:
    """What is to be produced since it was last asked."""

    correlated: list[Output] = field(default_factory=list)
    enriched: list[Output] = field(default_factory=list)
    dead: list[Output] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.correlated or self.enriched or self.dead)

    def by_topic(self) -> dict[str, list[Output]]:
        """Return the outputs by the topic that each belongs to."""
        topics = {CORRELATED_TOPIC: self.correlated, ENRICHED_TOPIC: self.enriched, DEAD_TOPIC: self.dead}
        return {topic: found for topic, found in topics.items() if found}


@dataclass(slots=True)
class CorrelateTally:
    """What was counted since the last report."""

    told: Counter[str] = field(default_factory=Counter)
    rejected: Counter[Rejection] = field(default_factory=Counter)


class CorrelateStep(Placed):
    """Everything the correlate agent does to one partition of alerts.enriched."""

    def __init__(
        self,
        store: RowStore,
        *,
        partition: int,
        partitions: int,
        settings: CorrelationSettings,
        topology: Topology | None = None,
        on_report: Callable[[CorrelateStep, CorrelateTally], None] = lambda step, tally: None,
    ) -> None:
        self.progress = Progress(ENRICHED_TOPIC, partition, partitions)
        self.correlators: dict[str, Correlator] = {}
        self._settings = settings
        self._topology = topology
        self._on_report = on_report
        self._journal = Journal(store, Happened)
        self._table = ControlTable(store)
        self._parts: dict[str, dict[str, TopologyPart]] = {}  # of topologies, by tenant and id
        self._control = Intake(
            self._table, partition, apply=self._apply, reject=lambda *_: None, ignore=lambda why: None
        )
        self._ids = IdTable(store)
        self._timers: list[tuple[int, str]] = []
        self._emitted = Emitted()
        self._tally = CorrelateTally()
        self.is_fresh = store.get(keys.PROGRESS) is None
        self._restore(store)

    def _restore(self, store: RowStore) -> None:
        stored = store.get(keys.PROGRESS)
        if stored is None:
            return
        self.progress = read_progress(stored, self.progress)
        self._ids.load()
        for tenant, key, _, value in self._table.rules():
            rule = _rule_in(parse_control(key, value))
            if isinstance(rule, TopologyPart):
                self._parts.setdefault(tenant, {})[rule.ref.id] = rule
        for tenant, whole, since in self._journal.load():
            correlator = self._new(tenant) if whole is None else self._restored(tenant, whole)
            self.correlators[tenant] = correlator
            for entry in since:
                if entry.seen is not None:
                    correlator.observe(entry.seen)
                elif entry.said is not None:
                    correlator.apply_feedback(entry.said, entry.passed)
                else:
                    correlator.pass_time(entry.passed)
            self._arm(tenant, correlator)
        if self.progress.tick_ms:  # it was sealed that time moved on here; what that caused may not have left
            self.advance(self.progress.tick_ms)
        self._control.resume()
        self.apply_control()  # it was sealed that these came here; what they caused may not have left

    def _new(self, tenant: str) -> Correlator:
        return Correlator(tenant, self._settings, self._topology_of(tenant))

    def _of(self, tenant: str) -> Correlator:
        correlator = self.correlators.get(tenant)
        if correlator is None:
            correlator = self.correlators[tenant] = self._new(tenant)
        return correlator

    def _restored(self, tenant: str, whole: bytes) -> Correlator:
        known: Any = snapshot.unpack(NAME, VERSION, whole)
        return Correlator.restore(tenant, self._settings, self._topology_of(tenant), known)

    # -- time

    @property
    def next_timer_ms(self) -> int:
        """Return when time alone next may cause something."""
        return self._timers[0][0] if self._timers else _NEVER

    def seal(self, wall_ms: int, *, tick: bool) -> None:
        """Take the wall clock in. The next snapshot carries it, and with `tick` that time moves on to it."""
        self.progress.wall_ms = max(self.progress.wall_ms, wall_ms)
        self.progress.tick_ms = wall_ms if tick else 0

    def advance(self, now_ms: int) -> None:
        """Let time pass to `now_ms`."""
        self.progress.tick_ms = 0
        self.progress.stream_ms = max(self.progress.stream_ms, now_ms)
        while self._timers and self._timers[0][0] <= now_ms:
            due, tenant = heappop(self._timers)
            correlator = self.correlators[tenant]
            if correlator.next_time != due:
                continue  # it was moved, and the other one is in here as well
            cause = TimerCause(self.progress.partition, due)
            self._journal.happened(tenant, Happened(passed=due), due)
            self._tell(tenant, correlator.pass_time(due), cause, cause.id_of(tenant, "incidents"), due)
            self._arm(tenant, correlator)

    def _arm(self, tenant: str, correlator: Correlator) -> None:
        due = correlator.next_time
        if due is not None:
            heappush(self._timers, (due, tenant))

    # -- records

    def process(self, batch: Sequence[Record], start: int) -> int:
        """Process records from index `start` on; return the length of the batch: nothing here asks for a clock."""
        progress = self.progress
        for record in batch[start:]:
            if record.offset < progress.offset:  # the state holds it already
                continue
            at = record.timestamp
            if at > progress.stream_ms:
                if at >= self.next_timer_ms:
                    self.advance(at)
                progress.stream_ms = at
            self._take(record, at if at >= 0 else progress.stream_ms)
            progress.offset = record.offset + 1
        return len(batch)

    def _take(self, record: Record, at: int) -> None:
        try:
            told = parse_change(record.value)
            seen = seen_of(told, at)
        except RejectedRecordError as error:
            self._tally.rejected[error.reason] += 1
            dead = outputs.dead_letter(
                record, error, topic=ENRICHED_TOPIC, partition=self.progress.partition, at=max(0, at)
            )
            self._emitted.dead.append(dead)
            return
        if self._ids.is_again(told.id) or told.source == own.SOURCE:
            return
        tenant = told.tenant_id
        correlator = self._of(tenant)
        armed = correlator.next_time
        events = correlator.observe(seen)
        self._journal.happened(tenant, Happened(seen), at)
        if correlator.next_time != armed:
            self._arm(tenant, correlator)
        if events:
            cause = RecordCause(ENRICHED_TOPIC, self.progress.partition, record.offset, record.headers)
            self._tell(tenant, events, cause, told.id, at)

    # -- control

    def seal_control(self, control: Sequence[Record]) -> None:
        """Take control records in, for the next snapshot to carry and `apply_control` to apply."""
        self._control.seal([one for one in control if _kind_of(one) in KINDS], self.progress)
        if control:
            self.progress.control_offset = max(self.progress.control_offset, control[-1].offset + 1)

    def apply_control(self) -> None:
        """Let the control records that were taken in have their effect."""
        self._control.apply(self.progress.stream_ms or 1)

    def _apply(self, record: Record, cause: RecordCause, now: int) -> Unchanged | None:
        """Put one record in force. The ingest agent, which reads the same records, tells of those that are invalid.

        Raises:
            RejectedRecordError: for one of these.
        """
        given = parse_control(record.key, record.value)
        key = given.key
        known = self._table.value(*key)
        before = None if known is None else _rule_in(parse_control(as_bytes(key), known))
        if isinstance(given, Tombstone):
            rule, value = None, None
        else:
            if is_outdated(given, known):
                return Unchanged.OLDER_VERSION
            rule, value = _rule_in(given), given.value
        self._table.put(*key, now, value)
        if key.kind == "topology":
            self._parts.setdefault(key.tenant_id, {}).pop(key.id, None)
            if isinstance(rule, TopologyPart):
                self._parts[key.tenant_id][key.id] = rule
            self._draw(key.tenant_id)
        else:
            self._heed(key, before, rule, cause, now)
        return None

    def _draw(self, tenant: str) -> None:
        """Let a tenant's topology hold as its records say now."""
        correlator = self._of(tenant)
        correlator.set_topology(self._topology_of(tenant))
        self._journal.write_whole(tenant)  # what happened before happened under another one

    def _topology_of(self, tenant: str) -> Topology | None:
        return joined(self._parts.get(tenant, {}).values()) or self._topology

    def _heed(self, key: ControlKey, before: Rule | None, rule: Rule | None, cause: RecordCause, now: int) -> None:
        """Let what somebody says of an incident be learned, or unlearned where it is taken back."""
        tenant = key.tenant_id
        if isinstance(rule, Opinion):
            said = Feedback(key.id, rule.says.value, rule.incident, rule.fingerprint, rule.node)
        else:
            said = Feedback(f"{key.id}/undo", "undo", before.incident if isinstance(before, Opinion) else "", of=key.id)
        spoken = rule if isinstance(rule, Opinion) else before
        if not isinstance(spoken, Opinion) or spoken.says in OF_ALERTS:
            return
        correlator = self._of(tenant)
        events = correlator.apply_feedback(said, now)
        self._journal.happened(tenant, Happened(said=said, passed=now), now)
        self._arm(tenant, correlator)
        self._tell(tenant, events, cause, cause.id_of(tenant, "incidents"), now)

    @property
    def open_count(self) -> int:
        """Return how many incidents are open."""
        return sum(correlator.open_count for correlator in self.correlators.values())

    # -- outputs

    def _tell(self, tenant: str, events: Iterable[IncidentEvent], cause: Cause, cause_id: str, at: int) -> None:
        partition = self.progress.partition
        for index, event in enumerate(events):
            record_id = output_id(tenant, cause_id, index)
            self._emitted.correlated.append(
                incident_output(tenant, event, record_id, cause.origin, at, partition, cause.headers)
            )
            self._tally.told[event.kind] += 1
            if event.kind == "recalled":
                self._recall(tenant, event, cause, record_id, at)

    def _recall(self, tenant: str, event: IncidentEvent, cause: Cause, record_id: str, at: int) -> None:
        """Raise the recall alarm for hidden alerts that belong to a serious incident."""
        members = {one.fingerprint: one for one in event.incident.members}
        for number, fingerprint in enumerate(event.about):
            member = members.get(fingerprint)
            if member is None:
                continue
            alarm = tellings.suppressed_in_incident(tenant, fingerprint, member.name, (), event.incident.id, at)
            own_id = output_id(tenant, f"{record_id}/recall", number)
            self._emitted.enriched.append(
                own.own_output(tenant, alarm, own_id, cause.origin, at, self.progress.partition, cause.headers)
            )

    def take_emitted(self) -> Emitted:
        """Hand over what is to be produced since the last call."""
        emitted, self._emitted = self._emitted, Emitted()
        return emitted

    # -- state

    def snapshot(self, *, last: bool = False) -> Rows:
        """Return every row that changed since the last snapshot, with the offset they include."""
        rows: Rows = {}
        self._ids.snapshot(rows)
        self._table.snapshot(rows)
        self._journal.snapshot(rows, self._whole_of, self.progress.stream_ms)
        key, value = self.progress.row(last=last)
        rows[key] = value
        return rows

    def _whole_of(self, tenant: str) -> bytes:
        return snapshot.pack(NAME, VERSION, self.correlators[tenant].snapshot())

    def report(self) -> None:
        """Pass on what was counted since the last report."""
        tally, self._tally = self._tally, CorrelateTally()
        self._on_report(self, tally)

    def share(self, sharers: int) -> None:
        """Do nothing: what is kept of a tenant is bounded by itself."""

    def shrink(self) -> None:
        """Do nothing, for the same reason."""


def _rule_in(record: ControlRecord | Tombstone) -> Rule | None:
    """Return what a version says, None where it deletes.

    Raises:
        RejectedRecordError: if it is not valid.
    """
    return None if isinstance(record, Tombstone) or record.deleted else rule_of(record)


def _kind_of(record: Record) -> str:
    parts = (record.key or b"").split(b"/")
    return parts[1].decode(errors="replace") if len(parts) > 2 else ""


def seen_of(told: Told, at: int) -> Seen:
    """Return a change as correlation sees it.

    Raises:
        RejectedRecordError: if it says something that the ingest agent never says.
    """
    severity = severity_of(told.severity)
    starts_at = to_ms(told.starts_at)
    if severity is None or starts_at is None:
        raise RejectedRecordError(
            Rejection.WRONG_TYPE, "its severity or its time cannot be. Only the ingest agent writes here"
        )
    texts = (told.annotations.get(name) for name in _SUMMARIES)
    return Seen(
        fingerprint=told.fingerprint,
        name=told.name,
        severity=int(severity),
        firing=told.status == "firing",
        suppressed=told.verdict == "suppressed",
        change=told.change if told.burst is None else told.burst.kind,
        at=at,
        starts_at=starts_at,
        labels=told.labels,
        source=told.source,
        text=next((text for text in texts if isinstance(text, str) and text), ""),
        count=told.count,
        output_id=told.id,
        last_seen=to_ms(told.last_seen_at) or 0,
        quiet_ms=0 if told.burst is None else told.burst.quiet_ms,
    )
