"""A change of an alert as alerts.enriched tells it, for correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.domain.correlation.seen import Seen
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.reasons import Rejection
from pipeline.domain.severity import severity_of
from pipeline.domain.timestamps import to_ms

if TYPE_CHECKING:
    from pipeline.schemas.changes import Told

_SUMMARIES: Final = ("summary", "description", "message")


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
        suppressed_by=told.suppressed_by,
    )
