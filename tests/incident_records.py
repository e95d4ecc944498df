"""Records of alerts.correlated as tests write them: by what writes them for workers too."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from pipeline.domain.correlation.views import ABOUT_MEMBERS, Cause, IncidentEvent, IncidentView, Link, Member
from pipeline.domain.severity import Severity
from pipeline.ledger.incidents import IncidentLedger, IncidentRecord
from pipeline.schemas.correlated import incident_output

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_numbers = itertools.count(1)
FIRST = Link("first", 1.0, 0, "")


def member(fingerprint: str, *why: Link, joined_at: int = 0) -> Member:
    """Return an alert of an incident, which opened it unless `why` says how it came."""
    severity = int(Severity.WARNING)
    return Member(fingerprint, "HighCPU", severity, joined_at, why or (FIRST,), 0.9, True, False)


def incident(
    kind: str,
    at: int,
    *members: Member,
    about: Collection[str] = (),
    name: str = "i1",
    tenant: str = "acme",
    aliases: Iterable[str] = (),
    causes: Iterable[str] = (),
    state: str = "open",
) -> bytes:
    """Return the value of a record; of a change about some members it lists these only."""
    view = IncidentView(
        id=name,
        state=state,
        severity=int(Severity.CRITICAL),
        title="HighCPU on web-1",
        first_seen=at,
        last_seen=at,
        members=tuple([one for one in members if kind not in ABOUT_MEMBERS or one.fingerprint in about]),
        member_count=len(members),
        root_causes=tuple(Cause(node, 1 / (2 + place), ()) for place, node in enumerate(causes)),
        aliases=tuple(aliases),
        services=(),
        hosts=(),
        confidence=0.9,
    )
    event = IncidentEvent(kind, view, tuple(about))
    return incident_output(tenant, event, f"{next(_numbers):032x}", b"alerts.enriched/0/0", at, 0).value or b""


def incident_records(*values: bytes, tenant: str = "acme") -> list[IncidentRecord]:
    """Return records as the ledger has them."""
    ledger = IncidentLedger(tenant)
    return [record for value in values if (record := ledger.take(value)) is not None]
