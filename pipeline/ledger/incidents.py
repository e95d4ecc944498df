"""What alerts.correlated says of one tenant's incidents, record by record."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

import msgspec

from pipeline.domain.quality import SAID, IncidentTold
from pipeline.domain.timestamps import to_ms

_FEEDBACK: Final = "feedback"
_UNTOLD: Final = "unknown"
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class Why(msgspec.Struct, frozen=True):
    """One reason why an alert joined."""

    signal: str
    strength: float
    lag_ms: int
    of: str
    detail: str = ""

    @property
    def is_said(self) -> bool:
        """Say whether it joined because somebody said so of it, and not of others like it."""
        return self.signal == _FEEDBACK and not self.of


class MemberRecord(msgspec.Struct, frozen=True):
    """One alert of an incident."""

    fingerprint: str
    joined_at: _Moment
    why: tuple[Why, ...] = ()


class CauseRecord(msgspec.Struct, frozen=True):
    """One candidate for the root cause."""

    node: str
    confidence: float


class IncidentRecord(msgspec.Struct, frozen=True):
    """What can be told again of a record; words that a newer worker may use are no error."""

    tenant_id: str
    change: str
    at: _Moment
    incident: str
    state: str
    severity: str
    title: str
    member_count: int
    aliases: tuple[str, ...] = ()
    root_causes: tuple[CauseRecord, ...] = ()
    members: tuple[MemberRecord, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Say whether it lists every member; the largest incidents list those that joined last."""
        return len(self.members) == self.member_count


_decode: Final = msgspec.json.Decoder(IncidentRecord).decode


class IncidentLedger:
    """Take the records of a partition or of a file in their order, and give back those of one tenant."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.known = 0
        """Records of incidents, of any tenant's."""

    def take(self, value: bytes | None) -> IncidentRecord | None:
        """Return what a record says; None for somebody else's, and for what is of no incident."""
        try:
            record = _decode(value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        self.known += 1
        return record if record.tenant_id == self.tenant else None


def told_of(record: IncidentRecord) -> IncidentTold:
    """Return a record as it is judged."""
    signals = {one.fingerprint: _signal(one) for one in record.members}
    causes = tuple(cause.node for cause in record.root_causes)
    return IncidentTold(to_ms(record.at) or 0, record.incident, record.aliases, signals, record.is_whole, causes)


def _signal(member: MemberRecord) -> str:
    """Return the strongest reason why an alert joined."""
    if not member.why:
        return _UNTOLD
    return SAID if member.why[0].is_said else member.why[0].signal
