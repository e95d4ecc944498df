from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from agents.ingest import RAW_TOPIC
from tests.integration.harness.faults import load
from tests.integration.harness.scene import GUARANTEES, Guarantee, Scene, now_ms
from tests.integration.harness.traffic import PARTITIONS, PLAIN, traffic
from tests.integration.harness.worker_process import WorkerProcess, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.dev.broker import Broker

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_sigterm_under_load_exits_with_zero_within_ten_seconds(
    broker: Broker, tmp_path: Path, guarantee: Guarantee
) -> None:
    with Scene(broker.bootstrap, tmp_path, guarantee) as scene:
        load(scene, seed=21, seconds=60)
        worker = scene.start_worker()
        worker.wait_ready()
        scene.wait_progress(scene.committed(), supervise=worker.is_ready)
        code, seconds = worker.terminate()
        assert code == 0, worker.tail()
        assert seconds < 10
        assert scene.sender.is_sending
        assert worker.events("stopped")


def test_a_second_worker_on_the_same_data_folder_is_told_to_take_one_of_its_own(broker: Broker, tmp_path: Path) -> None:
    with Scene(broker.bootstrap, tmp_path, "at_least_once") as scene:
        first = scene.start_worker()
        first.wait_ready()
        second = scene.start_worker(CORE_ALERTS_WORKER__INSTANCE_ID="b")
        assert second.wait(60) == 1
        assert "in use by another worker" in second.log
        assert "CORE_ALERTS_DATA_DIR" in second.log
        scene.wait_owned(first)
        scene.sender.send(traffic(22, 500, now_ms() - 3600_000, 6))
        assert scene.verdict().faults(exactly_once=True) == {}  # and the first did not mind


def test_a_worker_refuses_topics_with_another_partition_count(broker: Broker, tmp_path: Path) -> None:
    with Scene(broker.bootstrap, tmp_path, "at_least_once") as scene:
        worker = WorkerProcess(tmp_path, "a", {**scene.settings, "CORE_ALERTS_PARTITIONS": "5"})
        assert worker.wait(60) in (1, 2)
        assert "Every topic must have 5 partitions" in worker.log
        assert "alerts.raw has 4" in worker.log
        assert "Set the partition count of the configuration to what the topics have" in worker.log.replace("\n", " ")


def test_a_worker_names_the_topics_that_are_missing(broker: Broker, tmp_path: Path) -> None:
    with Scene(broker.bootstrap, tmp_path, "at_least_once") as scene:
        worker = WorkerProcess(tmp_path, "a", {**scene.settings, "CORE_ALERTS_GROUP": "nobody-made-its-topic"})
        assert worker.wait(60) in (1, 2)
        assert "nobody-made-its-topic-ingest-changelog" in worker.log
        assert "core-alerts topics create" in worker.log


def test_records_that_were_deleted_unread_are_told_of_and_do_not_stop_a_worker(broker: Broker, tmp_path: Path) -> None:
    start = now_ms() - 3600_000
    with Scene(broker.bootstrap, tmp_path, "at_least_once") as scene:
        worker = scene.start_worker()
        worker.wait_ready()
        scene.sender.send(traffic(24, 400, start, 6, PLAIN))
        scene.drain()
        worker.terminate()
        processed = scene.committed()
        scene.sender.send(traffic(25, 400, start + 10_000, 6, PLAIN))
        deleted_to = delete_all(scene)
        scene.sender.send(traffic(26, 400, start + 20_000, 6, PLAIN))
        worker = scene.start_worker()
        worker.wait_ready()
        wait_for("progress", lambda: all(scene.committed()[p] > at for p, at in deleted_to.items()), 30, worker.tail)
        told = worker.events("records were deleted before they were read: lengthen the retention of the topic")
        assert {one["partition"]: (one["first"], one["last"] + 1) for one in told} == {
            p: (processed[p], deleted_to[p]) for p in processed
        }
        assert metric(worker, "core_alerts_records_missed_total") == 400
        assert worker.terminate()[0] == 0


def delete_all(scene: Scene) -> dict[int, int]:
    """Delete every record of alerts.raw, as its retention would; return where each partition begins now."""
    ends = [TopicPartition(RAW_TOPIC, p, end) for p, end in scene.ends(RAW_TOPIC).items()]
    admin = AdminClient(scene.client)
    return {tp.partition: int(done.result(10).low_watermark) for tp, done in admin.delete_records(ends).items()}


def test_probes_and_metrics_tell_what_the_worker_did(broker: Broker, tmp_path: Path) -> None:
    count = 3000
    with Scene(broker.bootstrap, tmp_path, "at_least_once") as scene:
        scene.sender.send(traffic(23, count, now_ms() - 3600_000, 6, PLAIN))
        worker = scene.start_worker()
        worker.wait_ready()
        scene.drain()
        assert worker.get("/livez")[0] == 200
        assert worker.get("/readyz")[0] == 200

        def settled() -> bool:
            return metric(worker, "alerts_processed_total") == count and metric(worker, "consumer_lag_records") == 0

        wait_for("the metrics", settled, 10, lambda: worker.get("/metrics")[1])
        assert metric(worker, "core_alerts_open_alerts") > 0
        assert metric(worker, "core_alerts_cache_entries") >= metric(worker, "core_alerts_open_alerts")
        assert metric(worker, "alert_processing_duration_seconds_count") == metric(worker, "alerts_changes_total") > 0
        assert metric(worker, "checkpoint_duration_seconds_count") > 0
        assert metric(worker, "core_alerts_recovering") == 0
        lines = worker.get("/metrics")[1].splitlines()
        assert sum("core_alerts_consumer_lag_records{" in line for line in lines) == PARTITIONS


def metric(worker: WorkerProcess, name: str) -> float:
    """Return the sum of a metric's series."""
    found = re.findall(rf"^\w*{name}(?:\{{.*\}})? (\S+)$", worker.get("/metrics")[1], re.MULTILINE)
    return sum(map(float, found))
