"""Alerts of the pipeline's own: what it has to say about what it hides, in the same form as everybody's alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.domain.alert import Alert, Body, Periods
from pipeline.domain.change import Change
from pipeline.domain.fingerprint import fingerprint_of
from pipeline.domain.reasons import Told
from pipeline.domain.severity import Severity
from pipeline.schemas import outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.schemas.records import Output

SOURCE: Final = "core-alerts"
STORM: Final = "AlertStorm"
MAINTENANCE: Final = "MaintenanceWindow"
SILENCE_EXPIRES: Final = "SilenceExpires"
SWITCH_MISSING: Final = "DeadMansSwitchMissing"
BUDGET: Final = "SuppressionBudget"
HIDDEN: Final = "SuppressionReport"
RECALL: Final = "SuppressedAlertInIncident"
RATE: Final = "AlertRateUnusual"
FORECAST: Final = "AlertVolumeForecast"
_encode = msgspec.json.Encoder(order="deterministic").encode
_PERIODS: Final = Periods()


class OwnAlert(msgspec.Struct, frozen=True):
    """What is said of one alert of the pipeline's own, which began at `starts_at` and is over if it has an end."""

    name: str
    labels: dict[str, str]
    change: Change
    severity: Severity
    starts_at: int
    summary: str
    facts: dict[str, Any]
    """What there is to know, for machines; `extra` of the record."""
    ends_at: int | None = None
    count: int = 1

    @property
    def fingerprint(self) -> str:
        """Return its identity."""
        return fingerprint_of(self.name, self.labels)


def own_output(
    tenant: str,
    own: OwnAlert,
    output_id: str,
    origin: bytes,
    at: int,
    partition: int,
    cause: Sequence[tuple[str, bytes]] = (),
) -> Output:
    """Return the record that tells of an alert of the pipeline's own; nothing suppresses these."""
    is_open = own.ends_at is None
    alert = Alert(
        tenant,
        own.fingerprint,
        own.name,
        own.severity,
        is_open,
        own.count,
        own.starts_at,
        max(at, own.starts_at) if is_open else max(own.ends_at or 0, own.starts_at),
        at,
        own.ends_at,
        None,
        at,
        own.count,
    )
    body = Body(b"", _encode({"summary": own.summary}), SOURCE, None, _encode(own.facts))
    labels = _encode(own.labels)
    return outputs.change_of(
        alert, own.change, body, labels, _PERIODS, output_id, origin, at, partition, cause, told=Told.OWN_ALERT
    )
