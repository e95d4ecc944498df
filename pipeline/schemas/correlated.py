"""alerts.correlated, version 1: one change of one incident, with its members and why each of them joined."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain.correlation.views import ABOUT_MEMBERS
from pipeline.domain.ids import id_from_timer
from pipeline.domain.severity import LABELS
from pipeline.domain.timestamps import to_datetime
from pipeline.schemas import records
from pipeline.schemas.records import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.domain.correlation.views import Cause, IncidentEvent, Member

CORRELATED_TOPIC: Final = "alerts.correlated"
SCHEMA: Final = "alerts.correlated/1"
MEMBERS: Final = 200
"""How many members a record lists at most, those that joined last, unless it is about these and no others."""
_encode: Final = msgspec.json.Encoder().encode
_HEADER: Final = (records.SCHEMA, SCHEMA.encode())


class _Why(msgspec.Struct, gc=False):
    detail: str | msgspec.UnsetType
    lag_ms: int
    of: str
    signal: str
    strength: float


class _Member(msgspec.Struct, gc=False):
    active: bool
    fingerprint: str
    joined_at: datetime
    name: str
    severity: str
    strength: float
    suppressed: bool
    why: list[_Why]


class _Cause(msgspec.Struct, gc=False):
    confidence: float
    evidence: tuple[str, ...]
    node: str


class _Incident(msgspec.Struct, gc=False):
    """One record; fields are written in this order, which is that of their names."""

    about: tuple[str, ...]
    aliases: tuple[str, ...]
    at: datetime
    change: str
    confidence: float
    first_seen_at: datetime
    hosts: tuple[str, ...]
    id: str
    incident: str
    last_seen_at: datetime
    member_count: int
    members: list[_Member]
    root_causes: msgspec.Raw  # a list of `_Cause`
    services: tuple[str, ...]
    severity: str
    state: str
    tenant_id: str
    title: str


def output_id(tenant: str, cause_id: str, index: int) -> str:
    """Return the id of output number `index` of what a change, a timer or a control record with an id causes."""
    return id_from_timer(tenant, f"correlated/{cause_id}", index)


def incident_output(
    tenant: str,
    event: IncidentEvent,
    record_id: str,
    origin: bytes,
    at: int,
    partition: int,
    traces: Sequence[tuple[str, bytes]] = (),
) -> Output:
    """Return the record that tells of one change of an incident, at `at` (ms)."""
    incident = event.incident
    members = incident.members if event.kind in ABOUT_MEMBERS else incident.members[-MEMBERS:]
    value = _encode(
        _Incident(
            event.about,
            incident.aliases,
            to_datetime(at),
            event.kind,
            round(incident.confidence, 4),
            to_datetime(incident.first_seen),
            incident.hosts,
            record_id,
            incident.id,
            to_datetime(incident.last_seen),
            incident.member_count,
            [_member(one) for one in members],
            causes_told(incident.root_causes),
            incident.services,
            LABELS[incident.severity],
            incident.state,
            tenant,
            incident.title,
        )
    )
    headers = [(records.ID, record_id.encode()), _HEADER, (records.ORIGIN, origin)]
    if traces:
        headers += [(name, text) for name, text in traces if name == records.TRACEPARENT][:1]
    return Output(tenant.encode(), value, headers, at, partition)


@lru_cache(maxsize=1024)  # an incident's causes are told with each of its changes, and ranked now and then
def causes_told(causes: tuple[Cause, ...]) -> msgspec.Raw:
    """Return what records say of these causes, as JSON."""
    return msgspec.Raw(_encode([_Cause(round(one.confidence, 4), one.evidence, one.node) for one in causes]))


def _member(one: Member) -> _Member:
    return _Member(
        one.active,
        one.fingerprint,
        to_datetime(one.joined_at),
        one.name,
        LABELS[one.severity],
        round(one.strength, 4),
        one.suppressed,
        [_Why(why.detail or msgspec.UNSET, why.lag_ms, why.of, why.signal, round(why.strength, 4)) for why in one.why],
    )
