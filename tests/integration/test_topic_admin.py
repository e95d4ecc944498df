from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import MessageSizeTooLargeError
from kafka.structs import OffsetAndMetadata

from pipeline.domain.errors import ConfigurationError, InfrastructureError
from pipeline.kafka_connection import KafkaConnection
from pipeline.topic_admin import LagRow, TopicOutcome, check_partitions, create_topics, describe, lag
from pipeline.topics import ALERTS_DLQ, ALERTS_RAW, CATALOGUE, CONTROL, Topic, changelog_topic

if TYPE_CHECKING:
    from pipeline.dev.broker import Broker

pytestmark = pytest.mark.integration


@pytest.fixture
def connection(broker: Broker) -> KafkaConnection:
    return KafkaConnection(broker.bootstrap)


@pytest.fixture
def topic() -> Topic:
    """A topic that no other test has."""
    return Topic(f"test.{uuid4().hex}", "what a test writes", retention=timedelta(hours=1))


def test_topics_are_created_once_and_then_found(connection: KafkaConnection, topic: Topic) -> None:
    assert create_topics(connection, 3, 1, topics=[topic]) == [TopicOutcome(topic.name, created=True, partitions=3)]
    assert create_topics(connection, 3, 1, topics=[topic]) == [TopicOutcome(topic.name, created=False, partitions=3)]
    check_partitions(connection, 3, topics=[topic])


def test_a_topic_with_another_partition_count_is_named_with_both_counts_and_nothing_is_created_beside_it(
    connection: KafkaConnection, topic: Topic
) -> None:
    create_topics(connection, 2, 1, topics=[topic])
    other = changelog_topic(f"{topic.name}-changelog")
    with pytest.raises(ConfigurationError, match=rf"must have 5 partitions.*{topic.name} has 2.*delete the topics"):
        create_topics(connection, 5, 1, topics=[topic], extra=[other])
    with pytest.raises(ConfigurationError, match=f"{topic.name} has 2"):
        check_partitions(connection, 5, topics=[topic])
    assert describe(connection, topics=[other])[0].partitions == 0


def test_a_missing_topic_is_named_with_the_command_that_creates_it(connection: KafkaConnection, topic: Topic) -> None:
    with pytest.raises(ConfigurationError, match=f"no topic {topic.name}.*core-alerts topics create"):
        check_partitions(connection, 3, topics=[topic])


def test_kafka_accepts_every_setting_of_the_catalogue_and_of_a_changelog(connection: KafkaConnection) -> None:
    changelog = changelog_topic(f"test-{uuid4().hex}-changelog")
    create_topics(connection, 4, 1, extra=[changelog])
    found = {one.name: one for one in describe(connection, topics=[*CATALOGUE, changelog])}
    assert [(one.partitions, one.replicas, dict(one.differs)) for one in found.values()] == [(4, 1, {})] * 11
    assert found[CONTROL.name].configs["cleanup.policy"] == "compact"
    assert found[changelog.name].configs["min.compaction.lag.ms"] == "600000"


def test_what_differs_from_the_catalogue_is_described(connection: KafkaConnection, topic: Topic) -> None:
    create_topics(connection, 1, 1, topics=[topic])
    wanted = Topic(topic.name, topic.holds, cleanup="compact")
    assert describe(connection, topics=[wanted])[0].differs["cleanup.policy"] == ("delete", "compact")


@pytest.mark.parametrize("name", [ALERTS_RAW.name, ALERTS_DLQ.name])
def test_a_record_of_over_a_mebibyte_fits_where_alerts_are_kept_as_sent(connection: KafkaConnection, name: str) -> None:
    create_topics(connection, 4, 1)
    with closing(KafkaProducer(**connection.kafka_python(), max_request_size=8 * 2**20)) as producer:
        assert producer.send(name, b"x" * (2**20 + 2**18)).get(timeout=10).offset >= 0
        with pytest.raises(MessageSizeTooLargeError):
            producer.send(name, b"x" * (2**21 + 1)).get(timeout=10)


def test_lag_is_what_is_left_after_the_committed_offset(connection: KafkaConnection, topic: Topic) -> None:
    create_topics(connection, 2, 1, topics=[topic])
    with closing(KafkaProducer(**connection.kafka_python())) as producer:
        for partition in (0, 0, 0, 0, 0, 1, 1):
            producer.send(topic.name, b"alert", partition=partition)
        producer.flush()
    group = f"group-{topic.name}"
    with closing(KafkaConsumer(**connection.kafka_python(), group_id=group)) as consumer:
        place = TopicPartition(topic.name, 0)
        consumer.assign([place])
        consumer.commit({place: OffsetAndMetadata(3, "", -1)})
    behind = [LagRow(topic.name, 0, committed=3, end=5, lag=2), LagRow(topic.name, 1, committed=None, end=2, lag=2)]
    assert lag(connection, group) == behind
    assert lag(connection, "a group that never read", topics=[topic.name, "no.such.topic"]) == [
        LagRow(topic.name, 0, committed=None, end=5, lag=5),
        LagRow(topic.name, 1, committed=None, end=2, lag=2),
    ]


def test_an_unreachable_broker_is_named_with_what_to_check() -> None:
    with pytest.raises(InfrastructureError, match=r"127\.0\.0\.1:1 \(PLAINTEXT\).*Check that the address is right"):
        check_partitions(KafkaConnection("127.0.0.1:1"), 4)
