"""The correlate agent: changes of alerts in, changes of incidents out.

`CorrelateStep` is the whole of it for one partition of alerts.enriched, without a broker. What it tells follows from
its inputs, its state and the ticks sealed into it, so a second run from any snapshot tells the same under the same ids.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from agents.correlators import TENANTS, Correlators
from agents.intake import Intake
from agents.placed import Placed
from agents.seen import seen_of
from agents.suppress import tellings
from agents.suppress.cause import RecordCause, TimerCause
from pipeline.domain.correlation.seen import Feedback
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.opinion import OF_ALERTS, Opinion
from pipeline.domain.reasons import Rejection, Unchanged
from pipeline.domain.topology_part import TopologyPart
from pipeline.schemas import outputs, own
from pipeline.schemas.changes import parse_change
from pipeline.schemas.control import rule_of
from pipeline.schemas.control_records import ControlRecord, Tombstone, as_bytes, is_outdated, parse_control
from pipeline.schemas.correlated import CORRELATED_TOPIC, incident_output, output_id
from pipeline.schemas.outputs import DEAD_TOPIC, ENRICHED_TOPIC
from tables import keys
from tables.control import ControlTable
from tables.ids import IdTable
from tables.progress import Progress, read_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from agents.suppress.cause import Cause
    from pipeline.domain.correlation.settings import CorrelationSettings
    from pipeline.domain.correlation.views import IncidentEvent
    from pipeline.domain.topology import Topology
    from pipeline.schemas.control import Rule
    from pipeline.schemas.control_records import ControlKey
    from pipeline.schemas.records import Output, Record
    from tables.store import Rows, RowStore

KINDS: Final = frozenset(("topology", "feedback"))
"""The kinds of control records that this agent follows."""


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
        tenants: int = TENANTS,
        on_report: Callable[[CorrelateStep, CorrelateTally], None] = lambda step, tally: None,
    ) -> None:
        self.progress = Progress(ENRICHED_TOPIC, partition, partitions)
        self.correlators = Correlators(store, settings, topology, tenants)
        self._on_report = on_report
        self._table = ControlTable(store)
        self._control = Intake(
            self._table, partition, apply=self._apply, reject=lambda *_: None, ignore=lambda why: None
        )
        self._ids = IdTable(store)
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
        self.correlators.load(self._parts())
        if self.progress.tick_ms:  # it was sealed that time moved on here; what that caused may not have left
            self.advance(self.progress.tick_ms)
        self._control.resume()
        self.apply_control()  # it was sealed that these came here; what they caused may not have left

    def _parts(self) -> Iterator[tuple[str, TopologyPart]]:
        """Yield the parts of topologies in force, each with its tenant."""
        for tenant, key, _, value in self._table.rules():
            rule = _rule_in(parse_control(key, value))
            if isinstance(rule, TopologyPart):
                yield tenant, rule

    # -- time

    @property
    def next_timer_ms(self) -> int:
        """Return when time alone next may cause something."""
        return self.correlators.next_time

    def seal(self, wall_ms: int, *, tick: bool) -> None:
        """Take the wall clock in. The next snapshot carries it, and with `tick` that time moves on to it."""
        self.progress.wall_ms = max(self.progress.wall_ms, wall_ms)
        self.progress.tick_ms = wall_ms if tick else 0

    def advance(self, now_ms: int) -> None:
        """Let time pass to `now_ms`."""
        self.progress.tick_ms = 0
        self.progress.stream_ms = max(self.progress.stream_ms, now_ms)
        while (found := self.correlators.next_due(now_ms)) is not None:
            due, tenant = found
            cause = TimerCause(self.progress.partition, due)
            events = self.correlators.pass_time(tenant, due)
            self._tell(tenant, events, cause, cause.id_of(tenant, "incidents"), due)

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
        tenant = told.tenant_id
        if self._ids.is_again(tenant, told.id) or told.source == own.SOURCE:
            return
        events = self.correlators.observe(tenant, seen)
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
            self.correlators.draw(key.tenant_id, key.id, rule if isinstance(rule, TopologyPart) else None)
        else:
            self._heed(key, before, rule, cause, now)
        return None

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
        events = self.correlators.apply_feedback(tenant, said, now)
        self._tell(tenant, events, cause, cause.id_of(tenant, "incidents"), now)

    @property
    def open_count(self) -> int:
        """Return how many incidents are open."""
        return self.correlators.open_count

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
            alarm = tellings.suppressed_in_incident(
                tenant, fingerprint, member.name, member.suppressed_by, event.incident.id, at
            )
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
        self.correlators.snapshot(rows, self.progress.stream_ms)
        key, value = self.progress.row(last=last)
        rows[key] = value
        return rows

    def report(self) -> None:
        """Pass on what was counted since the last report."""
        tally, self._tally = self._tally, CorrelateTally()
        self._on_report(self, tally)

    def share(self, sharers: int) -> None:
        """Do nothing: what is in memory is bounded by tenant, and by their number."""

    def shrink(self) -> None:
        """Let go of tenants that need not be in memory."""
        self.correlators.shrink()


def _rule_in(record: ControlRecord | Tombstone) -> Rule | None:
    """Return what a version says, None where it deletes.

    Raises:
        RejectedRecordError: if it is not valid.
    """
    return None if isinstance(record, Tombstone) or record.deleted else rule_of(record)


def _kind_of(record: Record) -> str:
    parts = (record.key or b"").split(b"/")
    return parts[1].decode(errors="replace") if len(parts) > 2 else ""
