"""Deterministic alerts in alerts.raw form, about 300 bytes each, and a topic filled with them."""

from __future__ import annotations

import random
import time
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from aiokafka.partitioner import murmur2
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.domain.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Record = tuple[bytes, bytes]
"""Key (the tenant) and value (the alert)."""

PARTITIONS = 4
STARTED = "2026-01-01T00:00:00Z"  # fixed, so that the same arguments give the same bytes
TIMEOUT_S = 60.0

RULES = ("HighRequestLatency", "PodCrashLooping", "DiskWillFillSoon", "HighErrorRatio", "QueueGrowing")
SERVICES = ("checkout", "cart", "search", "payment", "profile", "catalogue", "shipping")
VALUES = tuple(b"%.3f" % (n / 1000) for n in range(500, 1000))
SEVERITIES = (b"warning", b"critical")


def partition_of(tenant: str, partitions: int) -> int:
    """Return the partition Kafka's own partitioner gives a tenant."""
    return int((murmur2(tenant.encode()) & 0x7FFFFFFF) % partitions)


def balanced_tenants(number: int, partitions: int = PARTITIONS) -> list[str]:
    """Return tenant names of which every partition gets the same share, to within one."""
    share, room = divmod(number, partitions)
    taken = [0] * partitions
    names: list[str] = []
    for name in (f"tenant-{n:04d}" for n in count()):
        if len(names) == number:
            return names
        partition = partition_of(name, partitions)
        fuller = sum(own > share for own in taken)  # partitions that already hold one of the remainder
        if taken[partition] < share or (taken[partition] == share and fuller < room):
            taken[partition] += 1
            names.append(name)
    raise AssertionError("names never run out")


def alert_parts(tenant: str, number: int) -> tuple[bytes, bytes]:
    """Return an alert's JSON before its severity, and between its severity and its value."""
    rule, service = RULES[number % len(RULES)], SERVICES[number % len(SERVICES)]
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:9100"
    return (
        f'{{"tenant_id":"{tenant}","name":"{rule}","severity":"'.encode(),
        (
            f'","status":"firing","labels":{{"cluster":"eu-1","service":"{service}","instance":"{address}"}},'
            f'"annotations":{{"summary":"{rule} on {service} for 5 minutes"}},'
            f'"starts_at":"{STARTED}","source":"prometheus","value":'
        ).encode(),
    )


def storm_records(
    n: int, series: int = 8_000, tenants: int = 20, seed: int = 0, *, partitions: int = PARTITIONS, changes: float = 0.0
) -> Iterator[Record]:
    """Yield `n` alerts of `series` series: pass after pass over all of them, each pass in an order of its own.

    So each series is sent n / series times, to within one, with a value that varies. `changes` is the share of
    records whose severity differs from the last of their series.
    """
    rng = random.Random(seed)  # noqa: S311 - load, not a secret
    names = balanced_tenants(tenants, partitions)
    parts = [(names[i % tenants].encode(), *alert_parts(names[i % tenants], i)) for i in range(series)]
    severity = [0] * series
    order = list(range(series))

    def passes() -> Iterator[Record]:
        while True:
            rng.shuffle(order)
            for i in order:
                key, before, after = parts[i]
                if changes and rng.random() < changes:
                    severity[i] ^= 1
                value = VALUES[int(rng.random() * len(VALUES))]
                yield key, before + SEVERITIES[severity[i]] + after + value + b"}"

    return islice(passes(), n)


def distinct_records(n: int, tenants: int = 20, *, partitions: int = PARTITIONS) -> Iterator[Record]:
    """Yield `n` alerts no two of which are the same alert, spread evenly over the tenants."""
    names = balanced_tenants(tenants, partitions)
    for i in range(n):
        before, after = alert_parts(names[i % tenants], i)
        yield names[i % tenants].encode(), before + SEVERITIES[0] + after + VALUES[i % len(VALUES)] + b"}"


def create_topic(bootstrap: str, topic: str, partitions: int = PARTITIONS) -> None:
    """Create a topic for a bench, which must not exist, and return once the leader of every partition answers."""
    admin = AdminClient({"bootstrap.servers": bootstrap})  # named, since the request ends with the client
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(TIMEOUT_S)
    deadline = time.monotonic() + TIMEOUT_S
    while not is_led(bootstrap, topic, partitions):
        if time.monotonic() > deadline:
            raise InfrastructureError(f"{topic} was created, but not all of it has a leader. Look at the broker's log.")
        time.sleep(0.05)


def is_led(bootstrap: str, topic: str, partitions: int) -> bool:
    """Say whether every partition answers; a broker tells of a topic a little before it leads it."""
    try:
        return len(end_offsets(bootstrap, topic)) == partitions
    except (KafkaException, KeyError):
        return False


def fill(bootstrap: str, topic: str, records: Iterable[Record], *, compression: str = "none") -> dict[int, int]:
    """Write the records, timestamped now, and return how many each partition gained, as the broker counts them."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 20,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 500_000,
            "compression.type": compression,
            "log_level": 3,  # a broker that has just started makes the client retry, and warn of it
        }
    )
    before = end_offsets(bootstrap, topic)
    sent = 0
    for key, value in records:
        produce(producer, topic, key, value)
        sent += 1
    unsent = producer.flush(TIMEOUT_S)
    gained = {p: end - before.get(p, 0) for p, end in end_offsets(bootstrap, topic).items()}
    if unsent or sum(gained.values()) != sent:
        raise InfrastructureError(
            f"{topic} gained {sum(gained.values())} of {sent} records. "
            "Look at the broker's log, and let nothing else write to the topic meanwhile."
        )
    return gained


def produce(producer: Any, topic: str, key: bytes, value: bytes) -> None:
    """Hand one record over, waiting while the queue is full."""
    while True:
        try:
            producer.produce(topic, value, key)
        except BufferError:
            producer.poll(0.1)
        else:
            return


def end_offsets(bootstrap: str, topic: str) -> dict[int, int]:
    """Return each partition's end offset."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-offsets", "enable.auto.commit": False})
    try:
        partitions = consumer.list_topics(topic, TIMEOUT_S).topics[topic].partitions
        return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), TIMEOUT_S)[1] for p in partitions}
    finally:
        consumer.close()
