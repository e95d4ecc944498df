"""Workers that are killed while rules come and go: no rule is lost, and no verdict told twice, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from agents.ingest import ENRICHED_TOPIC, IngestStep
from bench.load import balanced_tenants, partition_of
from pipeline.app import defaults, periods
from pipeline.domain.timestamps import to_text
from pipeline.schemas import records
from tables import keys
from tables.store import DictStore
from tests import step_driver
from tests.held_alerts import wrongly_held
from tests.integration.harness.faults import any_moment, load, ready_worker, seeded
from tests.integration.harness.oracle import newest_rows
from tests.integration.harness.scene import GUARANTEES, Guarantee, Scene, now_ms
from tests.integration.harness.sender import Sender
from tests.integration.harness.traffic import EVERYTHING, PARTITIONS, Sent
from tests.integration.harness.worker_process import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.dev.broker import Broker

pytestmark = pytest.mark.integration

SECOND = 1_000
ROUNDS = 6
RULES_A_ROUND = 40
TENANTS = balanced_tenants(EVERYTHING.tenants, PARTITIONS)


def rules(number: int) -> list[Sent]:
    """Return the rules of one round: silences that begin and end while alerts come, in two versions, and others."""
    begin = now_ms() - 3 * 3600 * SECOND
    sent: list[Sent] = []
    for at in range(RULES_A_ROUND):
        tenant = TENANTS[at % len(TENANTS)]
        lasts = (5 + 8 * (at % 5)) * SECOND
        starts = begin + (number * 60 + at * 4) * SECOND
        spec: dict[str, Any] = {
            "matchers": [f'alertname="Rule{at % 8}"'],
            "starts_at": to_text(starts),
            "ends_at": to_text(starts + lasts),
        }
        sent += [
            _sent(tenant, "silence", f"s-{number}-{at}", spec, 1),
            _sent(tenant, "silence", f"s-{number}-{at}", {**spec, "ends_at": to_text(starts + 2 * lasts)}, 2),
        ]
        if at % 10 == 0:
            inhibit = {
                "source_matchers": [f'alertname="Rule{at % 8}"'],
                "target_matchers": ['severity="info"'],
                "equal": ["service"],
            }
            sent.append(_sent(tenant, "inhibit_rule", f"i-{number}", inhibit, 1))
    return sent


def _sent(tenant: str, kind: str, rule_id: str, spec: dict[str, Any], version: int) -> Sent:
    record = step_driver.control(0, kind, rule_id, spec, tenant=tenant, version=version, at=now_ms())
    return Sent(partition_of(tenant, PARTITIONS), record.key, record.value, record.timestamp, [])


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_worker_killed_while_rules_come_loses_none_and_tells_every_verdict_once(
    own_broker: Broker, tmp_path: Path, guarantee: Guarantee
) -> None:
    with Scene(own_broker.bootstrap, tmp_path, guarantee) as scene:
        written: dict[bytes, int] = {}
        control = Sender(scene.client, "control")
        rng = seeded(11)
        load(scene, 11)
        worker = ready_worker(scene)
        for number in range(ROUNDS):
            batch = rules(number)
            control.send(batch)
            control.finish()
            written |= {one.key or b"": msgspec.json.decode(one.value or b"")["version"] for one in batch}
            any_moment(rng, 0.05, 1.0)
            worker.kill()
            worker = scene.restart(worker)
        any_moment(rng, 1.0, 2.0)
        scene.sender.stop()
        scene.drain()
        _wait_for_rules(scene, written)
        scene.stop_workers()
        rows = newest_rows(scene.read(scene.changelog))
        told = scene.read(ENRICHED_TOPIC)

        assert rules_in(rows) == written, "a rule was lost"
        bodies: dict[str, bytes] = {}
        order: list[dict[str, Any]] = []
        for one in told:
            output_id = next(text.decode() for name, text in one.headers if name == records.ID)
            if output_id in bodies:
                assert bodies[output_id] == one.value, "one id told two stories"
                assert guarantee == "at_least_once", "an output appeared twice"
                continue
            bodies[output_id] = one.value or b""
            order.append(msgspec.json.decode(one.value or b""))
        assert verdicts_out_of_turn(order) == []
        assert sum(one["change"] in ("suppressed", "unsuppressed") for one in order) > 50, "next to nothing was hidden"
        assert held_wrongly(scene, rows) == []


def _wait_for_rules(scene: Scene, written: dict[bytes, int]) -> None:
    """Wait until every rule is part of the state: the workers take them in beside the alerts."""

    def there() -> bool:
        return rules_in(newest_rows(scene.read(scene.changelog))) == written

    wait_for("every rule in the state", there, 60, lambda: "\n".join(worker.tail() for worker in scene.workers[-1:]))


def rules_in(rows: dict[int, dict[bytes, bytes]]) -> dict[bytes, int]:
    """Return the version of each control record in the state."""
    found = {}
    for partition in rows.values():
        for key, row in partition.items():
            if key[:1] == keys.CONTROL:
                value = msgspec.json.decode(msgspec.msgpack.decode(row)[2])
                found[f"{keys.tenant_of(key)}/{keys.rest_of(key)}".encode()] = value["version"]
    return found


def verdicts_out_of_turn(order: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return the changes of verdicts that do not follow from what was told before."""
    verdict: dict[tuple[str, str], str] = {}
    wrong = []
    for one in order:
        alert = one["tenant_id"], one["fingerprint"]
        before = verdict.get(alert)
        if one["change"] == "suppressed" and before == "suppressed":
            wrong.append((*alert, "suppressed again"))
        if one["change"] == "unsuppressed" and before == "active":
            wrong.append((*alert, "released again"))
        verdict[alert] = one["verdict"]
    return wrong


def held_wrongly(scene: Scene, rows: dict[int, dict[bytes, bytes]]) -> list[tuple[str, str, str, int]]:
    """Return what holds an open alert and is not active for it, or does not hold one although it is."""
    wrong = []
    for partition, state in rows.items():
        step = IngestStep(
            DictStore(dict(state)),
            topic="alerts.raw",
            partition=partition,
            partitions=PARTITIONS,
            periods=periods(scene.loaded),
            wall_clock=False,
            defaults=defaults(scene.loaded),
        )
        wrong += wrongly_held(step)
    return wrong
