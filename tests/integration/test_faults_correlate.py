"""A worker with both agents that is killed under load: each change of an incident is told, and told once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from agents.correlate import CorrelateStep
from pipeline.domain.correlation.settings import CorrelationSettings
from pipeline.schemas import records
from pipeline.schemas.correlated import CORRELATED_TOPIC
from pipeline.schemas.outputs import ENRICHED_TOPIC
from tables.store import DictStore
from tests.integration.harness.faults import any_moment, load, ready_worker, seeded
from tests.integration.harness.oracle import newest_rows
from tests.integration.harness.scene import GUARANTEES, Guarantee, Scene
from tests.integration.harness.traffic import PARTITIONS
from tests.step_driver import Record

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.dev.broker import Broker

pytestmark = pytest.mark.integration

KILLS = 4
RATE = 1_000  # records a second: a change costs a hundred times what a repeat does, and machines are shared


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_worker_killed_under_load_tells_each_change_of_an_incident_and_none_twice_with_another_story(
    own_broker: Broker, tmp_path: Path, guarantee: Guarantee
) -> None:
    with Scene(own_broker.bootstrap, tmp_path, guarantee, agents="ingest,correlate") as scene:
        rng = seeded(7)
        load(scene, 7, rate=RATE)
        worker = ready_worker(scene)
        for _ in range(KILLS):
            any_moment(rng, 0.2, 2.0)
            worker.kill()
            worker = scene.restart(worker)
        any_moment(rng, 1.0, 2.0)
        scene.sender.stop()
        scene.drain()
        scene.drain_changes()
        scene.stop_workers()
        wanted, states = oracle(scene)
        told = scene.read(CORRELATED_TOPIC)
        rows = newest_rows(scene.read(scene.incidents))

        found: dict[str, bytes] = {}
        for one in told:
            output_id = next(text.decode() for name, text in one.headers if name == records.ID)
            assert found.setdefault(output_id, one.value) == one.value, "one id told two stories"
        assert len(found) == len(told) or guarantee == "at_least_once", "an output appeared twice"
        assert len(wanted) > 100, "next to nothing happened"
        assert (wanted.keys() - found.keys(), found.keys() - wanted.keys()) == (set(), set())
        assert [one for one in wanted if wanted[one] != found[one]] == []
        assert {number: restored(number, state) for number, state in rows.items()} == states


def oracle(scene: Scene) -> tuple[dict[str, bytes], dict[int, dict[str, Any]]]:
    """Return what a run without any fault tells of the same changes, and what it knows at the end."""
    wanted: dict[str, bytes] = {}
    states = {}
    changes = scene.read(ENRICHED_TOPIC)
    for number in range(PARTITIONS):
        step = CorrelateStep(DictStore(), partition=number, partitions=PARTITIONS, settings=CorrelationSettings())
        step.process(
            [
                Record(one.offset, one.timestamp, one.value, one.headers, one.key)
                for one in changes
                if one.partition == number
            ],
            0,
        )
        for output in step.take_emitted().correlated:
            output_id = next(text.decode() for name, text in output.headers if name == records.ID)
            wanted[output_id] = output.value or b""
        states[number] = known(step)
    return wanted, states


def restored(number: int, rows: dict[bytes, bytes]) -> dict[str, Any]:
    """Return what the rows of a partition hold."""
    step = CorrelateStep(DictStore(dict(rows)), partition=number, partitions=PARTITIONS, settings=CorrelationSettings())
    return known(step)


def known(step: CorrelateStep) -> dict[str, Any]:
    """Return what a step knows of each tenant, as it is written."""
    return {tenant: msgspec.msgpack.encode(one.snapshot()) for tenant, one in sorted(step.correlators.items())}
