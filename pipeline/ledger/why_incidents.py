"""Which incidents an alert is or was a member of, why it joined each, and what likely caused them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain.timestamps import to_ms, to_text
from pipeline.ledger.incidents import Why

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.ledger.incidents import IncidentRecord, MemberRecord

_REASONS: Final = 3
_SIGNALS: Final = {
    "onset": "it began again together with others",
    "feedback": "people put such alerts together",
    "temporal": "close in time",
    "labels": "a label in common",
    "topology": "near in the topology",
    "text": "alike in words",
    "cooccurrence": "came together before",
}
_OPENED: Final = "first"


class IncidentSaid(msgspec.Struct, frozen=True):
    """One incident as it was told last, and how the alert came to it."""

    incident: str
    title: str
    state: str
    severity: str
    member_count: int
    is_member: bool
    """False: it was."""
    joined_at: str
    why: tuple[Why, ...]
    cause: str | None
    cause_confidence: float | None

    def lines(self) -> Iterator[str]:
        """Yield it for a person: what it is, then how the alert came to it and what caused it."""
        alerts = "1 alert" if self.member_count == 1 else f"{self.member_count:,} alerts"
        told = f"{self.incident} {self.title}: {self.state}, {self.severity}, {alerts}"
        yield told if self.is_member else f"{told}; it is no member any more"
        yield f"It {self._came()}."
        if self.cause is not None:
            yield f"Likeliest cause: {self.cause} ({self.cause_confidence:.2f})."

    def _came(self) -> str:
        if self.why and self.why[0].signal == _OPENED:
            return f"opened it at {self.joined_at}"
        if self.why and self.why[0].is_said:
            return f"joined at {self.joined_at}, because somebody said so"
        reasons = "; ".join(_reason(one) for one in self.why[:_REASONS])
        return f"joined at {self.joined_at}" + (f": {reasons}" if reasons else "")


class AlertIncidents:
    """Take every record of a tenant's incidents, and keep what is said of one alert's."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        self._member: dict[str, MemberRecord] = {}  # by incident, as it was told last
        self._gone: set[str] = set()
        self._newest: dict[str, IncidentRecord] = {}

    def take(self, record: IncidentRecord) -> None:
        """Take the next record."""
        for alias in record.aliases:
            self._merge(alias, record.incident)
        member = next((one for one in record.members if one.fingerprint == self._fingerprint), None)
        if member is not None:
            self._member[record.incident] = member
            self._gone.discard(record.incident)
        elif record.is_whole and record.incident in self._member:
            self._gone.add(record.incident)
        if record.incident in self._member:
            self._newest[record.incident] = record

    def _merge(self, alias: str, into: str) -> None:
        member = self._member.pop(alias, None)
        if member is not None:
            self._member.setdefault(into, member)
            del self._newest[alias]
            self._gone.discard(alias)

    def said(self) -> tuple[IncidentSaid, ...]:
        """Return them in the order in which the alert joined them."""
        found = [self._said(incident, member) for incident, member in self._member.items()]
        return tuple(sorted(found, key=lambda one: (one.joined_at, one.incident)))

    def _said(self, incident: str, member: MemberRecord) -> IncidentSaid:
        record = self._newest[incident]
        cause = record.root_causes[0] if record.root_causes else None
        return IncidentSaid(
            incident,
            record.title,
            record.state,
            record.severity,
            record.member_count,
            incident not in self._gone,
            to_text(to_ms(member.joined_at) or 0),
            member.why,
            None if cause is None else cause.node,
            None if cause is None else cause.confidence,
        )


def _reason(why: Why) -> str:
    """Return "near in the topology (checkout) 0.86, 1.2 s after 7bb29e61"."""
    said = _SIGNALS.get(why.signal, why.signal)
    detail = f" ({why.detail})" if why.detail else ""
    after = f", {why.lag_ms / 1000:g} s after {why.of[:8]}" if why.of else ""
    return f"{said}{detail} {why.strength:.2f}{after}"
