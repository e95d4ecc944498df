"""The ledger as it is read off a real broker: one tenant's partition, what is committed, up to where it ended."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from pipeline.domain.errors import ConfigurationError
from pipeline.domain.partitioner import partition_of
from pipeline.domain.timestamps import to_text
from pipeline.kafka_connection import KafkaConnection
from pipeline.schemas.control_records import ControlKey, new_record
from pipeline.topic_admin import create_topics
from pipeline.topic_reading import read_partition
from pipeline.topics import Topic
from tests.incident_records import incident, member
from tests.integration.harness.scene import now_ms
from tests.integration.harness.traffic import PARTITIONS
from tests.ledger_program import run
from tests.ledger_records import FIRST_SEEN, MINUTE, change

if TYPE_CHECKING:
    from pipeline.dev.broker import Broker

pytestmark = pytest.mark.integration
SILENCED = ("silence", "suppress", "silenced", "db-upgrade", 3, "ada")


@pytest.fixture
def connection(broker_with_rules: Broker) -> KafkaConnection:
    found = KafkaConnection(broker_with_rules.bootstrap)
    create_topics(found, PARTITIONS, 1)
    return found


@pytest.fixture
def topic(connection: KafkaConnection) -> str:
    """A topic that no other test has."""
    name = f"test.{uuid4().hex}"
    create_topics(connection, PARTITIONS, 1, topics=[Topic(name, "what a test writes")])
    return name


@pytest.fixture
def tenant() -> str:
    """A tenant that no other test has."""
    return f"t-{uuid4().hex[:12]}"


class Transactions:
    """A producer whose records count once their transaction is committed."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._producer = Producer({**connection.confluent(), "transactional.id": uuid4().hex, "log_level": 0})
        self._producer.init_transactions()

    def send(
        self, topic: str, tenant: str, *values: bytes, at: int = 0, key: str | None = None, commit: bool = True
    ) -> None:
        """Send records of a tenant's in one transaction, and end it so or so."""
        self._producer.begin_transaction()
        for value in values:
            self._producer.produce(
                topic, value, (key or tenant).encode(), partition_of(tenant, PARTITIONS), timestamp=at or now_ms()
            )
        self._producer.flush()
        if commit:
            self._producer.commit_transaction()
        else:
            self._producer.abort_transaction()


def values(connection: KafkaConnection, topic: str, tenant: str, since: int | None = None) -> list[bytes]:
    return [message.value() for message in read_partition(connection, topic, tenant, since=since)]


def test_what_is_committed_is_read_and_the_end_is_found_behind_what_is_not(
    connection: KafkaConnection, topic: str
) -> None:
    sender = Transactions(connection)
    assert values(connection, topic, "acme") == []
    sender.send(topic, "acme", b"1", b"2")
    sender.send(topic, "acme", b"3", commit=False)
    assert values(connection, topic, "acme") == [b"1", b"2"]
    sender.send(topic, "acme", b"4")
    assert values(connection, topic, "acme") == [b"1", b"2", b"4"]


def test_other_partitions_are_left_out(connection: KafkaConnection, topic: str) -> None:
    elsewhere = next(
        name for name in map(str, range(99)) if partition_of(name, PARTITIONS) != partition_of("acme", PARTITIONS)
    )
    sender = Transactions(connection)
    sender.send(topic, "acme", b"ours")
    sender.send(topic, elsewhere, b"theirs")
    assert values(connection, topic, "acme") == [b"ours"]


def test_reading_begins_with_the_first_record_that_is_late_enough(connection: KafkaConnection, topic: str) -> None:
    sender = Transactions(connection)
    now = now_ms()
    for minute in range(3):
        sender.send(topic, "acme", str(minute).encode(), at=now + minute * MINUTE)
    assert values(connection, topic, "acme", since=now + MINUTE) == [b"1", b"2"]
    assert values(connection, topic, "acme", since=now + 3 * MINUTE) == []


def test_what_comes_while_it_is_read_is_left_out(connection: KafkaConnection, topic: str) -> None:
    sender = Transactions(connection)
    sender.send(topic, "acme", b"1", b"2")
    reading = read_partition(connection, topic, "acme")
    first = next(reading)
    sender.send(topic, "acme", b"3")
    assert [message.value() for message in (first, *reading)] == [b"1", b"2"]


