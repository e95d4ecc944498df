from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from agents.ingest import DEAD_TOPIC, ENRICHED_TOPIC, RAW_TOPIC
from bench.load import balanced_tenants, partition_of
from pipeline.commands.program import program
from pipeline.domain.timestamps import to_text
from pipeline.exchange import interpret
from tests import step_driver
from tests.integration.harness.scene import GUARANTEES, Guarantee, Scene, now_ms
from tests.integration.harness.sender import Sender
from tests.integration.harness.traffic import PARTITIONS, Mix, Sent, traffic
from tests.integration.harness.worker_process import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.dev.broker import Broker

pytestmark = pytest.mark.integration

HOUR = 3_600_000
COUNT, STEP_MS = 3_000, 200  # ten minutes of event time
IN_ORDER = Mix(late=0)  # a late alert after a rule that is younger is decided under it live, and not in replay
TENANTS = balanced_tenants(IN_ORDER.tenants, PARTITIONS)
EVERYTHING = f"""\
kind: silence
id: everything
tenant: {TENANTS[0]}
comment: what if
spec: {{matchers: [], starts_at: 2031-01-01T00:00:00Z, ends_at: 2031-01-02T00:00:00Z}}
"""
Outputs = list[tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]]


class Topics:
    """A broker of the test's own, whose topics hold what one test wrote."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.rules = Sender(scene.client, "control")
        self.sent = 0

    def rule(
        self, at: int, tenant: str, kind: str, rule_id: str, spec: dict[str, Any] | None, version: int = 1
    ) -> None:
        record = step_driver.control(0, kind, rule_id, spec, tenant=tenant, version=version, at=at)
        self.rules.send([Sent(partition_of(tenant, PARTITIONS), record.key, record.value, at, [])])

    def mark(self, at: int) -> None:
        """Write to each partition a rule that nobody can read."""
        self.rules.send(Sent(number, b"nobody", b"{}", at, []) for number in range(PARTITIONS))
        self.sent += PARTITIONS

    def wait_for_marks(self) -> None:
        """Wait until all of them are dead letters, and so what was written before them is in force."""

        def taken() -> bool:
            origins: list[bytes] = [letter.header("origin") for letter in self.scene.read(DEAD_TOPIC)]
            return sum(origin.startswith(b"control/") for origin in origins) == self.sent

        wait_for("the rules are taken in", taken, 30)

    def told(self, topic: str) -> Outputs:
        return [(one.key, one.value, one.headers) for one in self.scene.read(topic)]


def replayed(scene: Scene, folder: Path, *options: str) -> tuple[list[bytes], Outputs, dict[str, Any]]:
    """Return the changes, dead letters and counts of `core-alerts replay --from-topic`."""
    out, dead, counts = folder / "out", folder / "dead", folder / "counts"
    command = ["replay", "--from-topic", "--out", out, "--dead", dead, "--json-summary", counts, *options]
    result = CliRunner().invoke(program, [str(one) for one in command], env=scene.settings)
    assert result.exit_code == 0, result.output
    letters = [interpret(n, text) for n, text in enumerate(dead.read_bytes().splitlines())]
    return (
        out.read_bytes().splitlines(),
        [(one.key, one.value, tuple(one.headers)) for one in letters],
        json.loads(counts.read_text()),
    )


def by_id(bodies: list[bytes]) -> dict[str, bytes]:
    found = {json.loads(body)["id"]: body for body in bodies}
    assert len(found) == len(bodies)
    return found


@pytest.mark.parametrize("guarantee", GUARANTEES)
def test_a_replay_of_both_topics_tells_exactly_what_a_worker_told(
    own_broker: Broker, tmp_path: Path, guarantee: Guarantee
) -> None:
    begin = now_ms() - 3 * HOUR
    middle = begin + COUNT // 2 * STEP_MS
    alerts = [*traffic(5, COUNT, begin, STEP_MS, IN_ORDER)]
    quiet = {
        "matchers": ['alertname=~"Rule[12]"'],
        "starts_at": to_text(begin - HOUR),
        "ends_at": to_text(begin + HOUR),
    }
    with Scene(own_broker.bootstrap, tmp_path, guarantee) as scene:
        topics = Topics(scene)
        for tenant in TENANTS:
            topics.rule(begin - 1000, tenant, "silence", "quiet", quiet)
            topics.rule(begin - 1000, tenant, "storm_policy", "storms", {"floor": 30, "quiet_minutes": 1})
            topics.rule(begin - 1000, tenant, "flap_policy", "flaps", {"window": "2m", "start_at": 3, "end_at": 1})
        topics.mark(begin - 1000)
        worker = scene.start_worker()  # a new one reads all rules before its first alert
        worker.wait_ready()
        scene.sender.send(alerts[: COUNT // 2])
        scene.drain()
        first_half = topics.told(ENRICHED_TOPIC)
        inhibit = {"source_matchers": ["alertname=Rule3"], "target_matchers": ["alertname=Rule4"]}
        work = {"matchers": [], "starts_at": to_text(middle + 60_000), "ends_at": to_text(middle + 120_000)}
        for tenant in TENANTS[:4]:
            topics.rule(middle - 1, tenant, "silence", "quiet", None, 2)
            topics.rule(middle - 1, tenant, "inhibit_rule", "three", inhibit)
        for tenant in TENANTS[4:]:
            topics.rule(middle - 1, tenant, "maintenance_window", "work", work)
            topics.rule(middle - 1, tenant, "identity_rule", "instances", {"drop": ["instance"]})
        topics.mark(middle - 1)
        topics.wait_for_marks()
        scene.sender.send(alerts[COUNT // 2 :])
        scene.drain()
        scene.stop_workers()

        told, letters = topics.told(ENRICHED_TOPIC), topics.told(DEAD_TOPIC)
        bodies, dead, counts = replayed(scene, tmp_path)
        assert by_id(bodies) == by_id([value or b"" for _, value, _ in told])
        assert sorted(dead, key=repr) == sorted(letters, key=repr)
        assert set(counts["suppressed_by"]) >= {"silence", "maintenance", "inhibition", "flapping", "storm"}
        assert counts["changes"]["unsuppressed"] > 10

        bodies, _, counts = replayed(scene, tmp_path, "--until", to_text(middle - 1))
        assert by_id(bodies) == by_id([value or b"" for _, value, _ in first_half])

        bodies, _, later = replayed(scene, tmp_path, "--since", to_text(middle))
        assert later["alerts"] + counts["alerts"] == len(scene.read(RAW_TOPIC))
        hiding = {hider for body in bodies for hider in json.loads(body)["suppressed_by"]}
        assert {"inhibition:three", "maintenance:work", "silence:quiet"} <= hiding

        rule = tmp_path / "rule.yml"
        rule.write_text(EVERYTHING)
        result = CliRunner().invoke(
            program, ["backtest", "--from-topic", "--rule", str(rule), "--json"], env=scene.settings
        )
        assert result.exit_code == 0, result.output
        found = json.loads(result.stdout)
        mine = [
            one
            for one in map(json.loads, by_id([value or b"" for _, value, _ in told]).values())
            if one["tenant_id"] == TENANTS[0] and one["verdict"] == "active" and one["source"] != "core-alerts"
        ]
        assert found["hidden"]["changes"] + sum(found["told_less"].values()) == len(mine) > 100
        first = found["hidden"]["by_rule"][0]
        assert (first["rule"], first["changes"]) == ("silence:everything", found["hidden"]["changes"])
