"""`core-alerts control` on a real broker: what a folder says arrives, comes back as a folder, and can be taken back."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from pipeline.commands.control import commands
from pipeline.control.kafka import read_control
from pipeline.domain.partitioner import partition_of
from pipeline.kafka_connection import KafkaConnection
from pipeline.kafka_io import reading, records
from pipeline.schemas.control_records import ControlKey, ControlRecord, parse_control
from pipeline.topic_admin import create_topics
from pipeline.topics import CONTROL
from tests.integration.harness.traffic import PARTITIONS

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

    from pipeline.dev.broker import Broker

pytestmark = pytest.mark.integration

STORM = "kind: storm_policy\nid: calm\ncomment: we are few\nspec: {floor: 50}\n"
RULES = """\
kind: silence
id: db-upgrade
comment: the database is upgraded
spec: {matchers: ['job="db"'], starts_at: 2026-01-01T00:00:00Z, ends_at: 2035-01-01T00:00:00Z}
---
kind: inhibit_rule
id: node-down
comment: one is enough
spec: {source_matchers: ['alertname="NodeDown"'], target_matchers: ['job="node"'], equal: [instance]}
"""


class Side:
    """Two tenants of this test's own, their folder, and the topic that all tests share."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.connection = KafkaConnection(broker.bootstrap)
        self.folder = folder / "rules"
        name = uuid.uuid4().hex[:8]
        self.one, self.other = f"one-{name}", f"other-{name}"
        create_topics(self.connection, PARTITIONS, 1, topics=[CONTROL])

    def write(self, tenant: str, text: str) -> None:
        path = self.folder / tenant / "rules.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *arguments: object) -> Result:
        environ = {"CORE_ALERTS_BROKER": self.connection.bootstrap, "USER": "ada"}
        return CliRunner().invoke(commands, [str(one) for one in arguments], env=environ)

    def apply(self, *more: str) -> list[tuple[str, str, int]]:
        """Apply the folder and return (action, id, version) of each change."""
        result = self.run("apply", self.folder, "--json", *more)
        assert result.exit_code == 0, result.output
        return [(one["action"], one["id"], one["version"]) for one in json.loads(result.stdout)["changes"]]

    def get(self, *arguments: str) -> list[dict[str, Any]]:
        result = self.run("get", *arguments, "--json")
        found: list[dict[str, Any]] = json.loads(result.stdout)
        return found

    def sent(self) -> list[tuple[int, ControlRecord]]:
        """Return (partition, record) of all that these tenants have on the topic."""
        mine = (self.one.encode() + b"/", self.other.encode() + b"/")
        found = []
        with reading(self.connection, CONTROL.name, from_beginning=True) as consumer:
            for message in records(consumer, idle_s=1):
                if message.key().startswith(mine):
                    record = parse_control(message.key(), message.value())
                    assert isinstance(record, ControlRecord)
                    assert message.timestamp()[1] == record.updated_at
                    found.append((message.partition(), record))
        return found


@pytest.fixture
def side(broker_with_rules: Broker, tmp_path: Path) -> Side:
    return Side(broker_with_rules, tmp_path)


