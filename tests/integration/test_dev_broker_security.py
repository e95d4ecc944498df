from __future__ import annotations

import asyncio
import gc
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError as AiokafkaError
from confluent_kafka import Consumer, KafkaException
from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from pipeline.dev.broker import start, stop
from pipeline.domain.errors import InfrastructureError
from pipeline.kafka_connection import KafkaConnection, SaslMechanism
from pipeline.topic_admin import check_partitions, create_topics
from pipeline.topics import ALERTS_RAW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Protocol

    class Certificates(Protocol):
        @property
        def authority(self) -> Path: ...
        @property
        def server(self) -> Path: ...


pytestmark = pytest.mark.integration

PASSWORD = "right horse"  # noqa: S105
MECHANISMS = get_args(SaslMechanism)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[KafkaConnection]:
    """A broker with a second listener that asks for TLS and a password; the user `alice` may log in."""
    folder = tmp_path_factory.mktemp("secured")
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    broker = start(
        folder,
        listeners={"SECURE": "SASL_SSL"},
        properties={
            "listener.name.secure.ssl.keystore.type": "PEM",
            "listener.name.secure.ssl.keystore.location": str(certificates.server),
            "listener.name.secure.sasl.enabled.mechanisms": ",".join(MECHANISMS),
            "listener.name.secure.plain.sasl.jaas.config": (
                f'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="{PASSWORD}";'
            ),
            "listener.name.secure.scram-sha-256.sasl.jaas.config": scram,
            "listener.name.secure.scram-sha-512.sasl.jaas.config": scram,
        },
    )
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
        admin.alter_user_scram_credentials([UserScramCredentialUpsertion("alice", mechanism, PASSWORD)])
    admin.close()
    create_topics(KafkaConnection(broker.bootstrap), 1, 1, topics=[ALERTS_RAW])
    yield KafkaConnection(
        broker.listeners["SECURE"],
        security_protocol="SASL_SSL",
        sasl_mechanism="PLAIN",
        sasl_username="alice",
        sasl_password=PASSWORD,
        ssl_ca_file=certificates.authority,
    )
    stop(folder)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_kafka_python_gets_in_with_the_right_password_only(secured: KafkaConnection, mechanism: SaslMechanism) -> None:
    connection = replace(secured, sasl_mechanism=mechanism)
    check_partitions(connection, 1, topics=[ALERTS_RAW])
    with pytest.raises(InfrastructureError) as refused:
        check_partitions(replace(connection, sasl_password="wrong horse"), 1, topics=[ALERTS_RAW])  # noqa: S106
    assert "user and password fit" in str(refused.value)
    assert "wrong horse" not in str(refused.value)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # aiokafka forgets the connection that was refused
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_aiokafka_gets_in_with_the_right_password_only(secured: KafkaConnection, mechanism: SaslMechanism) -> None:
    connection = replace(secured, sasl_mechanism=mechanism)
    assert asyncio.run(value_sent_and_read_by_aiokafka(connection, mechanism.encode())) == mechanism.encode()
    with pytest.raises(AiokafkaError):
        asyncio.run(value_sent_and_read_by_aiokafka(replace(connection, sasl_password="wrong horse"), b"no"))  # noqa: S106
    gc.collect()  # while what it forgot may still be warned of


async def value_sent_and_read_by_aiokafka(connection: KafkaConnection, value: bytes) -> bytes | None:
    place = TopicPartition(ALERTS_RAW.name, 0)
    producer, consumer = AIOKafkaProducer(**connection.aiokafka()), AIOKafkaConsumer(**connection.aiokafka())
    try:
        await producer.start()
        await consumer.start()
        sent = await producer.send_and_wait(ALERTS_RAW.name, value, partition=0)
        consumer.assign([place])
        consumer.seek(place, sent.offset)
        found: bytes | None = (await consumer.getone()).value
        return found
    finally:
        await producer.stop()
        await consumer.stop()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_confluent_kafka_gets_in_with_the_right_password_only(
    secured: KafkaConnection, mechanism: SaslMechanism
) -> None:
    connection = replace(secured, sasl_mechanism=mechanism)
    assert ALERTS_RAW.name in topics_seen_by_confluent(connection)
    with pytest.raises(KafkaException):
        topics_seen_by_confluent(replace(connection, sasl_password="wrong horse"))  # noqa: S106


def topics_seen_by_confluent(connection: KafkaConnection) -> set[str]:
    quiet = {"group.id": "looking", "log_level": 0}
    consumer = Consumer({**connection.confluent(), **quiet})
    try:
        return set(consumer.list_topics(timeout=5).topics)
    finally:
        consumer.close()


def test_a_broker_whose_certificate_nobody_vouches_for_is_not_trusted(secured: KafkaConnection) -> None:
    with pytest.raises(InfrastructureError, match="certificate verify failed"):
        check_partitions(replace(secured, ssl_ca_file=None), 1, topics=[ALERTS_RAW])
    with pytest.raises(KafkaException):
        topics_seen_by_confluent(replace(secured, ssl_ca_file=None))
