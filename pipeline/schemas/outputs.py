"""What the ingest agent produces: changes, dead letters, and records sent on, as Kafka records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain import lifecycle
from pipeline.domain.ids import id_from_record
from pipeline.domain.severity import LABELS
from pipeline.domain.timestamps import to_datetime
from pipeline.schemas import raw, records
from pipeline.schemas.enriched import SCHEMA, BurstTold, EnrichedAlert, Expected, Quantiles, encode
from pipeline.schemas.records import Output, origin_text
from pipeline.schemas.rulings import UNASKED, Ruling, decisions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.domain.alert import Alert, Body, Periods
    from pipeline.domain.change import Change
    from pipeline.domain.errors import RejectedRecordError
    from pipeline.domain.reasons import Told
    from pipeline.schemas.records import Record

RAW_TOPIC: Final = "alerts.raw"
ENRICHED_TOPIC: Final = "alerts.enriched"
DEAD_TOPIC: Final = "alerts.dlq"
CONTROL_TOPIC: Final = "control"
_SCHEMA_HEADER: Final = (records.SCHEMA, SCHEMA.encode())
_LONGEST_TRACE: Final = 128  # bytes; https://www.w3.org/TR/trace-context: 55 in version 00
_ROOM_IN_A_LETTER: Final = 700_000  # bytes: key, value and headers of a dead letter, within one batch of ours
_NO_SCORES: Final[dict[str, float]] = {}


@dataclass(slots=True)
class Emitted:
    """What a step wants produced since it was last asked."""

    enriched: list[Output] = field(default_factory=list)
    dead: list[Output] = field(default_factory=list)
    forwarded: list[Output] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.enriched or self.dead or self.forwarded)

    def by_topic(self) -> dict[str, list[Output]]:
        """Return the outputs by the topic that each belongs to."""
        topics = {ENRICHED_TOPIC: self.enriched, DEAD_TOPIC: self.dead, RAW_TOPIC: self.forwarded}
        return {topic: outputs for topic, outputs in topics.items() if outputs}


def change_of(
    alert: Alert,
    change: Change,
    body: Body,
    labels: bytes,
    periods: Periods,
    output_id: str,
    origin: bytes,
    at: int,
    partition: int,
    cause: Sequence[tuple[str, bytes]] = (),
    ruling: Ruling = UNASKED,
    told: Told | None = None,
    scores: dict[str, float] = _NO_SCORES,
    reasons: Mapping[str, Sequence[object]] | None = None,
    burst: tuple[str, int] | None = None,
    resolves: tuple[float, float] | None = None,
) -> Output:
    """Return the record that tells of `change` of `alert`, as it is after the change.

    `labels` is JSON as it leaves; `cause` are the headers of the record that caused the change, and
    `told` is why it is told at all, where that does not follow from the change. `reasons` are those of the
    `scores`; `burst` is what kind of burst a repeat begins, and the pause before it (ms); `resolves` is after how many
    seconds the alert will have ended, in 50 and in 90 % of cases.
    """
    last_seen = to_datetime(alert.last_seen)
    value = encode(
        EnrichedAlert(
            output_id,
            alert.tenant,
            alert.fingerprint,
            alert.name,
            LABELS[alert.severity],
            raw.FIRING if alert.open else raw.RESOLVED,
            change,
            alert.count,
            last_seen if alert.starts_at == alert.last_seen else to_datetime(alert.starts_at),
            last_seen,
            None if alert.ends_at is None else to_datetime(alert.ends_at),
            msgspec.Raw(labels),
            msgspec.Raw(body.annotations),
            body.source,
            alert.value,
            body.generator_url,
            ruling.verdict,
            ruling.suppressed_by,
            scores,
            decisions(told or lifecycle.why(change, alert, periods), ruling),
            msgspec.UNSET if body.extra is None else msgspec.Raw(body.extra),
            reasons or msgspec.UNSET,
            msgspec.UNSET if burst is None else BurstTold(*burst),
            msgspec.UNSET if resolves is None else Expected(Quantiles(*resolves)),
        )
    )
    headers = [(records.ID, output_id.encode()), _SCHEMA_HEADER, (records.ORIGIN, origin)]
    if cause:
        traces = [(name, text) for name, text in cause if name == records.TRACEPARENT]
        headers += [trace for trace in traces[:1] if len(trace[1] or b"") <= _LONGEST_TRACE]
    return Output(alert.tenant.encode(), value, headers, at, partition)


def dead_letter(record: Record, error: RejectedRecordError, *, topic: str, partition: int, at: int) -> Output:
    """Return the dead letter for a record that was refused with `error`: its bytes unchanged, and why."""
    dead_id = id_from_record("", topic, partition, record.offset, "dead")
    headers = [
        (records.ID, dead_id.encode()),
        (records.SCHEMA, records.DEAD_LETTER_SCHEMA),
        (records.ORIGIN, origin_text(topic, partition, record.offset)),
        (records.REASON, error.reason.value.encode()),
        (records.DETAIL, records.clipped(error.detail)),
    ]
    value = record.value
    if _size_of(record) > _ROOM_IN_A_LETTER:  # compressed, a record may have been larger than any that we can write
        value = value and value[:_ROOM_IN_A_LETTER]
        headers.append((records.TRUNCATED, str(_size_of(record)).encode()))
    else:
        headers += record.headers
    key = record.key if len(record.key or b"") <= _ROOM_IN_A_LETTER else None
    return Output(key, value, headers, at, partition)


def _size_of(record: Record) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def sent_on(record: Record, tenant: str, *, topic: str, partition: int, to: int) -> Output:
    """Return a record that came to the wrong partition as it goes to `to`, with where it came from."""
    headers = [*record.headers, (records.FORWARDED, origin_text(topic, partition, record.offset))]
    return Output(tenant.encode(), record.value, headers, record.timestamp, to)
