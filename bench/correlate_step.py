"""What a change costs the correlate agent, from bytes to bytes with its snapshots, and what it costs the models."""

from __future__ import annotations

import gc
import time
import tracemalloc
from typing import TYPE_CHECKING, Any, Final

import msgspec

from agents.correlate import CorrelateStep
from agents.scoring import Scoring
from bench.incident_load import BEGIN, LIFE, Change, Troubles, changes_of
from bench.load import RULES, SERVICES
from models.noise import NoiseInput
from pipeline.domain.alert import Alert
from pipeline.domain.change import Change as Kind
from pipeline.domain.correlation.settings import CorrelationSettings
from pipeline.domain.severity import Severity
from pipeline.schemas.control_records import ControlKey, new_record
from tables.store import DictStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

TENANTS: Final = 20
INCIDENTS: Final = (10, 100, 1_000, 10_000)
NODES: Final = (100, 1_000, 10_000, 100_000)
BATCH: Final = 50  # as a worker hands changes to the agent
SNAPSHOT_EVERY: Final = 10  # batches
ROUNDS: Final = 2  # of the flow; the faster one is told, for the other was disturbed
_PART: Final = 200  # nodes of a control record, which may have 64 KiB
_PODS: Final = 8  # of a service
_LATER: Final = 2_000  # alerts that open before one ends


def by_incidents(incidents: int, changes: int) -> dict[str, Any]:
    """Return what it costs to open incidents, and what a change costs while they are open."""
    troubles = Troubles(incidents, TENANTS)
    changes = whole_lives(changes, incidents)
    records = list(changes_of([*troubles.opening(), *troubles.flow(ROUNDS * changes)]))
    opening, flow = records[:incidents], records[2 * incidents :]
    store = DictStore()
    step = new_step(store)
    opened_us = run(step, store, opening, snapshots=False)  # they lie hours apart: each would bring a whole snapshot
    run(step, store, records[incidents : 2 * incidents])
    if step.open_count != incidents:
        raise AssertionError(f"{step.open_count} incidents are open, expected {incidents}")
    costs = [run(step, store, flow[begin : begin + changes]) for begin in range(0, len(flow), changes)]
    us = min(costs[:ROUNDS])
    return {
        "open_incidents": incidents,
        "tenants": len(troubles.tenants),
        "open_after": step.open_count,
        "microseconds_to_open": opened_us,
        "microseconds_a_change": us,
        "changes_per_second": 1e6 / us,
    }


