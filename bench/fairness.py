"""What a tenant in a storm does to another one on the same partition: the latency of the quiet one's changes."""

from __future__ import annotations

import json
import multiprocessing
import time
from itertools import count
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, Producer, TopicPartition

from bench.latency import LINGER_MS, quantiles
from bench.load import PARTITIONS, partition_of

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

    from bench.stage import Stage

QUIET_RATE = 100  # changes a second
STORM_RATE = 5_000  # alerts a second, one in five of an alert that nobody knows
PHASE_S = 20.0
WARM_UP_S = 10.0
_ROUND_S = 0.001


def measure(on: Stage) -> dict[str, Any]:
    """Return the quantiles of a tenant's latencies, alone and beside a storm of another one."""
    quiet, stormy = neighbours()
    context = multiprocessing.get_context("spawn")
    ready, done, found = context.Event(), context.Event(), context.Queue()
    reader = context.Process(target=read, args=(on.bootstrap, quiet, ready, done, found))
    with on.worker("fairness") as worker:
        worker.wait_ready()
        reader.start()
        if not ready.wait(30):
            raise TimeoutError("the reader did not start")
        phases = produce(on.bootstrap, quiet, stormy)
        time.sleep(2.0)
        done.set()
        arrived: list[tuple[float, float]] = found.get(timeout=60)
        reader.join(30)
    return {
        name: quantiles(sorted(late for due, late in arrived if begin <= due < end))
        for name, (begin, end) in phases.items()
    } | {"quiet_rate": QUIET_RATE, "storm_rate": STORM_RATE, "seconds": PHASE_S}


def neighbours() -> tuple[str, str]:
    """Return two tenants of one partition."""
    on_first = [name for name, _ in zip((f"neighbour-{n}" for n in count()), range(100), strict=False)]
    first, second, *_ = [name for name in on_first if partition_of(name, PARTITIONS) == 0]
    return first, second


def produce(bootstrap: str, quiet: str, stormy: str) -> dict[str, tuple[float, float]]:
    """Send what is due, and return when each phase was."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "acks": "all", "linger.ms": LINGER_MS}
    )
    started = time.time()
    begins = {"quiet": started + WARM_UP_S, "beside_a_storm": started + 2 * WARM_UP_S + PHASE_S}
    storm_at, end = started + WARM_UP_S + PHASE_S, started + 2 * WARM_UP_S + 2 * PHASE_S
    sent = storming = 0
    while (now := time.time()) < end:
        for number in range(sent, int((now - started) * QUIET_RATE)):
            due = started + number / QUIET_RATE
            severity = ("warning", "error")[number // 50 % 2]
            producer.produce("alerts.raw", key=quiet, value=alert(quiet, number % 50, severity, due))
        sent = max(sent, int((now - started) * QUIET_RATE))
        for number in range(storming, int(max(0.0, now - storm_at) * STORM_RATE)):
            series = number if number % 5 == 0 else number % 2_000
            producer.produce("alerts.raw", key=stormy, value=alert(stormy, series, "warning", 0.0))
        storming = max(storming, int(max(0.0, now - storm_at) * STORM_RATE))
        producer.poll(0)
        time.sleep(_ROUND_S)
    producer.flush(30)
    return {name: (begin, begin + PHASE_S) for name, begin in begins.items()}


def alert(tenant: str, series: int, severity: str, due: float) -> str:
    """Return one record."""
    name = "QueueGrowing" if series % 2 else "HighErrorRatio"
    labels = {"service": "checkout", "instance": f"10.{series >> 16}.{series >> 8 & 255}.{series & 255}:9100"}
    return json.dumps({"tenant_id": tenant, "name": name, "severity": severity, "labels": labels, "value": due})


def read(bootstrap: str, tenant: str, ready: Event, done: Event, found: Any) -> None:
    """Read alerts.enriched as it becomes readable; hand over when each of the tenant's was due and how late it was."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "fairness",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 100,
        }
    )
    consumer.assign([TopicPartition("alerts.enriched", 0, 0)])
    consumer.poll(1.0)
    ready.set()
    key, arrived = tenant.encode(), []
    while not done.is_set():
        messages = consumer.consume(100, 0.005)
        now = time.time()
        for message in messages:
            if message.error() is None and message.key() == key:
                change = json.loads(message.value() or b"{}")
                if change["change"].startswith("severity_"):
                    arrived.append((float(change["value"]), (now - float(change["value"])) * 1000))
    consumer.close()
    found.put(arrived)
