from __future__ import annotations

import gc
import time

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.metrics import Metrics
from pipeline.metrics_catalogue import CATALOGUE, MetricKind


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> Metrics:
    return Metrics(registry, version="0.1.0", tenant_label_limit=2)


def test_alerts_are_counted_by_tenant_severity_and_status(metrics: Metrics, registry: CollectorRegistry) -> None:
    metrics.processed("acme", "critical", "firing", 998)
    metrics.processed("acme", "critical", "firing", 2)
    metrics.processed("acme", "critical", "resolved")
    labels = {"tenant_id": "acme", "severity": "critical"}
    assert registry.get_sample_value("alerts_processed_total", labels | {"status": "firing"}) == 1000
    assert registry.get_sample_value("alerts_processed_total", labels | {"status": "resolved"}) == 1


def test_tenants_beyond_the_limit_are_counted_together(metrics: Metrics, registry: CollectorRegistry) -> None:
    for tenant in ("b", "a", "c", "d", "a", "b"):
        metrics.processed(tenant, "info", "firing")
        metrics.changed(tenant, "opened")
        metrics.suppressed(tenant, "storm")
    for name, rest in (
        ("alerts_processed_total", {"severity": "info", "status": "firing"}),
        ("core_alerts_alerts_changes_total", {"change": "opened"}),
        ("core_alerts_alerts_suppressed_total", {"stage": "storm"}),
    ):
        counted = {one: registry.get_sample_value(name, {"tenant_id": one} | rest) for one in ("a", "b", "c", "_other")}
        assert counted == {"a": 2, "b": 2, "c": None, "_other": 2}


def test_a_hundred_thousand_tenants_make_no_more_series_than_the_limit_allows(
    metrics: Metrics, registry: CollectorRegistry
) -> None:
    for number in range(100_000):
        metrics.processed(f"tenant-{number}", "info", "firing")
    families = {family.name: family for family in registry.collect()}
    counted = {sample.labels["tenant_id"]: sample.value for sample in families["alerts_processed"].samples}
    assert counted == {"tenant-0": 1, "tenant-1": 1, "_other": 99_998}


def test_everything_refused_has_its_reason_as_label(metrics: Metrics, registry: CollectorRegistry) -> None:
    metrics.unchanged("unknown_alert", 3)
    metrics.dead_letter("not_json")
    metrics.forwarded("wrong_partition", 5)
    metrics.clamped("future_timestamp")
    for name, reason, count in (
        ("alerts_unchanged", "unknown_alert", 3),
        ("dead_letters", "not_json", 1),
        ("records_forwarded", "wrong_partition", 5),
        ("timestamps_clamped", "future_timestamp", 1),
    ):
        assert registry.get_sample_value(f"core_alerts_{name}_total", {"reason": reason}) == count


def test_processing_times_fall_into_their_buckets_with_their_weight(
    metrics: Metrics, registry: CollectorRegistry
) -> None:
    metrics.processing_took(0.001, 10)
    metrics.processing_took(0.0011, 5)
    metrics.processing_took(61)
    metrics.processing_took(-3)  # a producer's clock is ahead
    name = "alert_processing_duration_seconds"
    bounds = {"0.001": 11.0, "0.0025": 16.0, "60.0": 16.0, "+Inf": 17.0}
    assert {le: registry.get_sample_value(f"{name}_bucket", {"le": le}) for le in bounds} == bounds
    assert registry.get_sample_value(f"{name}_count") == 17
    assert registry.get_sample_value(f"{name}_sum") == pytest.approx(0.01 + 0.0055 + 61)


def test_checkpoints_batches_and_recovery_are_observed(metrics: Metrics, registry: CollectorRegistry) -> None:
    metrics.checkpoint_took(0.02, 300)
    metrics.batch_took(0.004)
    metrics.restored(1000)
    metrics.recovering("ingest", True)
    values = {
        "core_alerts_checkpoint_duration_seconds_sum": 0.02,
        "core_alerts_checkpoint_keys_total": 300.0,
        "core_alerts_alert_batch_duration_seconds_count": 1.0,
        "core_alerts_state_restored_records_total": 1000.0,
        "core_alerts_recovering": 1.0,
    }
    assert {name: registry.get_sample_value(name) for name in values} == values
    metrics.recovering("ingest", False)
    assert registry.get_sample_value("core_alerts_recovering") == 0


