"""The worker's telemetry: what is counted, with labels that stay few."""

from __future__ import annotations

import platform
from threading import Lock
from typing import TYPE_CHECKING, cast

from prometheus_client import Counter, Gauge, ProcessCollector, disable_created_metrics

from pipeline import metrics_catalogue as catalogue
from pipeline.histogram import WeightedHistogram
from pipeline.schemas.outputs import RAW_TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from pipeline.metrics_catalogue import Definition

OTHER_TENANTS = "_other"  # no tenant can be called so: the name starts with an underscore


class Metrics:
    """All metrics of one process, in one registry.

    Labelled series are looked up once and kept, so counting on the hot path is a dict look-up and an addition.
    Reasons, severities and changes are members of enums, which bounds their series; tenants are bounded here.
    """

    def __init__(self, registry: CollectorRegistry, *, version: str, tenant_label_limit: int = 200) -> None:
        # A second series for each counter, telling when it was first used, is of no use to anybody here.
        cast("Callable[[], None]", disable_created_metrics)()  # the library leaves it untyped
        self._registry = registry
        self._limit = tenant_label_limit
        self._tenants: set[str] = set()
        self._admission = Lock()

        self._processed = self._counters(catalogue.ALERTS_PROCESSED)
        self._changes = self._counters(catalogue.ALERTS_CHANGES)
        self._unchanged = self._counters(catalogue.ALERTS_UNCHANGED)
        self._suppressed = self._counters(catalogue.ALERTS_SUPPRESSED)
        self._rate_alerts = self._counters(catalogue.RATE_ALERTS)
        self._dead_letters = self._counters(catalogue.DEAD_LETTERS)
        self._forwarded = self._counters(catalogue.RECORDS_FORWARDED)
        self._clamped = self._counters(catalogue.TIMESTAMPS_CLAMPED)
        self._missed = self._counters(catalogue.RECORDS_MISSED)
        self._checkpoint_keys = self._counters(catalogue.CHECKPOINT_KEYS)
        self._restored = self._counters(catalogue.STATE_RESTORED)
        self._processing_duration = self._histogram(catalogue.ALERT_PROCESSING_DURATION)
        self._batch_duration = self._histogram(catalogue.ALERT_BATCH_DURATION)
        self._checkpoint_duration = self._histogram(catalogue.CHECKPOINT_DURATION)
        self._lag = self._gauge(catalogue.CONSUMER_LAG)
        self._open_alerts = self._gauge(catalogue.OPEN_ALERTS)
        self._storms = self._gauge(catalogue.STORMS)
        self._model_fallback = self._gauge(catalogue.MODEL_FALLBACK)
        self._control_rules = self._gauge(catalogue.CONTROL_RULES)
        self._cache_entries = self._gauge(catalogue.CACHE_ENTRIES)
        self._recovering = self._gauge(catalogue.RECOVERING)
        self._agents_recovering: set[str] = set()
        self._incident_changes = self._counters(catalogue.INCIDENT_CHANGES)
        self._open_incidents = self._gauge(catalogue.OPEN_INCIDENTS)
        self._gauge(catalogue.BUILD).labels(version, platform.python_version()).set(1)
        ProcessCollector(registry=registry)  # memory, CPU and open files of this process

    def processed(self, tenant: str, severity: str, status: str, count: int = 1) -> None:
        """Count alert records read and understood."""
        self._processed.add((self._tenant_label(tenant), severity, status), count)

    def changed(self, tenant: str, change: str, count: int = 1) -> None:
        """Count changes sent."""
        self._changes.add((self._tenant_label(tenant), change), count)

    def unchanged(self, reason: str, count: int = 1) -> None:
        """Count records that changed nothing; a repeat is not one of them."""
        self._unchanged.add((reason,), count)

    def suppressed(self, tenant: str, stage: str, count: int = 1) -> None:
        """Count changes that a stage hid."""
        self._suppressed.add((self._tenant_label(tenant), stage), count)

    def rate_alert(self, tenant: str, name: str, count: int = 1) -> None:
        """Count times that something was told of a tenant's rate."""
        self._rate_alerts.add((self._tenant_label(tenant), name), count)

    def dead_letter(self, reason: str, count: int = 1) -> None:
        """Count records sent to the dead letters."""
        self._dead_letters.add((reason,), count)

    def forwarded(self, reason: str, count: int = 1) -> None:
        """Count records sent on to another partition."""
        self._forwarded.add((reason,), count)

    def clamped(self, reason: str, count: int = 1) -> None:
        """Count timestamps set back."""
        self._clamped.add((reason,), count)

    def missed(self, topic: str, partition: int, count: int) -> None:
        """Count offsets that were deleted unread."""
        self._missed.add((topic, str(partition)), count)

    def processing_took(self, seconds: float, count: int = 1) -> None:
        """Observe the time from produce to change, of `count` changes at once."""
        self._processing_duration.observe(seconds, count)

    def batch_took(self, seconds: float) -> None:
        """Observe how long one batch held the worker."""
        self._batch_duration.observe(seconds)

    def checkpoint_took(self, seconds: float, keys: int) -> None:
        """Observe one checkpoint and the keys it wrote."""
        self._checkpoint_duration.observe(seconds)
        self._checkpoint_keys.add((), keys)

    def restored(self, records: int) -> None:
        """Count changelog records read while recovering."""
        self._restored.add((), records)

    def recovering(self, agent: str, value: bool) -> None:
        """Say whether an agent's state is being restored."""
        (self._agents_recovering.add if value else self._agents_recovering.discard)(agent)
        self._recovering.set(int(bool(self._agents_recovering)))

    def lag(self, topic: str, partition: int, records: int) -> None:
        """Set how many records wait for a checkpoint."""
        self._lag.labels(topic, partition).set(records)

    def open_alerts(self, partition: int, count: int) -> None:
        """Set how many alerts are open."""
        self._open_alerts.labels(partition).set(count)

    def incident_changed(self, change: str, count: int = 1) -> None:
        """Count changes of incidents sent."""
        self._incident_changes.add((change,), count)

    def open_incidents(self, partition: int, count: int) -> None:
        """Set how many incidents are open."""
        self._open_incidents.labels(partition).set(count)

    def storms(self, partition: int, count: int) -> None:
        """Set how many tenants are in a storm."""
        self._storms.labels(partition).set(count)

    def model_fallback(self, partition: int, model: str, tenants: int) -> None:
        """Set of how many tenants a model has fallen back to its simple rule."""
        self._model_fallback.labels(partition, model).set(tenants)

    def control_rules(self, partition: int, count: int) -> None:
        """Set how many rules are in force."""
        self._control_rules.labels(partition).set(count)

    def cache_entries(self, partition: int, count: int) -> None:
        """Set how many alerts are in memory."""
        self._cache_entries.labels(partition).set(count)

    def forget_partition(self, topic: str, partition: int) -> None:
        """Remove the gauges of a partition that another worker owns now, so sums over workers stay right."""
        self._lag.remove_by_labels({"topic": topic, "partition": str(partition)})
        of_ingest = (
            self._open_alerts,
            self._storms,
            self._model_fallback,
            self._control_rules,
            self._cache_entries,
        )
        for gauge in of_ingest if topic == RAW_TOPIC else (self._open_incidents,):
            gauge.remove_by_labels({"partition": str(partition)})

    def _tenant_label(self, tenant: str) -> str:
        if tenant in self._tenants:
            return tenant
        with self._admission:
            if len(self._tenants) < self._limit:
                self._tenants.add(tenant)
        return tenant if tenant in self._tenants else OTHER_TENANTS

    def _counters(self, definition: Definition) -> _Counters:
        counter = Counter(definition.name, definition.text, definition.labels, registry=self._registry)
        return _Counters(counter)

    def _gauge(self, definition: Definition) -> Gauge:
        return Gauge(definition.name, definition.text, definition.labels, registry=self._registry)

    def _histogram(self, definition: Definition) -> WeightedHistogram:
        histogram = WeightedHistogram(definition.name, definition.text, definition.buckets)
        self._registry.register(histogram)
        return histogram


class _Counters:
    """The series of one counter by label values, each looked up in prometheus_client once."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._add: dict[tuple[str, ...], Callable[[float], None]] = {}

    def add(self, labels: tuple[str, ...], count: int) -> None:
        """Add `count` to the series with these label values."""
        add = self._add.get(labels)
        if add is None:
            add = self._add[labels] = (self._counter.labels(*labels) if labels else self._counter).inc
        add(count)