def test_what_is_applied_is_on_the_partition_of_its_tenant_and_once(side: Side) -> None:
    side.write(side.one, RULES)
    side.write(side.other, STORM)
    before = time.time_ns() // 1_000_000
    assert side.apply("--dry-run") == [
        ("added", "node-down", 1),
        ("added", "db-upgrade", 1),
        ("added", "calm", 1),
    ]
    assert side.sent() == []
    assert len(side.apply()) == 3
    assert side.apply() == []
    found = side.sent()
    assert {(partition, record.tenant_id, record.id) for partition, record in found} == {
        (partition_of(side.one, PARTITIONS), side.one, "node-down"),
        (partition_of(side.one, PARTITIONS), side.one, "db-upgrade"),
        (partition_of(side.other, PARTITIONS), side.other, "calm"),
    }
    assert {(record.author, record.version) for _, record in found} == {("ada", 1)}
    assert all(before <= record.updated_at <= time.time_ns() // 1_000_000 for _, record in found)
    assert len(found) == 3


def test_only_what_differs_is_written_and_the_difference_is_shown(side: Side) -> None:
    side.write(side.one, RULES)
    side.apply()
    side.write(side.one, RULES.replace("equal: [instance]", "equal: [cluster]"))
    result = side.run("apply", side.folder, "--author", "bob")
    key = f"{side.one}/inhibit_rule/node-down"
    assert result.stdout.splitlines()[:3] == [f"changed {key}", f"--- {key} version 1", f"+++ {key} version 2"]
    assert "-    - instance\n+    - cluster\n" in result.stdout
    assert result.stderr == "1 changed; 1 unchanged.\n"
    assert [(one["version"], one["author"]) for one in side.get(side.one, "inhibit_rule")] == [(2, "bob")]


def test_nothing_is_written_if_anything_is_wrong(side: Side) -> None:
    side.write(side.one, RULES)
    side.write(side.other, STORM.replace("floor", "flor"))
    assert side.run("apply", side.folder).exit_code == 2
    assert side.sent() == []


def test_an_edit_that_may_not_keep_its_id_ends_one_silence_and_begins_another(side: Side) -> None:
    side.write(side.one, RULES)
    side.apply()
    side.write(side.one, RULES.replace('job="db"', 'job="web"'))
    assert side.apply() == [("expired", "db-upgrade", 2), ("added", "db-upgrade.r2", 1)]
    assert side.apply() == []
    assert side.apply("--prune") == []


def test_an_exported_folder_is_found_unchanged(side: Side, tmp_path: Path) -> None:
    side.write(side.one, RULES)
    side.write(side.other, STORM)
    side.apply()
    side.write(side.one, RULES.replace('job="db"', 'job="web"'))
    side.apply()
    out = tmp_path / "exported"
    assert side.run("export", side.one, side.other, "--out", out).exit_code == 0
    side.folder = out
    assert side.apply("--prune") == []
    assert sorted(path.name for path in out.rglob("*.yml")) == ["inhibit_rule.yml", "silence.yml", "storm_policy.yml"]


def test_pruning_deletes_what_the_folder_does_not_have_of_its_tenants_only(side: Side) -> None:
    side.write(side.one, RULES)
    side.write(side.other, STORM)
    side.apply()
    (side.folder / side.other / "rules.yml").unlink()
    side.write(side.one, STORM)
    assert side.apply() == [("added", "calm", 1)]
    assert side.apply("--prune") == [("removed", "node-down", 2), ("removed", "db-upgrade", 2)]
    assert [one["id"] for one in side.get(side.one)] == ["calm"]
    assert [one["id"] for one in side.get(side.other)] == ["calm"]
    side.write(side.one, RULES)
    assert side.apply() == [("added", "node-down", 3), ("added", "db-upgrade", 3)]


def test_a_rule_that_is_deleted_is_gone_and_who_did_it_is_known(side: Side) -> None:
    side.write(side.one, STORM)
    side.apply()
    arguments = (side.one, "storm_policy", "calm")
    result = side.run("delete", *arguments, "--comment", "enough", "--author", "eve")
    assert (result.exit_code, result.stderr) == (0, f"Deleted {side.one}/storm_policy/calm (version 2).\n")
    for command in ("delete", "get"):
        again = side.run(command, *arguments)
        assert (again.exit_code, again.stderr) == (1, f"There is no rule {side.one}/storm_policy/calm.\n")
    (_, first), (_, last) = side.sent()
    assert not first.deleted
    assert (last.deleted, last.version, last.author, last.comment) == (True, 2, "eve", "enough")


def test_one_rule_is_shown_as_the_document_that_makes_it(side: Side) -> None:
    side.write(side.one, RULES)
    side.apply()
    shown = side.run("get", side.one, "inhibit_rule", "node-down").stdout
    side.write(side.one, shown)
    assert shown.startswith("# version 1 of 2")
    assert side.apply() == []
    table = side.run("get", side.one).stdout
    assert [line.split()[:4] for line in table.splitlines()[1:]] == [
        ["inhibit_rule", "node-down", "1", "ada"],
        ["silence", "db-upgrade", "1", "ada"],
    ]


def test_what_no_worker_takes_is_told_and_passed_over(side: Side) -> None:
    side.write(side.one, STORM)
    side.apply()
    key = ControlKey(side.one, "storm_policy", "calm")
    producer = Producer({**side.connection.confluent(), "log_level": 2})
    for value in (b"not json", b'{"tenant_id": "acme"}'):
        producer.produce(CONTROL.name, value, str(key).encode(), partition_of(side.one, PARTITIONS))
    producer.flush(10)
    assert side.apply() == []
    result = side.run("apply", side.folder)
    assert result.stderr.count("Passed over, for no worker takes it: control/") == 2
    assert "not_json" in result.stderr


def test_a_tombstone_forgets_a_rule(side: Side) -> None:
    side.write(side.one, STORM)
    side.apply()
    producer = Producer({**side.connection.confluent(), "log_level": 2})
    key = str(ControlKey(side.one, "storm_policy", "calm")).encode()
    producer.produce(CONTROL.name, None, key, partition_of(side.one, PARTITIONS))
    producer.flush(10)
    assert read_control(side.connection, [side.one]).records == {}
    assert side.apply() == [("added", "calm", 1)]
