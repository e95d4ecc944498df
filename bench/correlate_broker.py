"""What the correlate agent costs a worker: the latency of its incidents, what of the storm it takes, and memory."""

from __future__ import annotations

import multiprocessing
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.incident_load import RATE, Troubles
from bench.latency import LINGER_MS, quantiles
from bench.load import PARTITIONS, fill, storm_records
from bench.stage import throughput, wait_processed
from bench.suppression import UNSCORED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.synchronize import Event

    from bench.stage import Stage, Worker

BOTH: Final = "ingest,correlate"
INCIDENTS: Final = 1_000
TENANTS: Final = 20
EACH: Final = "ingest", "correlate"
WARM_UP_S: Final = 60.0  # a broker's compiler is busy for about as long
MEASURED_S: Final = 30.0
STORM: Final = 2_000_000
SERIES: Final = 8_000
CHANGES_OF_A_TENANT: Final = 200  # of many
SERVICES_OF_A_TENANT: Final = 10
_CAUGHT_UP_S: Final = 120.0
_SETTLE_S: Final = 1.0
_ROUND_S: Final = 0.001
_MAKING_S: Final = 0.0001  # of an alert, at most

Found = dict[str, Any]


class _Value(msgspec.Struct):
    value: float | None = None


_due_in: Final = msgspec.json.Decoder(_Value).decode


def latency(
    on: Stage,
    workers: Sequence[str],
    warm_up_s: float = WARM_UP_S,
    measured_s: float = MEASURED_S,
    *,
    in_step: bool = False,
) -> Found:
    """Return how long after it was due each change was readable, and what it made of an incident.

    `workers` are the agents of each worker. `in_step`, for half a second all changes are openings, which cost the most.
    """
    context = multiprocessing.get_context("spawn")
    ready, done, found = context.Event(), context.Event(), context.Queue()
    reader = context.Process(target=read, args=(on.bootstrap, ready, done, found), daemon=True)
    with ExitStack() as stack:
        running = [
            stack.enter_context(on.worker(f"correlate-latency-{number}-of-{len(workers)}", agents=agents))
            for number, agents in enumerate(workers, 1)
        ]
        for worker in running:
            worker.wait_ready()
        reader.start()
        if not ready.wait(30):
            raise TimeoutError("the reader did not start")
        before = [worker.cpu_seconds() for worker in running]
        late = produce(on.bootstrap, warm_up_s, measured_s, in_step=in_step)
        for worker in running:  # one that falls behind is waited for: what comes late is part of the figures
            wait_caught_up(worker)
        time.sleep(1.0)
        done.set()
        by_topic: dict[str, list[float]] = found.get(timeout=60)
        reader.join(30)
        used = [worker.cpu_seconds() - start for worker, start in zip(running, before, strict=True)]
        incidents = running[-1].sum_of("core_alerts_open_incidents")
    expected, arrived = int(RATE * measured_s), len(by_topic["alerts.enriched"])
    if arrived < expected * 0.99:
        raise AssertionError(f"{arrived} changes arrived of {expected}")
    changes = RATE * (warm_up_s + measured_s)
    return {
        **{topic: quantiles(sorted(latencies)) for topic, latencies in by_topic.items()},
        "workers": list(workers),
        "in_step": in_step,
        "rate": RATE,
        "seconds": measured_s,
        "open_incidents": incidents,
        "producer_behind_ms": late,
        "cpu_us_per_change": [seconds / changes * 1e6 for seconds in used],
    }


def produce(bootstrap: str, warm_up_s: float, measured_s: float, *, in_step: bool) -> float:
    """Send alerts when they are due, every one a change, and return by how many ms the worst of them was late.

    They are made before the first is due, so that making them takes nothing from the worker.
    """
    producer = Producer(
        {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "acks": "all", "linger.ms": LINGER_MS}
    )
    total = int(RATE * (warm_up_s + measured_s))
    started = time.time() + total * _MAKING_S
    made = due_alerts(total, started, warm_up_s, in_step=in_step)
    worst, number = 0.0, 0
    if time.time() > started:
        raise TimeoutError("the alerts were not made in time")
    while number < total:
        now = time.time()
        for at in range(number, min(total, int((now - started) * RATE))):
            due = started + at / RATE
            if due - started > warm_up_s:
                worst = max(worst, time.time() - due)
            tenant, value = made[at]
            producer.produce("alerts.raw", key=tenant, value=value)
            number = at + 1
        producer.poll(0)
        time.sleep(_ROUND_S)
    producer.flush(30)
    return worst * 1000


