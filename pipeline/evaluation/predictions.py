"""What the pipeline says of each alert of a set: its incident, its verdict, its scores, the causes of its incident.

The agents run one behind the other as workers run them, in event time, and are asked after every alert.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from agents.correlate import CorrelateStep
from agents.ingest import RAW_TOPIC, IngestStep
from agents.scoring import SCORED, noise_input
from agents.suppress.defaults import Defaults
from pipeline.domain.alert import Periods
from pipeline.domain.correlation.seen import Feedback
from pipeline.domain.correlation.settings import CorrelationSettings
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.fingerprint import fingerprint_of
from pipeline.domain.severity import Severity, severity_of
from pipeline.domain.timestamps import to_ms, to_text
from pipeline.replay_run import Record
from pipeline.schemas import raw
from tables import keys
from tables.store import DictStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from models.noise import NoiseInput
    from pipeline.domain.topology import Topology
    from pipeline.evaluation.labelled import Labelled
    from pipeline.exchange import Line
    from pipeline.schemas.records import Output
    from pipeline.stream.step import Step

_DAY: Final = 24 * 3600 * 1000
_SETTLES: Final = 60_000  # ms after the last alert: the causes of an incident are ranked some time after it grew
_SNAPSHOT_EVERY: Final = 20_000  # alerts: what is kept until a snapshot must not pile up


class Prediction(msgspec.Struct, frozen=True):
    """What was said of one alert, right after it was taken in."""

    line: int
    incident: str | None
    verdict: str
    suppressed_by: tuple[str, ...] = ()
    noise: float | None = None
    anomaly: float | None = None
    root_causes: tuple[str, ...] = ()


class _Told(msgspec.Struct):
    tenant_id: str
    fingerprint: str
    change: str = ""
    scores: dict[str, float] = {}


class _Incident(msgspec.Struct):
    incident: str
    tenant_id: str = ""
    change: str = ""
    aliases: list[str] = []
    root_causes: list[dict[str, Any]] = []


_told = msgspec.json.Decoder(_Told).decode
_incident = msgspec.json.Decoder(_Incident).decode


@dataclass
class Pipeline:
    """The agents of one partition, in event time, and what they said."""

    topology: Topology | None = None
    settings: CorrelationSettings = field(default_factory=CorrelationSettings)
    periods: Periods = field(default_factory=Periods)
    defaults: Defaults = field(default_factory=Defaults)
    progress: Callable[[int], None] = lambda count: None

    def __post_init__(self) -> None:
        """Begin with nothing learned."""
        self._rows = DictStore(), DictStore()
        self._ingest = IngestStep(
            self._rows[0],
            topic=RAW_TOPIC,
            partition=0,
            partitions=1,
            periods=self.periods,
            wall_clock=False,
            defaults=self.defaults,
        )
        self._correlate = CorrelateStep(
            self._rows[1], partition=0, partitions=1, settings=self.settings, topology=self.topology
        )
        self._changes = 0
        self._latest = 0
        self._scores: dict[tuple[str, str], dict[str, float]] = {}
        self._survivor: dict[str, str] = {}
        self._causes: dict[str, tuple[str, ...]] = {}
        self._over: list[_Incident] = []  # incidents that were resolved since anybody looked

    def learn(self, alerts: Sequence[Labelled], tenants: Iterable[str], begin: int) -> None:
        """Let `tenants` live through a set before `begin` (ms), and learn its labels from its changes.

        As if these were their own alerts of the days before, and their people had told of each change whether they
        cared: of changes, and not of every repeat, for that is what people are told of. When an incident is over, they
        told its cause: of the fault that most of its alerts are of.
        """
        last = max((one.line.timestamp or 0 for one in alerts), default=begin)
        shift = (begin - last) // _DAY * _DAY - _DAY  # the hours of the day stay
        learning = list(tenants)
        roots: dict[str, Counter[str]] = defaultdict(Counter)  # by incident
        for alert in alerts:
            for tenant in learning:
                line = moved(alert.line, tenant, shift)
                changed = self._take(line)
                found = _alert_of(line.value or b"") if changed else None
                if found is not None:
                    self._ingest.learn(tenant, found, wanted=alert.truth.wanted)
                incident = self._prediction(line.number, line.value or b"").incident
                if incident is not None and alert.truth.root_cause is not None:
                    roots[incident][alert.truth.root_cause] += 1
                self._tell_causes(roots)

    def _tell_causes(self, roots: Mapping[str, Counter[str]]) -> None:
        """Tell the causes of incidents that are over."""
        for one in self._over:
            found = sum((roots[name] for name in (one.incident, *one.aliases) if name in roots), Counter[str]())
            if found:
                root = found.most_common(1)[0][0]
                said = Feedback(f"cause-of-{one.incident}", "root_cause", one.incident, node=root)
                self._correlate.correlators.apply_feedback(one.tenant_id, said, max(0, self._latest))
        self._over.clear()

    def predict(self, alerts: Iterable[Labelled]) -> list[Prediction]:
        """Return one prediction for each alert, in their order, with the incidents as they are at the end."""
        said = []
        self._over.clear()
        for count, alert in enumerate(alerts):
            line = alert.line
            self._take(line)
            said.append(self._prediction(line.number, line.value or b""))
            if count % _SNAPSHOT_EVERY == _SNAPSHOT_EVERY - 1:
                self._checkpoint()
                self.progress(count + 1)
        self._correlate.advance(max(0, self._latest) + _SETTLES)
        for output in self._correlate.take_emitted().correlated:
            self._hear(output)
        return [self._final(one) for one in said]

    def _take(self, line: Line) -> bool:
        """Take an alert in; say whether it opened or changed something."""
        self._latest = self._latest if line.timestamp is None else line.timestamp
        record = Record(self._ingest.next_offset, max(0, self._latest), line.key, line.value, ())
        self._ingest.process([record], 0)
        changes = self._ingest.take_emitted().enriched
        if not changes:
            return False
        is_change = False
        for change in changes:
            told = _told(change.value or b"")
            is_change = is_change or told.change in SCORED
            if told.scores:
                self._scores[told.tenant_id, told.fingerprint] = told.scores
        records = [self._record_of(change) for change in changes]
        self._correlate.process(records, 0)
        for output in self._correlate.take_emitted().correlated:
            self._hear(output)
        return is_change

    def _record_of(self, change: Output) -> Record:
        self._changes += 1
        return Record(self._changes - 1, change.timestamp, change.key, change.value, change.headers)

    def _hear(self, output: Output) -> None:
        found = _incident(output.value or b"")
        if found.change == "resolved":
            self._over.append(found)
        for alias in found.aliases:
            self._survivor[alias] = found.incident
        self._causes[found.incident] = tuple([one["node"] for one in found.root_causes])

    def _prediction(self, number: int, value: bytes) -> Prediction:
        named = _identity_of(value)
        if named is None:
            return Prediction(number, None, "rejected")
        tenant, fingerprint = named
        alert = self._ingest.alerts.find(keys.alert(tenant, fingerprint))
        held = alert.held if alert is not None else ()
        scores = self._scores.get(named, {})
        correlator = self._correlate.correlators.get(tenant)
        return Prediction(
            number,
            correlator.incident_of(fingerprint) if correlator is not None else None,
            "suppressed" if held else "active",
            held,
            scores.get("noise"),
            scores.get("anomaly"),
        )

    def _final(self, one: Prediction) -> Prediction:
        incident = one.incident
        while incident is not None and incident in self._survivor:
            incident = self._survivor[incident]
        causes: Sequence[str] = self._causes.get(incident or "", ())
        return msgspec.structs.replace(one, incident=incident, root_causes=tuple(causes))

    def _checkpoint(self) -> None:
        steps: tuple[tuple[DictStore, Step], ...] = ((self._rows[0], self._ingest), (self._rows[1], self._correlate))
        for store, step in steps:
            store.write(step.snapshot())
            step.report()


def moved(line: Line, tenant: str, shift: int) -> Line:
    """Return an alert as another tenant's, `shift` ms later; one that is no alert as it is."""
    try:
        alert = msgspec.json.decode(line.value or b"", type=dict[str, Any])
        for name in ("starts_at", "ends_at"):
            at = to_ms(msgspec.convert(alert.get(name), datetime | None))
            if at is not None:
                alert[name] = to_text(at + shift)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return line
    at = None if line.timestamp is None else line.timestamp + shift
    value = msgspec.json.encode({**alert, "tenant_id": tenant})
    return line._replace(key=tenant.encode(), value=value, timestamp=at)


def tenants_of(alerts: Iterable[Labelled]) -> list[str]:
    """Return the tenants of a set, in order."""
    return sorted({(alert.line.key or b"").decode() for alert in alerts if alert.line.key})


def _alert_of(value: bytes) -> NoiseInput | None:
    """Return what the noise model looks at of an alert, None if it is refused."""
    try:
        sent = raw.parse(value)
        labels = raw.labels_of(sent)
    except RejectedRecordError:
        return None
    at = (None if sent.starts_at is None else to_ms(sent.starts_at)) or 0
    return noise_input(at, sent.name, sent.source, labels, severity_of(sent.severity) or Severity.WARNING)


def _identity_of(value: bytes) -> tuple[str, str] | None:
    """Return tenant and fingerprint of an alert, None if it is refused."""
    try:
        sent = raw.parse(value)
        return sent.tenant_id, sent.fingerprint or fingerprint_of(sent.name, raw.labels_of(sent))
    except RejectedRecordError:
        return None
