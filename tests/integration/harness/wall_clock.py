"""Runs by the wall clock. No oracle can repeat them, so they are judged by what must hold whatever the clock said."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from agents.ingest import DEAD_TOPIC, ENRICHED_TOPIC, RAW_TOPIC
from bench.load import balanced_tenants, partition_of
from pipeline.app import defaults, periods
from pipeline.schemas.records import ORIGIN
from tests.integration.harness.faults import RATE, STEP_MS, any_moment, ready_worker, seeded
from tests.integration.harness.oracle import Outcome, compare, expected, found
from tests.integration.harness.scene import now_ms
from tests.integration.harness.traffic import EVERYTHING, PARTITIONS, PLAIN, Sent, traffic
from tests.integration.harness.worker_process import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.integration.harness.kafka_side import Read
    from tests.integration.harness.oracle import Told, Verdict
    from tests.integration.harness.scene import Scene
    from tests.integration.harness.traffic import Mix

SHORT_PERIODS = {
    "CORE_ALERTS_INGEST__CLOCK": "wall",
    "CORE_ALERTS_INGEST__DIGEST_INTERVAL": "1s",
    "CORE_ALERTS_INGEST__RESOLVE_TIMEOUT": "2s",
    "CORE_ALERTS_INGEST__REOPEN_WINDOW": "4s",
}
LONG_PERIODS = {"CORE_ALERTS_INGEST__CLOCK": "wall", "CORE_ALERTS_INGEST__RESOLVE_TIMEOUT": "1m"}
# What is sent on arrives behind the backlog, an hour late: what time makes of that depends on when it arrives.
_IN_PLACE = replace(EVERYTHING, misplaced=0)
_ENDS = ("resolved", "expired")
_HOUR_MS = 3600 * 1000
_SLOWEST = 2_000  # alerts a second that a worker with a backlog does at the very least


def kill_by_the_wall_clock(scene: Scene, seed: int, rounds: int) -> dict[str, object]:
    """kill -9 the only worker, again and again, while digests and expiries come with time; return what is wrong."""
    rng = seeded(seed)
    scene.sender.start(live(traffic(seed, int(rounds * 3.0 * RATE), 0, 1, PLAIN)), RATE)
    worker = ready_worker(scene)
    for _ in range(rounds):
        any_moment(rng)
        worker.kill()
        worker = scene.restart(worker)
    scene.drain()
    wait_for("every alert to end", lambda: not still_open(scene.read(ENRICHED_TOPIC)), 60, worker.tail)
    scene.stop_workers()
    return contradictions(scene)


def live(records: Iterable[Sent]) -> Iterator[Sent]:
    """Yield records with the time at which they are asked for."""
    for record in records:
        yield record._replace(timestamp=now_ms())


def contradictions(scene: Scene) -> dict[str, object]:
    """Return everything that cannot be true of one undisturbed run."""
    told = found(scene.read(ENRICHED_TOPIC))
    first: dict[str, Told] = {}
    differing = [one for one in told if first.setdefault(one.id, one) != one]
    bodies = [msgspec.json.decode(one.value or b"") for one in first.values()]
    fired = sum(b'"status": "firing"' in (record.value or b"") for record in scene.read(RAW_TOPIC))
    counted = sum(body["count"] for body in bodies if body["change"] in _ENDS)
    wrong: dict[str, object] = {}
    if differing:
        wrong["differing"] = [(one, first[one.id]) for one in differing[:3]]
    if counted != fired:
        wrong["counted"] = f"{fired} firing records, but alerts ended with {counted} in all"
    if broken := broken_lives(bodies):
        wrong["lives"] = broken[:3]
    if dead := scene.read(DEAD_TOPIC):
        wrong["dead letters"] = len(dead)
    if scene.exactly_once and len(first) != len(told):
        wrong["repeated"] = len(told) - len(first)
    scene.repeated = len(told) - len(first)
    return wrong


def broken_lives(bodies: Iterable[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return neighbours in an alert's story that do not fit: opened while open, told after its end, counted back."""
    last: dict[tuple[str, str], dict[str, Any]] = {}
    broken = []
    for body in bodies:
        alert = body["tenant_id"], body["fingerprint"]
        before = last.get(alert)
        begins = body["change"] in ("opened", "reopened")
        ended = before is None or before["change"] in _ENDS
        if (
            begins != ended
            or (begins and body["count"] != 1)
            or (before and not begins and body["count"] < before["count"])
        ):
            broken.append((before or {}, body))
        last[alert] = body
    return broken


def still_open(records: Iterable[Read]) -> Counter[tuple[str, str]]:
    """Return the alerts whose newest change is no end."""
    newest = {}
    for record in records:
        body = msgspec.json.decode(record.value or b"")
        newest[body["tenant_id"], body["fingerprint"]] = body["change"]
    return Counter(alert for alert, change in newest.items() if change not in _ENDS)


def hour_of_outage(scene: Scene, seed: int, records: int) -> Verdict:
    """Let a worker that knows many open alerts be away for an hour, and come back to what was sent meanwhile.

    While it has a backlog time is what its records say, so all that it tells of that hour is what the oracle tells;
    only then does the wall clock go on from there.
    """
    back_at = now_ms()
    mix = spread_over_an_hour(records)
    before = traffic(seed, 5_000, back_at - _HOUR_MS - 5_000 * STEP_MS, STEP_MS, mix)
    scene.sender.send(before)
    worker = ready_worker(scene, CORE_ALERTS_INGEST__CLOCK="event")
    scene.drain()
    worker.terminate()
    scene.sender.send(traffic(seed + 1, records, back_at - _HOUR_MS, _HOUR_MS / records, mix))
    scene.sender.send(one_more_each(back_at))
    scene.read(RAW_TOPIC)  # now, not while the worker is timed
    back = ready_worker(scene)
    scene.recovered_after.append(time.monotonic() - back.started_at)
    scene.drain(seconds=300 + records / _SLOWEST)
    scene.caught_up_after = time.monotonic() - back.started_at
    scene.stop_workers()
    raw = scene.read(RAW_TOPIC)
    wanted = expected(raw, periods(scene.loaded), defaults(scene.loaded))
    told = {topic: found(scene.read(topic)) for topic in (ENRICHED_TOPIC, DEAD_TOPIC)}
    told[ENRICHED_TOPIC] = without_later(told[ENRICHED_TOPIC], raw)
    return compare(len(raw), Outcome(wanted.told, {}), Outcome(told, {}))


def spread_over_an_hour(records: int) -> Mix:
    """Return a mix in which alerts fall silent for minutes, however many records the hour has."""
    share = max(1, records // 100_000)
    return replace(_IN_PLACE, series=EVERYTHING.series * share, alive=EVERYTHING.alive * share)


def one_more_each(at: int) -> Iterator[Sent]:
    """Yield one record for each partition, which lets everything that is due by `at` happen."""
    for tenant in balanced_tenants(PARTITIONS, PARTITIONS):
        value = f'{{"tenant_id":"{tenant}","name":"TheLast"}}'.encode()
        yield Sent(partition_of(tenant, PARTITIONS), tenant.encode(), value, at, [])


def without_later(told: Iterable[Told], raw: Iterable[Read]) -> list[Told]:
    """Return what was told, without what time alone caused after the last record of its partition."""
    last: dict[int, int] = {}
    for record in raw:
        last[record.partition] = max(record.timestamp, last.get(record.partition, 0))
    return [
        one
        for one in told
        if not (dict(one.headers)[ORIGIN].startswith(b"timer/") and one.timestamp > last[one.partition])
    ]
