"""A record of alerts.enriched as whoever counts and compares such records reads it."""

from __future__ import annotations

from typing import Final

import msgspec

from pipeline.domain.reasons import Told
from pipeline.schemas.enriched import Decision
from pipeline.schemas.rulings import LIFECYCLE, PASS

ACTIVE: Final = "active"
SUPPRESSED: Final = "suppressed"
_OWN: Final = msgspec.json.encode(Decision(LIFECYCLE, PASS, Told.OWN_ALERT))


class ToldChange(msgspec.Struct, gc=False):
    """One change of one alert."""

    id: str
    tenant_id: str
    fingerprint: str
    name: str
    severity: str
    status: str
    change: str
    labels: msgspec.Raw
    verdict: str
    suppressed_by: tuple[str, ...]
    decisions: msgspec.Raw
    extra: msgspec.Raw = msgspec.Raw(b"{}")

    @property
    def is_active(self) -> bool:
        """Say whether people get to see it."""
        return self.verdict == ACTIVE

    @property
    def is_own(self) -> bool:
        """Say whether the pipeline itself says it, of what it hides."""
        return _OWN in bytes(self.decisions)


read_told: Final = msgspec.json.Decoder(ToldChange).decode