def due_alerts(total: int, started: float, warm_up_s: float, *, in_step: bool) -> list[tuple[bytes, bytes]]:
    """Return alerts as tenant and value; the value says when it is due, 0 until the warm-up is over."""
    troubles = Troubles(INCIDENTS, TENANTS, in_step=in_step)
    made = []
    for number in range(total):
        due = started + number / RATE
        measured = due - started > warm_up_s
        made.append(troubles.change(number, int(due * 1000), due if measured else 0.0)[1:])
    return made


def read(bootstrap: str, ready: Event, done: Event, found: Any) -> None:
    """Read changes of alerts and of incidents as they become readable; hand over the latencies in ms by topic.

    A change of an incident names the record of alerts.enriched that caused it, and that says when it was due.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "correlate-latency",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 100,
        }
    )
    topics = ("alerts.enriched", "alerts.correlated")
    consumer.assign([TopicPartition(topic, number, 0) for topic in topics for number in range(PARTITIONS)])
    consumer.poll(1.0)
    ready.set()
    due_of: dict[bytes, float] = {}
    latencies: list[float] = []
    caused: list[tuple[bytes, float]] = []
    while not done.is_set():
        messages = consumer.consume(500, 0.01)
        now = time.time()
        for message in messages:
            if message.error() is not None:
                continue
            if message.topic() == "alerts.correlated":
                caused.append((dict(message.headers() or [])["origin"], now))
                continue
            due = _due_in(message.value() or b"{}").value
            if due:
                due_of[f"alerts.enriched/{message.partition()}/{message.offset()}".encode()] = due
                latencies.append((now - due) * 1000)
    consumer.close()
    told = [(now - due_of[origin]) * 1000 for origin, now in caused if origin in due_of]
    found.put({"alerts.enriched": latencies, "alerts.correlated": told})


def storm(on: Stage, rounds: int = 3, records: int = STORM) -> dict[str, Any]:
    """Return the rates of a storm with the ingest agent alone and without scores, and with all there is, in turn."""
    fill(on.bootstrap, "alerts.raw", storm_records(records, SERIES, TENANTS))
    runs: dict[str, list[dict[str, Any]]] = {"alone": [], "with_all": []}
    for number in range(rounds):
        for name, agents, settings in (("alone", "ingest", UNSCORED), ("with_all", BOTH, {})):
            with on.worker(f"correlate-storm-{name}-{number}", agents=agents, **settings) as worker:
                worker.wait_ready()
                runs[name].append(throughput([worker], records) | {"behind": behind(worker)})
    return runs


def resident(on: Stage, few: int, many: int) -> dict[str, Any]:
    """Return the resident memory of a worker with few and with many tenants after as many changes, once it is idle.

    A tenant has a hundred alerts in both cases, so that what differs is how many tenants there are.
    """
    total = many * CHANGES_OF_A_TENANT
    found: dict[str, Any] = {"changes": total}
    for name, tenants in (("few", few), ("many", many)):
        on.fresh_topics()
        troubles = Troubles(tenants * SERVICES_OF_A_TENANT, tenants)
        begin = int(time.time() * 1000)
        fill(on.bootstrap, "alerts.raw", (troubles.change(number, begin)[1:] for number in range(total)))
        with on.worker(f"correlate-resident-{name}", agents=BOTH) as worker:
            worker.wait_ready()
            wait_processed(worker, total)
            wait_caught_up(worker)
            found[name] = {"tenants": tenants, "resident_bytes": worker.resident_bytes()}
    more = found["many"]["resident_bytes"] - found["few"]["resident_bytes"]
    found["bytes_a_tenant"] = more / (many - few)
    return found


def wait_caught_up(worker: Worker) -> None:
    """Return once nothing that it has seen waits."""
    deadline = time.monotonic() + _CAUGHT_UP_S
    time.sleep(_SETTLE_S)  # what was produced last is not counted yet
    while behind(worker):
        if time.monotonic() > deadline:
            raise TimeoutError(f"changes were not correlated within {_CAUGHT_UP_S:.0f} s:\n{worker.tail()}")
        time.sleep(0.2)


def behind(worker: Worker) -> int:
    """Return how many records wait, of both agents."""
    return worker.sum_of("core_alerts_consumer_lag_records")
