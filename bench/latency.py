"""Latency: an open loop at a fixed rate, from the moment a record was due to the moment its change was readable.

Every record carries the time at which it was due, as its value, which its change repeats. A producer or a
broker that falls behind makes the figures worse, never better: coordinated omission is part of what is measured.
A second reader reads one partition of alerts.raw: that is what producer, broker and reader take without any worker,
on this machine and in this run, and so the least that the other figure can be.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from bench import report
from bench.load import PARTITIONS, balanced_tenants
from bench.stage import stage

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

    from bench.stage import Stage

RATE = 10_000  # records a second
CHANGES = 10  # one record in so many changes its alert
SERIES = 8_000
LINGER_MS = 5  # of the producer; it is part of what is measured
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
        ("guarantee, topic", "p50", "p90", "p99", "p99.9", "max", "records"),
        [
            (f"{name}, {topic}", *(one[topic][f"p{q * 100:g}_ms"] for q in _QUANTILES), *ends_of(one[topic]))
            for name, one in results.items()
            for topic in ("alerts.raw", "alerts.enriched")
        ],
    )
    fixed = {"rate": RATE, "changes_one_in": CHANGES, "seconds": MEASURED_S, "linger_ms": LINGER_MS}
    report.write_result("latency", {**fixed, **results})
    report.bar_chart(
        "latency",
        f"p99 at {RATE:,} alerts/s",
        {f"{name}, {topic}": one[topic]["p99_ms"] for name, one in results.items() for topic in one["topics"]},
        unit="ms",
    )


def ends_of(figures: dict[str, Any]) -> tuple[float, int]:
    """Return the last columns of a row."""
    return figures["max_ms"], figures["records"]


def measure(on: Stage, guarantee: str, name: str = "", **settings: str) -> dict[str, Any]:
    """Return the latencies of one guarantee: of the changes, and of the records that caused them."""
    context = multiprocessing.get_context("spawn")
    done, found = context.Event(), context.Queue()
    started = {topic: context.Event() for topic in ("alerts.raw", "alerts.enriched")}
    readers = [
        context.Process(target=read, args=(on.bootstrap, topic, ready, done, found)) for topic, ready in started.items()
    ]
    with on.worker(f"latency-{guarantee}{name}", PROCESSING_GUARANTEE=guarantee, **settings) as worker:
        worker.wait_ready()
        for reader in readers:
            reader.start()
        if not all(ready.wait(30) for ready in started.values()):
            raise TimeoutError("the readers did not start")
        behind = produce(on.bootstrap)
        time.sleep(2.0)  # for the last changes to arrive
        done.set()
        by_topic = dict(found.get(timeout=60) for _ in readers)
        for reader in readers:
            reader.join(30)
        cpu = worker.cpu_seconds()
    expected = int(RATE * MEASURED_S / CHANGES)
    if len(by_topic["alerts.enriched"]) < expected * 0.999:
        raise AssertionError(f"{len(by_topic['alerts.enriched'])} changes arrived of {expected}")
    figures = {topic: quantiles(sorted(latencies)) for topic, latencies in by_topic.items()}
    return {**figures, "topics": sorted(figures, reverse=True), "producer_behind_ms": behind, "worker_cpu_s": cpu}


def quantiles(latencies: list[float]) -> dict[str, float]:
    """Return the quantiles of sorted latencies."""
    return {
        **{f"p{q * 100:g}_ms": latencies[int(q * (len(latencies) - 1))] for q in _QUANTILES},
        "max_ms": latencies[-1],
        "records": len(latencies),
    }


def produce(bootstrap: str) -> float:
    """Send records when they are due, and return by how many ms the worst of them was late."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "acks": "all", "linger.ms": LINGER_MS}
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


def read(bootstrap: str, topic: str, ready: Event, done: Event, found: Any) -> None:
    """Read a topic as it becomes readable, and hand over the latencies in ms of what is measured."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"latency-{topic}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 100,
        }
    )
    # Of alerts.raw one will do: ten times as much is written there, and reading it all would be what is measured.
    partitions = range(PARTITIONS) if topic == "alerts.enriched" else range(1)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    consumer.poll(1.0)
    ready.set()
    due_of = due_of_change if topic == "alerts.enriched" else due_of_record
    latencies: list[float] = []
    while not done.is_set():
        messages = consumer.consume(100, 0.005)
        now = time.time()
        for message in messages:
            due = due_of(message) if message.error() is None else None
            if due:
                latencies.append((now - due) * 1000)
    consumer.close()
    found.put((topic, latencies))


def due_of_change(message: Message) -> float | None:
    """Return when the record was due that caused a change, in seconds; 0 or None where that is not measured."""
    change = json.loads(message.value() or b"{}")
    return float(change["value"]) if change["change"].startswith("severity_") else None


def due_of_record(message: Message) -> float | None:
    """Return when a record was due, one in so many: reading them all would be what is measured."""
    if message.offset() % CHANGES:
        return None
    return float((message.value() or b"").rpartition(b'"value": ')[2].rstrip(b"}"))


if __name__ == "__main__":
    main()
