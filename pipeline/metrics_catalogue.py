"""Every metric: its name, its labels, and what its value means. The reference page is made from this."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MetricKind(StrEnum):
    """What Prometheus calls the kinds."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Definition:
    """One metric; `buckets` are upper bounds in the unit of the name."""

    kind: MetricKind
    name: str
    text: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


# fmt: off
_MILLISECOND_TO_MINUTE = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)
_UP_TO_A_SECOND = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
# fmt: on
_TENANT = "Tenants beyond metrics.tenant_label_limit are counted as `_other`."

ALERTS_PROCESSED = Definition(
    MetricKind.COUNTER,
    "alerts_processed_total",
    f"Alert records read and understood, by tenant, severity and status. {_TENANT}",
    ("tenant_id", "severity", "status"),
)
ALERT_PROCESSING_DURATION = Definition(
    MetricKind.HISTOGRAM,
    "alert_processing_duration_seconds",
    "From the timestamp a producer gave a record to the moment its change was handed to our producer. "
    "Clocks of producers count in; a backlog shows as its age.",
    buckets=_MILLISECOND_TO_MINUTE,
)
ALERT_BATCH_DURATION = Definition(
    MetricKind.HISTOGRAM,
    "core_alerts_alert_batch_duration_seconds",
    "How long one batch of records held the worker. Above 0.01 s: lower worker.max_batch.",
    buckets=_UP_TO_A_SECOND,
)
INCIDENT_CHANGES = Definition(
    MetricKind.COUNTER,
    "core_alerts_incident_changes_total",
    "Changes sent to alerts.correlated, by kind of change.",
    ("change",),
)
OPEN_INCIDENTS = Definition(
    MetricKind.GAUGE,
    "core_alerts_open_incidents",
    "Incidents that are open, by partition.",
    ("partition",),
)
ALERTS_CHANGES = Definition(
    MetricKind.COUNTER,
    "core_alerts_alerts_changes_total",
    f"Changes sent to alerts.enriched, by tenant and kind of change. {_TENANT}",
    ("tenant_id", "change"),
)
ALERTS_UNCHANGED = Definition(
    MetricKind.COUNTER,
    "core_alerts_alerts_unchanged_total",
    "Alert records that changed nothing and were not repeats either, by reason.",
    ("reason",),
)
ALERTS_SUPPRESSED = Definition(
    MetricKind.COUNTER,
    "core_alerts_alerts_suppressed_total",
    "Changes that left with the verdict suppressed, by tenant and by what hid them: one that several stages hid counts "
    f"for each. Digests of repeats are not counted. {_TENANT}",
    ("tenant_id", "stage"),
)
RATE_ALERTS = Definition(
    MetricKind.COUNTER,
    "core_alerts_rate_alerts_total",
    "Times that a tenant's alert rate was told as unusual (AlertRateUnusual), or more than usual as expected "
    f"(AlertVolumeForecast). {_TENANT}",
    ("tenant_id", "name"),
)
DEAD_LETTERS = Definition(
    MetricKind.COUNTER,
    "core_alerts_dead_letters_total",
    "Records that could not be processed and went to alerts.dlq, by reason.",
    ("reason",),
)
RECORDS_FORWARDED = Definition(
    MetricKind.COUNTER,
    "core_alerts_records_forwarded_total",
    "Records sent on to the partition of their tenant, by reason. "
    "A steady rate: set the producer's partitioner to murmur2 and its key to the tenant.",
    ("reason",),
)
TIMESTAMPS_CLAMPED = Definition(
    MetricKind.COUNTER,
    "core_alerts_timestamps_clamped_total",
    "Timestamps further ahead than ingest.max_future_skew, which were set back, by reason.",
    ("reason",),
)
RECORDS_MISSED = Definition(
    MetricKind.COUNTER,
    "core_alerts_records_missed_total",
    "Offsets of an input that were deleted before they were read. Anything above 0: alerts are gone; "
    "lengthen the topic's retention.",
    ("topic", "partition"),
)
CONSUMER_LAG = Definition(
    MetricKind.GAUGE,
    "core_alerts_consumer_lag_records",
    "Records at the end of a partition that no checkpoint of this worker includes yet.",
    ("topic", "partition"),
)
CHECKPOINT_DURATION = Definition(
    MetricKind.HISTOGRAM,
    "core_alerts_checkpoint_duration_seconds",
    "How long a checkpoint took, from the first changelog record to the store.",
    buckets=_MILLISECOND_TO_MINUTE,
)
CHECKPOINT_KEYS = Definition(
    MetricKind.COUNTER,
    "core_alerts_checkpoint_keys_total",
    "Keys that checkpoints wrote to the changelog and the store.",
)
OPEN_ALERTS = Definition(
    MetricKind.GAUGE,
    "core_alerts_open_alerts",
    "Alerts that are open, by partition of alerts.raw.",
    ("partition",),
)
STORMS = Definition(
    MetricKind.GAUGE,
    "core_alerts_storms",
    "Tenants in a storm that hides alerts, by partition of alerts.raw.",
    ("partition",),
)
MODEL_FALLBACK = Definition(
    MetricKind.GAUGE,
    "core_alerts_model_fallback",
    "Tenants whose model does worse than its simple rule, which speaks in its place until the model is right again: "
    "noise, flapping or resolve; by partition of alerts.raw.",
    ("partition", "model"),
)
CONTROL_RULES = Definition(
    MetricKind.GAUGE,
    "core_alerts_control_rules",
    "Rules of the topic control that are in force, by partition; silences and windows that are over count until they "
    "are deleted.",
    ("partition",),
)
CACHE_ENTRIES = Definition(
    MetricKind.GAUGE,
    "core_alerts_cache_entries",
    "Alerts held in memory, by partition. All partitions together near worker.cache_entries: reads go to disk.",
    ("partition",),
)
STATE_RESTORED = Definition(
    MetricKind.COUNTER,
    "core_alerts_state_restored_records_total",
    "Changelog records read to restore local state.",
)
RECOVERING = Definition(
    MetricKind.GAUGE,
    "core_alerts_recovering",
    "1 while local state is being restored and no alert is processed, else 0.",
)
BUILD = Definition(
    MetricKind.GAUGE,
    "core_alerts_build_info",
    "Always 1; the labels tell what runs.",
    ("version", "python"),
)

CATALOGUE = (
    ALERTS_PROCESSED,
    ALERT_PROCESSING_DURATION,
    ALERT_BATCH_DURATION,
    ALERTS_CHANGES,
    ALERTS_UNCHANGED,
    ALERTS_SUPPRESSED,
    RATE_ALERTS,
    DEAD_LETTERS,
    RECORDS_FORWARDED,
    TIMESTAMPS_CLAMPED,
    RECORDS_MISSED,
    CONSUMER_LAG,
    CHECKPOINT_DURATION,
    CHECKPOINT_KEYS,
    OPEN_ALERTS,
    STORMS,
    MODEL_FALLBACK,
    INCIDENT_CHANGES,
    OPEN_INCIDENTS,
    CONTROL_RULES,
    CACHE_ENTRIES,
    STATE_RESTORED,
    RECOVERING,
    BUILD,
)
