"""Metrics and health as the runtime and the steps report to them."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agents.correlate import CorrelateStep, CorrelateTally
    from agents.ingest import IngestStep
    from agents.suppress.tenant import Tenant
    from pipeline.domain.tally import Tally
    from pipeline.health import HealthState
    from pipeline.metrics import Metrics
    from pipeline.schemas.records import Output

# A worker may have ten thousand tenants and take snapshots every 25 ms.
_LOOK_EVERY_S: Final = 5.0


class Telemetry:
    """Pass everything on to the metrics and to the health state."""

    def __init__(self, metrics: Metrics, health: HealthState, agent: str) -> None:
        self._metrics = metrics
        self._health = health
        self._agent = agent
        self._next_look: dict[int, float] = {}  # by partition: at its tenants

    def recovering(self, value: bool) -> None:
        """State is being restored, or no longer."""
        self._metrics.recovering(self._agent, value)
        if value:
            self._health.recovery_started()
        else:
            self._health.recovery_finished(time.monotonic())

    def assigned(self, topic: str, partitions: Iterable[int]) -> None:
        """Take note that this worker owns these partitions of the input."""
        self._health.assign([(topic, number) for number in partitions])

    def restored(self, records: int) -> None:
        """Changelog records were applied."""
        self._metrics.restored(records)

    def missed(self, topic: str, partition: int, count: int) -> None:
        """Offsets of an input were deleted unread."""
        self._metrics.missed(topic, partition, count)

    def batch_took(self, seconds: float) -> None:
        """A batch was processed."""
        self._metrics.batch_took(seconds)

    def checkpoint_took(self, seconds: float, keys: int) -> None:
        """A checkpoint was made."""
        self._metrics.checkpoint_took(seconds, keys)

    def leaving(self, outputs: Sequence[Output]) -> None:
        """Changes are handed to the producer."""
        now = time.time()
        for timestamp, count in Counter(output.timestamp for output in outputs).items():
            self._metrics.processing_took(max(0.0, now - timestamp / 1000), count)

    def progress(self, topic: str, partition: int, end_offset: int, checkpoint_offset: int) -> None:
        """A partition's input ends at, and is durable to."""
        now = time.monotonic()
        self._health.progress((topic, partition), end_offset, checkpoint_offset, now)
        self._health.heartbeat(now)
        self._metrics.lag(topic, partition, max(0, end_offset - checkpoint_offset))

    def lost(self, topic: str, partition: int) -> None:
        """A partition is somebody else's now."""
        self._metrics.forget_partition(topic, partition)
        self._next_look.pop(partition, None)

    def counted(self, step: IngestStep, tally: Tally) -> None:
        """Take over what a step counted up to a snapshot."""
        metrics = self._metrics
        for (tenant, severity, status), count in tally.processed.items():
            metrics.processed(tenant, severity.label, status, count)
        for (tenant, change), count in tally.changes.items():
            metrics.changed(tenant, change.value, count)
        for unchanged, count in tally.unchanged.items():
            metrics.unchanged(unchanged.value, count)
        hid = step.suppression.hid
        for (tenant, stage), count in hid.items():
            metrics.suppressed(tenant, stage, count)
        hid.clear()
        if step.rates is not None:
            for (tenant, name), count in step.rates.told.items():
                metrics.rate_alert(tenant, name, count)
            step.rates.told.clear()
        for rejected, count in tally.rejected.items():
            metrics.dead_letter(rejected.value, count)
        if tally.forwarded:
            metrics.forwarded("wrong_partition", tally.forwarded)
        if tally.clamped:
            metrics.clamped("future_skew", tally.clamped)
        partition = step.progress.partition
        metrics.open_alerts(partition, step.alerts.open_count)
        metrics.cache_entries(partition, len(step.alerts))
        self._look_at_tenants(partition, step)

    def correlated(self, step: CorrelateStep, tally: CorrelateTally) -> None:
        """Take over what a correlate step counted up to a snapshot."""
        metrics = self._metrics
        for change, count in tally.told.items():
            metrics.incident_changed(change, count)
        for rejected, count in tally.rejected.items():
            metrics.dead_letter(rejected.value, count)
        metrics.open_incidents(step.progress.partition, step.open_count)

    def _look_at_tenants(self, partition: int, step: IngestStep) -> None:
        now = time.monotonic()
        if now < self._next_look.get(partition, now):
            return
        self._next_look[partition] = now + _LOOK_EVERY_S
        tenants = step.suppression.tenants.values()
        self._metrics.storms(partition, sum(tenant.pulse.storming for tenant in tenants))
        self._metrics.control_rules(partition, sum(map(_rules_of, tenants)))
        for model, count in step.fallen_back.items():
            self._metrics.model_fallback(partition, model, count)


def _rules_of(tenant: Tenant) -> int:
    """Return how many records of the topic control hold for a tenant."""
    count = len(tenant.silence_by_id) + len(tenant.window_by_id) + len(tenant.calendars)
    count += len(tenant.flap_policies) + len(tenant.identity_rules)
    if tenant.inhibitor is not None:
        count += len(tenant.inhibitor.rules)
    return count + tenant.policy_is_its_own + (tenant.pulse.policy is not tenant.defaults.storm)
