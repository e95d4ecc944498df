"""Latency: an open loop at a fixed rate, from the moment a record was due to the moment its change was readable.

Every record carries the time at which it was due, as its value, which its change repeats. A producer or a
broker that falls behind makes the figures worse, never better: coordinated omission is part of what is measured.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, Producer, TopicPartition

from bench import report
from bench.load import PARTITIONS, balanced_tenants
from bench.stage import stage

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

    from bench.stage import Stage

RATE = 10_000  # records a second
CHANGES = 10  # one record in so many changes its alert
SERIES = 8_000
WARM_UP_S = 15.0  # a young broker compiles its hot paths on the cores that are measured
MEASURED_S = 30.0
_ROUND_S = 0.0005  # how often it is looked what is due; records fall due ten to a millisecond
_QUANTILES = (0.5, 0.9, 0.99, 0.999)


def main() -> None:
    """Measure both guarantees and report; about two minutes."""
    results: dict[str, Any] = {}
    with stage() as on:
        for guarantee in ("at_least_once", "exactly_once"):
            on.fresh_topics()
            results[guarantee] = measure(on, guarantee)
    report.print_table(
        f"Latency at {RATE:,} alerts/s, a tenth of them changes (ms, produce to readable)",
        ("guarantee", "p50", "p90", "p99", "p99.9", "max", "changes"),
        [
            (name, *(one[f"p{q * 100:g}_ms"] for q in _QUANTILES), one["max_ms"], one["changes"])
            for name, one in results.items()
        ],
    )
    report.write_result("latency", {"rate": RATE, "changes_one_in": CHANGES, "seconds": MEASURED_S, **results})
    report.bar_chart(
        "latency",
        f"p99 at {RATE:,} alerts/s",
        {name: one["p99_ms"] for name, one in results.items()},
        unit="ms",
    )


def measure(on: Stage, guarantee: str) -> dict[str, Any]:
    """Return the latencies of one guarantee's changes."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    found: Any = context.Queue()
    reader = context.Process(target=read, args=(on.bootstrap, ready, done, found))
    with on.worker(f"latency-{guarantee}", PROCESSING_GUARANTEE=guarantee) as worker:
        worker.wait_ready()
        reader.start()
        if not ready.wait(30):
            raise TimeoutError("the reader did not start")
        behind = produce(on.bootstrap)
        time.sleep(2.0)  # for the last changes to arrive
        done.set()
        latencies = sorted(found.get(timeout=60))
        reader.join(30)
        cpu = worker.cpu_seconds()
    expected = int(RATE * MEASURED_S / CHANGES)
    if len(latencies) < expected * 0.999:
        raise AssertionError(f"{len(latencies)} changes arrived of {expected}")
    quantiles = {f"p{q * 100:g}_ms": latencies[int(q * (len(latencies) - 1))] for q in _QUANTILES}
    return {
        **quantiles,
        "max_ms": latencies[-1],
        "changes": len(latencies),
        "producer_behind_ms": behind,
        "worker_cpu_s": cpu,
    }


def produce(bootstrap: str) -> float:
    """Send records when they are due, and return by how many ms the worst of them was late."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "acks": "all", "linger.ms": 1}
    )
    tenants = balanced_tenants(20)
    texts = [
        (
            tenants[number % len(tenants)],
            json.dumps(
                {
                    "tenant_id": tenants[number % len(tenants)],
                    "name": "HighRequestLatency",
                    "status": "firing",
                    "labels": {"service": "checkout", "instance": f"10.0.{number >> 8}.{number & 255}:9100"},
                    "annotations": {"summary": "latency of checkout above its objective for 5 minutes"},
                    "source": "prometheus",
                }
            )[:-1],
        )
        for number in range(SERIES)
    ]
    worst = 0.0
    number, total = 0, int(RATE * (WARM_UP_S + MEASURED_S))
    started = time.time()
    while number < total:
        now = time.time()
        ready = min(total, int((now - started) * RATE))
        for at in range(number, ready):
            due = started + at / RATE
            measured = due - started > WARM_UP_S
            if measured:
                worst = max(worst, time.time() - due)
            series, round_ = at % SERIES, at // SERIES
            # One series in ten flips its severity each time round.
            severity = "critical" if series % CHANGES == 0 and round_ % 2 else "warning"
            tenant, text = texts[series]
            # 0 until the warm-up is over, so that only what comes after it is measured.
            value = f'{text}, "severity": "{severity}", "value": {due if measured else 0:.6f}}}'
            producer.produce("alerts.raw", key=tenant, value=value)
        number = ready
        producer.poll(0)
        time.sleep(_ROUND_S)
    producer.flush(30)
    return worst * 1000


def read(bootstrap: str, ready: Event, done: Event, found: Any) -> None:
    """Read changes as they become readable, and hand over their latencies in ms."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "latency-reader",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 100,
        }
    )
    consumer.assign([TopicPartition("alerts.enriched", partition, 0) for partition in range(PARTITIONS)])
    consumer.poll(1.0)
    ready.set()
    latencies: list[float] = []
    while not done.is_set():
        message = consumer.poll(0.05)
        now = time.time()
        if message is None or message.error():
            continue
        change = json.loads(message.value())
        if change["change"].startswith("severity_") and change["value"]:
            latencies.append((now - change["value"]) * 1000)
    consumer.close()
    found.put(latencies)


if __name__ == "__main__":
    main()
