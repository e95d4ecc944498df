"""A change of an alert as alerts.enriched tells it, for correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.domain.correlation.seen import Seen
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.reasons import Rejection
from pipeline.domain.severity import severity_of
from pipeline.domain.timestamps import to_ms

if TYPE_CHECKING:
    from pipeline.schemas.changes import Told


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
    burst = told.burst
    return Seen(  # in the order of its fields: naming these many takes three times as long
        told.fingerprint,
        told.name,
        int(severity),
        told.status == "firing",
        told.verdict == "suppressed",
        told.change if burst is None else burst.kind,
        at,
        starts_at,
        told.labels,
        told.source,
        told.annotations.text,
        told.count,
        told.id,
        to_ms(told.last_seen_at) or 0,
        0 if burst is None else burst.quiet_ms,
        told.suppressed_by,
    )