def by_nodes(nodes: int, changes: int, incidents: int = 100) -> dict[str, Any]:
    """Return what a topology costs: to set it, to hold it, and at each change."""
    services = max(1, nodes // (_PODS + 2))

    def labels(incident: int, which: int) -> str:
        service = incident * services // incidents
        return f'"pod":"pod-{service}-{which % _PODS}","app":"service-{service}",'

    troubles = Troubles(incidents, 1, labels)
    changes = whole_lives(changes, incidents)
    records = list(changes_of([*troubles.opening(), *troubles.flow(ROUNDS * changes)]))
    opening, flow = records[: 2 * incidents], records[2 * incidents :]
    control = list(topology_records(troubles.tenants[0], services))

    def with_topology() -> tuple[CorrelateStep, DictStore, float]:
        store = DictStore()
        step = new_step(store)
        run(step, store, opening[:1])
        started = time.process_time()
        step.seal_control(control)
        step.apply_control()
        run(step, store, opening[1:2])  # the graph is made when the next change needs it
        return step, store, time.process_time() - started

    gc.collect()
    tracemalloc.start()
    held = with_topology()
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del held
    step, store, set_s = with_topology()
    run(step, store, opening[2:])
    costs = [run(step, store, flow[begin : begin + changes]) for begin in range(0, len(flow), changes)]
    return {
        "nodes": services * (_PODS + 2),
        "records": len(control),
        "seconds_to_set": set_s,
        "bytes": taken,
        "microseconds_a_change": min(costs[:ROUNDS]),
    }


def topology_records(tenant: str, services: int) -> Iterator[Change]:
    """Yield control records of a graph: services that call two others each, with eight pods and a host each."""
    specs: list[dict[str, Any]] = []
    for begin in range(0, services, max(1, _PART // (_PODS + 2))):
        edges = []
        for one in range(begin, min(services, begin + max(1, _PART // (_PODS + 2)))):
            edges += [
                (f"service-{one}", f"service-{other % services}", "calls") for other in (7 * one + 1, 3 * one + 2)
            ]
            for pod in range(_PODS):
                edges.append((f"pod-{one}-{pod}", f"service-{one}", "instance_of"))
                edges.append((f"pod-{one}-{pod}", f"host-{(one + pod) % services}", "runs_on"))
        specs.append(
            {
                "labels": ["pod", "app"],
                "edges": [{"source": source, "target": target, "label": label} for source, target, label in edges],
            }
        )
    for number, spec in enumerate(specs):
        key = ControlKey(tenant, "topology", f"part-{number:05d}")
        record = new_record(key, 1, "bench", BEGIN, "bench", msgspec.json.encode(spec))
        yield Change(number, BEGIN, record.value, key=str(key).encode())


def new_step(store: DictStore) -> CorrelateStep:
    """Return a step without anything in its state."""
    return CorrelateStep(store, partition=0, partitions=1, settings=CorrelationSettings())


def whole_lives(changes: int, incidents: int) -> int:
    """Return at least `changes`, so many that as many alerts come up as are resolved."""
    return -(-changes // (LIFE * incidents)) * LIFE * incidents


def run(step: CorrelateStep, store: DictStore, records: Sequence[Change], *, snapshots: bool = True) -> float:
    """Process records as a worker does, and return the microseconds of CPU that one of them took."""
    started = time.process_time()
    for number, begin in enumerate(range(0, len(records), BATCH), 1):
        step.process(records[begin : begin + BATCH], 0)
        step.take_emitted()
        if snapshots and number % SNAPSHOT_EVERY == 0:
            checkpoint(step, store)
    if snapshots:
        checkpoint(step, store)
    return (time.process_time() - started) / len(records) * 1e6


def checkpoint(step: CorrelateStep, store: DictStore) -> None:
    """Make a snapshot and keep it."""
    store.write(step.snapshot())
    step.shrink()
    step.report()


def predictions(alerts: int) -> dict[str, Any]:
    """Return how many predictions a second the models of 20 tenants make; they learn from every opening and end.

    All of them are asked: people told of each name, and alerts end, each a while after it opened.
    """
    store = DictStore()
    scoring = Scoring(store)
    for tenant in range(TENANTS):
        for number, name in enumerate(RULES):
            said = NoiseInput(BEGIN, name, "prometheus", "", Severity.WARNING)
            scoring.learn(f"tenant-{tenant:04d}", said, wanted=number % 2 == 0)
    costs, told = [], 0
    for begin in range(0, ROUNDS * alerts, alerts):
        told = 0
        opened = [alert(begin + number) for number in range(alerts)]
        ended = [alert(begin + number, opened=False) for number in range(alerts)]
        started = time.process_time()
        for number, (one, labels) in enumerate(opened, 1):
            scores = scoring.score(one, Kind.OPENED, labels, "prometheus", one.last_event)
            told += len(scores.values) + (scores.resolves is not None)
            if number > _LATER:
                over, its_labels = ended[number - _LATER - 1]
                scoring.score(over, Kind.RESOLVED, its_labels, "prometheus", one.last_event)
            if number % (BATCH * SNAPSHOT_EVERY) == 0:
                rows: dict[bytes, bytes | None] = {}
                scoring.snapshot(rows, one.last_event)
                store.write(rows)
                scoring.shrink()
        costs.append((time.process_time() - started) / alerts)
    return {
        "alerts": alerts,
        "predictions_of_an_alert": told / alerts,
        "microseconds_of_an_alert": min(costs) * 1e6,
        "predictions_per_second": told / alerts / min(costs),
    }


def alert(number: int, *, opened: bool = True) -> tuple[Alert, dict[str, str]]:
    """Return an alert that opens or ends, one of 20 tenants', with its labels."""
    at = BEGIN + number // 2  # 2,000 a second
    host = number // TENANTS % 400
    found = Alert(
        tenant=f"tenant-{number % TENANTS:04d}",
        fingerprint=f"{number:016x}",
        name=RULES[number // TENANTS % len(RULES)],
        severity=Severity.WARNING,
        open=opened,
        count=1,
        starts_at=at,
        last_seen=at,
        last_event=at,
        ends_at=None if opened else at + _LATER // 2,
        value=None,
        told_at=at,
        told_count=1,
        opened_at=at,
    )
    return found, {"instance": f"10.0.{host >> 8}.{host & 255}", "service": SERVICES[host % len(SERVICES)]}
