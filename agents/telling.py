"""What one partition lets leave: changes, the pipeline's own alerts, dead letters, and what is counted of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from agents.scoring import NONE, Scores
from pipeline.domain.tally import Tally
from pipeline.schemas import outputs
from pipeline.schemas.outputs import RAW_TOPIC, Emitted
from pipeline.schemas.own import own_output

if TYPE_CHECKING:
    from agents.suppress.cause import Cause
    from pipeline.domain.alert import Alert, Body, Periods
    from pipeline.domain.change import Change
    from pipeline.domain.errors import RejectedRecordError
    from pipeline.domain.reasons import Unchanged
    from pipeline.domain.severity import Severity
    from pipeline.schemas.own import OwnAlert
    from pipeline.schemas.records import Record
    from pipeline.schemas.rulings import Ruling

_encode_json: Final = msgspec.json.Encoder(order="deterministic").encode


class Telling:
    """Everything that is to be produced since somebody last asked, and the tally since the last report."""

    def __init__(self, partition: int, periods: Periods) -> None:
        self._partition = partition
        self._periods = periods
        self.emitted = Emitted()
        self.tally = Tally()

    def change(
        self,
        alert: Alert,
        change: Change,
        body: Body,
        labels: dict[str, str],
        ruling: Ruling,
        output_id: str,
        cause: Cause,
        at: int,
        scores: Scores = NONE,
        burst: tuple[str, int] | None = None,
    ) -> None:
        """Tell of a change of an alert, as the alert is after it."""
        output = outputs.change_of(
            alert,
            change,
            body,
            _encode_json(labels),
            self._periods,
            output_id,
            cause.origin,
            at,
            self._partition,
            cause.headers,
            ruling,
            None,
            scores.values,
            scores.reasons,
            burst,
            scores.resolves,
        )
        self.emitted.enriched.append(output)
        self.tally.told.append((alert.tenant, change))

    def own(self, tenant: str, own: OwnAlert, cause: Cause, at: int) -> None:
        """Tell of an alert of the pipeline's own."""
        output_id = cause.id_of(tenant, f"{own.change.value}/own/{own.fingerprint}")
        output = own_output(tenant, own, output_id, cause.origin, at, self._partition, cause.headers)
        self.emitted.enriched.append(output)
        self.tally.told.append((tenant, own.change))

    def reject(self, record: Record, error: RejectedRecordError, at: int, topic: str = RAW_TOPIC) -> None:
        """Send a record to the dead letters."""
        letter = outputs.dead_letter(record, error, topic=topic, partition=self._partition, at=at)
        self.emitted.dead.append(letter)
        self.tally.rejected[error.reason] += 1

    def ignore(self, why: Unchanged) -> None:
        """Count a record that changed nothing."""
        self.tally.unchanged[why] += 1

    def processed(self, tenant: str, severity: Severity, status: str) -> None:
        """Count a record that was read and understood."""
        self.tally.processed[tenant, severity, status] += 1

    def take_emitted(self) -> Emitted:
        """Hand over what is to be produced since the last call."""
        emitted, self.emitted = self.emitted, Emitted()
        return emitted

    def take_tally(self) -> Tally:
        """Hand over what was counted since the last call."""
        tally, self.tally = self.tally, Tally()
        return tally