def test_a_worker_recovers_until_all_of_its_agents_have(metrics: Metrics, registry: CollectorRegistry) -> None:
    for agent in ("ingest", "correlate"):
        metrics.recovering(agent, True)
    metrics.recovering("ingest", False)
    assert registry.get_sample_value("core_alerts_recovering") == 1
    metrics.recovering("correlate", False)
    assert registry.get_sample_value("core_alerts_recovering") == 0


def test_incidents_are_counted_and_the_gauges_of_one_agent_outlive_the_other_s_partition(
    metrics: Metrics, registry: CollectorRegistry
) -> None:
    metrics.incident_changed("opened", 3)
    metrics.open_incidents(2, 7)
    metrics.open_alerts(2, 9)
    metrics.forget_partition("alerts.raw", 2)
    assert registry.get_sample_value("core_alerts_incident_changes_total", {"change": "opened"}) == 3
    assert registry.get_sample_value("core_alerts_open_incidents", {"partition": "2"}) == 7
    assert registry.get_sample_value("core_alerts_open_alerts", {"partition": "2"}) is None


def test_a_partition_that_went_to_another_worker_leaves_no_gauge(metrics: Metrics, registry: CollectorRegistry) -> None:
    for partition in (0, 1):
        metrics.lag("alerts.raw", partition, 7)
        metrics.open_alerts(partition, 70)
        metrics.cache_entries(partition, 700)
        metrics.storms(partition, 1)
        metrics.control_rules(partition, 17)
    metrics.forget_partition("alerts.raw", 0)
    metrics.forget_partition("alerts.raw", 5)  # never owned
    for name, labels, value in (
        ("core_alerts_consumer_lag_records", {"topic": "alerts.raw"}, 7),
        ("core_alerts_open_alerts", {}, 70),
        ("core_alerts_cache_entries", {}, 700),
        ("core_alerts_storms", {}, 1),
        ("core_alerts_control_rules", {}, 17),
    ):
        assert registry.get_sample_value(name, labels | {"partition": "0"}) is None
        assert registry.get_sample_value(name, labels | {"partition": "1"}) == value


def test_exactly_the_catalogue_is_exposed(metrics: Metrics, registry: CollectorRegistry) -> None:
    exposed = {
        (family.name, family.type)
        for family in text_string_to_metric_families(generate_latest(registry).decode())
        if not family.name.startswith("process_")
    }
    # The text format names a counter's family without _total.
    expected = {
        (one.name.removesuffix("_total") if one.kind is MetricKind.COUNTER else one.name, str(one.kind))
        for one in CATALOGUE
    }
    assert exposed == expected
    assert b"_created" not in generate_latest(registry)


def test_every_name_has_the_prefix_except_the_two_that_are_given() -> None:
    bare = {one.name for one in CATALOGUE if not one.name.startswith("core_alerts_")}
    assert bare == {"alerts_processed_total", "alert_processing_duration_seconds"}


def test_the_build_is_told(metrics: Metrics, registry: CollectorRegistry) -> None:
    assert b'core_alerts_build_info{python="3.' in generate_latest(registry)
    assert b'version="0.1.0"' in generate_latest(registry)


def test_two_sets_of_metrics_live_side_by_side() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    Metrics(first, version="1").unchanged("unknown_alert")
    Metrics(second, version="1")
    name = "core_alerts_alerts_unchanged_total"
    assert first.get_sample_value(name, {"reason": "unknown_alert"}) == 1
    assert second.get_sample_value(name, {"reason": "unknown_alert"}) is None


def test_a_second_set_in_the_same_registry_is_refused(metrics: Metrics, registry: CollectorRegistry) -> None:
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        Metrics(registry, version="0.1.0")


def test_counting_costs_little(metrics: Metrics) -> None:
    metrics.processed("acme", "critical", "firing")
    gc.collect()
    started = time.perf_counter()
    for _ in range(20_000):
        metrics.processed("acme", "critical", "firing", 500)
        metrics.processing_took(0.004, 100)
    microseconds = (time.perf_counter() - started) / 40_000 * 1e6
    assert microseconds < 20  # about 1 on a quiet machine