def test_a_topic_that_is_not_there_is_named(connection: KafkaConnection) -> None:
    with pytest.raises(ConfigurationError, match=r"no topic nowhere"):
        values(connection, "nowhere", "acme")


def test_why_tells_from_the_topics_who_hid_an_alert_and_with_what_comment(
    connection: KafkaConnection, tenant: str
) -> None:
    sender, now = Transactions(connection), now_ms()
    key = ControlKey(tenant, "silence", "db-upgrade")
    for version, comment in ((2, "too short"), (3, "planned upgrade"), (4, "longer")):
        record = new_record(key, version, "ada", now, comment, b"{}")
        sender.send("control", tenant, record.value, key=str(key))
    by_silence = ["silence:db-upgrade"]
    opened = change("opened", now, FIRST_SEEN, SILENCED, suppressed_by=by_silence, tenant_id=tenant)
    sender.send("alerts.enriched", tenant, opened, change("resolved", now, tenant_id=tenant), at=now)
    told = run("why", tenant, "e05c2add", broker=connection.bootstrap)
    assert told.exit_code == 0, told.output
    assert "    Hidden by silence db-upgrade (version 3, by ada: planned upgrade).\n" in told.stdout
    assert f"{to_text(now)}  resolved, warning, 1×: shown\n" in told.stdout
    missed = run("why", tenant, "e05c2add", "--since", "1d", broker=connection.bootstrap)
    assert missed.exit_code == 0, missed.output
    nothing = run("why", tenant, "0000", broker=connection.bootstrap)
    assert nothing.exit_code == 1
    assert f"alerts.enriched says nothing of alert 0000: 2 changes of tenant {tenant} are there." in nothing.stderr
    assert f"core-alerts tail alerts.enriched --from-beginning --timeout 5 --tenant {tenant}\n" in nothing.stderr


def test_hidden_counts_today_from_the_topic(connection: KafkaConnection, tenant: str) -> None:
    sender, now = Transactions(connection), now_ms()
    sender.send("alerts.enriched", tenant, change("opened", suppressed_by=["storm"], tenant_id=tenant), at=now)
    told = run("hidden", tenant, "--json", broker=connection.bootstrap)
    assert json.loads(told.stdout) == [{"day": to_text(now)[:10], "is_reported": False, "hidden": {"storm": 1}}]


def test_quality_holds_what_the_topics_tell_against_what_people_said(connection: KafkaConnection, tenant: str) -> None:
    sender, now = Transactions(connection), now_ms()
    scored = change(tenant_id=tenant, scores={"noise": 0.95}, score_reasons={})
    sender.send("alerts.enriched", tenant, scored, at=now - MINUTE)
    opened = incident("opened", now - MINUTE, member("e05c2add6a628daa"), tenant=tenant, causes=["web-1"])
    sender.send("alerts.correlated", tenant, opened, at=now - MINUTE)
    for name, spec in (
        ("o1", b'{"says": "noise", "name": "HighCPU", "source": "prometheus", "instance": "web-1"}'),
        ("o2", b'{"says": "root_cause", "incident": "i1", "node": "web-1"}'),
        ("o3", b'{"says": "belongs", "incident": "i1", "fingerprint": "e05c2add6a628daa"}'),
    ):
        key = ControlKey(tenant, "feedback", name)
        sender.send("control", tenant, new_record(key, 1, "ada", now, "", spec).value, key=str(key))
    sender.send("control", tenant, new_record(key, 2, "ada", now, "", None).value, key=str(key))
    told = run("quality", tenant, "--json", broker=connection.bootstrap)
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert (found["opinions"], found["taken_back"], found["ranks"]) == (2, 1, {"1": 1})
    assert {(one["what"], one["measure"]): (one["hits"], one["of"]) for one in found["measures"]} == {
        ("noise", "precision"): (1, 1),
        ("noise", "recall"): (1, 1),
        ("noise", "share"): (1, 1),
        ("grouping", "precision"): (0, 0),
        ("grouping", "recall"): (0, 0),
        ("root cause", "named first"): (1, 1),
        ("root cause", "named in three"): (1, 1),
    }
    why = run("why", tenant, "e05c2add", broker=connection.bootstrap)
    assert "Incidents that it is or was in:\ni1 HighCPU on web-1: open, critical, 1 alert\n" in why.stdout
