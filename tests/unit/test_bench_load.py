from __future__ import annotations

import json
from collections import Counter

import pytest
from aiokafka.partitioner import DefaultPartitioner

from bench.load import balanced_tenants, distinct_records, partition_of, storm_records


def test_an_alert_of_the_storm_is_about_300_bytes_of_valid_alerts_raw() -> None:
    key, value = next(storm_records(1))
    assert 270 < len(value) < 340
    alert = json.loads(value)
    assert alert["tenant_id"] == key.decode()
    assert alert["status"] == "firing"
    assert set(alert) == {
        "tenant_id",
        "name",
        "severity",
        "status",
        "labels",
        "annotations",
        "starts_at",
        "source",
        "value",
    }


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others() -> None:
    storm = list(storm_records(1_000, series=50, seed=1, changes=0.1))
    assert storm == list(storm_records(1_000, series=50, seed=1, changes=0.1))
    assert storm != list(storm_records(1_000, series=50, seed=2, changes=0.1))


def test_every_series_is_sent_equally_often() -> None:
    records = [json.loads(value) for _, value in storm_records(400, series=40, tenants=4)]
    sent = Counter((alert["tenant_id"], alert["name"], alert["labels"]["instance"]) for alert in records)
    assert len(sent) == 40
    assert set(sent.values()) == {10}


def test_without_changes_only_the_value_differs_between_records_of_a_series() -> None:
    records = [json.loads(value) for _, value in storm_records(400, series=10)]
    assert len({json.dumps(alert | {"value": None}, sort_keys=True) for alert in records}) == 10
    assert len({alert["value"] for alert in records}) > 100


def test_the_share_of_changes_is_the_share_of_records_with_another_severity_than_the_last() -> None:
    last: dict[tuple[str, str], str] = {}
    changed = 0
    for _, value in storm_records(20_000, series=100, changes=0.1):
        alert = json.loads(value)
        series = alert["tenant_id"], alert["labels"]["instance"]
        changed += last.get(series, "warning") != alert["severity"]
        last[series] = alert["severity"]
    assert 0.09 < changed / 20_000 < 0.11


def test_distinct_records_are_distinct_alerts() -> None:
    alerts = [json.loads(value) for _, value in distinct_records(70_000)]
    assert len({(a["tenant_id"], a["name"], json.dumps(a["labels"])) for a in alerts}) == 70_000


def test_a_tenants_partition_is_the_one_kafkas_partitioner_chooses() -> None:
    partitions = list(range(24))
    for tenant in ("acme", "online-boutique", "tenant-0007", "x"):
        assert partition_of(tenant, 24) == DefaultPartitioner()(tenant.encode(), partitions, partitions)


@pytest.mark.parametrize(
    ("number", "partitions", "shares"),
    [(20, 4, [5, 5, 5, 5]), (6, 4, [1, 1, 2, 2]), (3, 24, [0] * 21 + [1] * 3), (1, 1, [1]), (0, 4, [0, 0, 0, 0])],
)
def test_tenants_are_spread_evenly_over_the_partitions(number: int, partitions: int, shares: list[int]) -> None:
    tenants = balanced_tenants(number, partitions)
    assert len(set(tenants)) == number
    found = Counter(partition_of(tenant, partitions) for tenant in tenants)
    assert sorted(found[partition] for partition in range(partitions)) == shares
