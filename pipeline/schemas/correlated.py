"""alerts.correlated, version 1: one change of one incident, with its members and why each of them joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.domain.ids import id_from_timer
from pipeline.domain.severity import LABELS
from pipeline.domain.timestamps import to_datetime
from pipeline.schemas import records
from pipeline.schemas.records import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.domain.correlation.views import IncidentEvent, IncidentView, Member

CORRELATED_TOPIC: Final = "alerts.correlated"
SCHEMA: Final = "alerts.correlated/1"
MEMBERS: Final = 200
"""How many members a record lists at most, those that joined last; `member_count` counts them all."""
_ABOUT_MEMBERS: Final = frozenset(("joined", "left", "severity", "recalled"))
"""Changes whose records list only the members that they are about: the others were told when they joined."""
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_HEADER: Final = (records.SCHEMA, SCHEMA.encode())


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
    said = {"id": record_id, "tenant_id": tenant, "change": event.kind, "at": to_datetime(at)}
    said["about"] = list(event.about)
    members = event.incident.members[-MEMBERS:]
    if event.kind in _ABOUT_MEMBERS:
        about = set(event.about)
        members = tuple([one for one in event.incident.members if one.fingerprint in about])
    value = _encode(said | incident_of(event.incident, members))
    headers = [(records.ID, record_id.encode()), _HEADER, (records.ORIGIN, origin)]
    headers += [(name, text) for name, text in traces if name == records.TRACEPARENT][:1]
    return Output(tenant.encode(), value, headers, at, partition)


def incident_of(view: IncidentView, members: Sequence[Member]) -> dict[str, Any]:
    """Return an incident as it stands in a record that lists these members."""
    return {
        "incident": view.id,
        "aliases": list(view.aliases),
        "state": view.state,
        "severity": LABELS[view.severity],
        "title": view.title,
        "first_seen_at": to_datetime(view.first_seen),
        "last_seen_at": to_datetime(view.last_seen),
        "confidence": round(view.confidence, 4),
        "root_causes": [
            {"node": one.node, "confidence": round(one.confidence, 4), "evidence": list(one.evidence)}
            for one in view.root_causes
        ],
        "services": list(view.services),
        "hosts": list(view.hosts),
        "member_count": view.member_count,
        "members": [_member(one) for one in members],
    }


def _member(one: Member) -> dict[str, Any]:
    return {
        "fingerprint": one.fingerprint,
        "name": one.name,
        "severity": LABELS[one.severity],
        "joined_at": to_datetime(one.joined_at),
        "active": one.active,
        "suppressed": one.suppressed,
        "strength": round(one.strength, 4),
        "why": [
            {"signal": why.signal, "strength": round(why.strength, 4), "lag_ms": why.lag_ms, "of": why.of}
            | ({"detail": why.detail} if why.detail else {})
            for why in one.why
        ],
    }
