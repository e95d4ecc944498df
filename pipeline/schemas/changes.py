"""alerts.enriched as those read it who go on with it: what a change says of its alert."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.reasons import Rejection


class Burst(msgspec.Struct, gc=False):
    """Of a repeat that begins a burst."""

    kind: str
    quiet_ms: int


class Annotations(msgspec.Struct, frozen=True, gc=False):
    """Those annotations that say in a sentence what an alert is about; nobody reads the others."""

    summary: Any = None
    description: Any = None
    message: Any = None

    @property
    def text(self) -> str:
        """Return the first of them that is a text, and nothing where none is."""
        for one in (self.summary, self.description, self.message):
            if one and isinstance(one, str):
                return one
        return ""


class Told(msgspec.Struct, gc=False):
    """One record of alerts.enriched, as far as it matters further on."""

    id: str
    tenant_id: str
    fingerprint: str
    name: str
    severity: str
    status: str
    change: str
    starts_at: datetime
    last_seen_at: datetime | None = None
    count: int = 1
    labels: dict[str, str] = {}
    annotations: Annotations = Annotations()
    source: str | None = None
    verdict: str = "active"
    suppressed_by: tuple[str, ...] = ()
    value: float | None = None
    burst: Burst | None = None


_decode: Final = msgspec.json.Decoder(Told).decode


def parse_change(value: bytes | None) -> Told:
    """Return what a record of alerts.enriched says.

    Raises:
        RejectedRecordError: if it is none.
    """
    if value is None:
        raise RejectedRecordError(Rejection.NOT_JSON, "no value. Only the ingest agent writes to this topic")
    try:
        return _decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RejectedRecordError(Rejection.NOT_JSON, f"{error}. Only the ingest agent writes to this topic") from None
