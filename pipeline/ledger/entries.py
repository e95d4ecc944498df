"""The ledger: what alerts.enriched says of one tenant, record by record, and when each change was.

A record of the topic has a time of its own. A line that `replay --out` wrote has none: most changes say themselves
when they were, and any other was not before what stands in front of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, NamedTuple

import msgspec

from pipeline.domain.change import Change
from pipeline.domain.reasons import Told
from pipeline.domain.timestamps import to_ms
from pipeline.schemas import own
from pipeline.schemas.enriched import Decision, Quantiles
from pipeline.schemas.raw import FIRING

_Moment = Annotated[datetime, msgspec.Meta(tz=True)]
_SEEN: Final = frozenset({Change.OPENED, Change.REOPENED, Change.SEVERITY_RAISED, Change.SEVERITY_LOWERED})
_ENDED: Final = frozenset({Change.RESOLVED, Change.EXPIRED})


class ScoreReason(msgspec.Struct, frozen=True, gc=False):
    """One feature behind a score, and how far it is from its usual: in usual deviations, signed."""

    feature: str
    value: float
    usual: float
    distance: float


class Expected(msgspec.Struct, frozen=True, gc=False):
    """What was expected of an alert that began."""

    resolved_in_s: Quantiles | None = None


class EnrichedRecord(msgspec.Struct, frozen=True, gc=False):
    """What can be told again of a record; words that a newer worker may use are no error."""

    id: str
    tenant_id: str
    fingerprint: str
    name: str
    severity: str
    status: str
    change: str
    count: int
    starts_at: _Moment
    last_seen_at: _Moment
    ends_at: _Moment | None
    labels: dict[str, str]
    annotations: dict[str, str]
    source: str | None
    verdict: str
    suppressed_by: tuple[str, ...]
    decisions: tuple[Decision, ...]
    extra: msgspec.Raw = msgspec.Raw(b"{}")
    scores: dict[str, float] = {}
    score_reasons: dict[str, tuple[ScoreReason, ...]] = {}
    expected: Expected = Expected()

    @property
    def is_own(self) -> bool:
        """Say whether the pipeline itself says this; its name as the source is open to every sender."""
        return self.source == own.SOURCE and any(one.reason == Told.OWN_ALERT for one in self.decisions)


class Entry(NamedTuple):
    """One record, in its place among those of its tenant."""

    number: int
    at: int  # ms
    is_exact: bool
    """False: it was then or later, the record does not say when."""
    record: EnrichedRecord


_decode = msgspec.json.Decoder(EnrichedRecord).decode


class Ledger:
    """Take the records of a partition or of a file in their order, and give back those of one tenant."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.others: set[str] = set()
        """The other tenants met."""
        self.count = 0
        self.refused = 0
        """Records that are no changes."""
        self._key = tenant.encode()
        self._clock = 0

    def take(self, key: bytes | None, value: bytes | None, timestamp: int | None) -> Entry | None:
        """Return what a record says; None for somebody else's, and for what is no change.

        `timestamp` is None where it was not recorded.
        """
        if key is not None and key != self._key:
            self.others.add(key.decode(errors="replace"))
            return None
        try:
            record = _decode(value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self.refused += 1
            return None
        if record.tenant_id != self.tenant:
            self.others.add(record.tenant_id)
            return None
        self.count += 1
        if timestamp is not None:
            return Entry(self.count, timestamp, True, record)
        at = _own_time(record)
        if at is not None:
            self._clock = max(self._clock, at)
            return Entry(self.count, at, True, record)
        return Entry(self.count, max(self._clock, _ms(record.last_seen_at)), False, record)


def _own_time(record: EnrichedRecord) -> int | None:
    """Return when a change was, if it says so itself."""
    change = record.change
    if change in _ENDED or (change == Change.FLAPPING and record.status != FIRING):
        return _ms(record.last_seen_at if record.ends_at is None else record.ends_at)
    if change in _SEEN or change == Change.FLAPPING or record.source == own.SOURCE:
        return _ms(record.last_seen_at)
    return None


def _ms(moment: datetime) -> int:
    return to_ms(moment) or 0
