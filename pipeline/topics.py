"""The catalogue of topics: what each holds, and how the broker is to keep it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

# An alert may be 256 KiB; what carries it, and a dead letter with its bytes and its reason, needs room beyond that.
# The limit is on a batch as the producer sends it, so it also bounds how much one request can hold.
_ROOM_FOR_A_RECORD = 2 * 1024 * 1024
# A compacted topic is cleaned segment by segment, and never in the newest: short segments keep a restore short.
_COMPACTED_SEGMENT = timedelta(hours=1)
# Whoever was away for less than this still sees every deletion.
_TOMBSTONES_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it is to be created."""

    name: str
    holds: str
    cleanup: Literal["delete", "compact"] = "delete"
    retention: timedelta | None = None
    """How long records stay where the clean-up is `delete`; None leaves it to the broker."""
    min_compaction_lag: timedelta = timedelta(0)
    """How long every record stays readable where the clean-up is `compact`."""
    max_message_bytes: int | None = None
    """Largest batch of records; None leaves it to the broker (1 MiB)."""

    def configs(self) -> dict[str, str]:
        """Return the topic's settings in Kafka's words."""
        configs = {"cleanup.policy": self.cleanup, "message.timestamp.type": "CreateTime"}
        if self.retention is not None:
            configs["retention.ms"] = _ms(self.retention)
        if self.max_message_bytes is not None:
            configs["max.message.bytes"] = str(self.max_message_bytes)
        if self.cleanup == "compact":
            configs |= {
                "min.compaction.lag.ms": _ms(self.min_compaction_lag),
                "segment.ms": _ms(_COMPACTED_SEGMENT),
                "delete.retention.ms": _ms(_TOMBSTONES_KEPT),
            }
        return configs


def _ms(span: timedelta) -> str:
    return str(span // timedelta(milliseconds=1))


_WEEK = timedelta(days=7)
_MONTH = timedelta(days=30)
_YEAR = timedelta(days=365)

ALERTS_RAW = Topic("alerts.raw", "an alert as sent", retention=_WEEK, max_message_bytes=_ROOM_FOR_A_RECORD)
ALERTS_ENRICHED = Topic("alerts.enriched", "one change of one alert, with its decisions", retention=_WEEK)
ALERTS_CORRELATED = Topic("alerts.correlated", "one change of one incident", retention=_MONTH)
NOTIFICATIONS = Topic("notifications", "one message to one receiver", retention=_WEEK)
NOTIFICATIONS_STATUS = Topic("notifications.status", "what became of one message", retention=_WEEK)
REMEDIATION_COMMANDS = Topic("remediation.commands", "one step to run", retention=_MONTH)
REMEDIATION_RESULTS = Topic("remediation.results", "what one step did", retention=_MONTH)
AUDIT = Topic("audit", "one thing somebody or something did", retention=_YEAR)
CONTROL = Topic(
    "control",
    "the newest version of one rule, route, silence, workflow, calendar or tenant",
    cleanup="compact",
    min_compaction_lag=_WEEK,  # as long as alerts are there to be run again, so is every version that held for them
)
ALERTS_DLQ = Topic(
    "alerts.dlq", "a record that could not be processed", retention=_MONTH, max_message_bytes=_ROOM_FOR_A_RECORD
)

CATALOGUE = (
    ALERTS_RAW,
    ALERTS_ENRICHED,
    ALERTS_CORRELATED,
    NOTIFICATIONS,
    NOTIFICATIONS_STATUS,
    REMEDIATION_COMMANDS,
    REMEDIATION_RESULTS,
    AUDIT,
    CONTROL,
    ALERTS_DLQ,
)


def changelog_topic(name: str, min_compaction_lag: timedelta = timedelta(minutes=10)) -> Topic:
    """Return the topic behind a worker's local state.

    A worker that resumes from its own store has to have been away for less than the tombstones are kept (7 days), or
    keys deleted meanwhile come back; the lag lets it read each change one by one for that long.
    """
    return Topic(
        name,
        "the newest state of one key of one partition",
        cleanup="compact",
        min_compaction_lag=min_compaction_lag,
        max_message_bytes=_ROOM_FOR_A_RECORD,
    )
