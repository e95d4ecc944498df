from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from agents.ingest import DEAD_TOPIC, ENRICHED_TOPIC, RAW_TOPIC
from bench.load import balanced_tenants, partition_of
from pipeline.dev.broker import start, stop
from pipeline.kafka_connection import KafkaConnection
from tests.integration.harness.scene import Scene, now_ms
from tests.integration.harness.sender import Sender
from tests.integration.harness.traffic import PARTITIONS, Sent, traffic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.dev.broker import Broker
    from tests.integration.conftest import Certificates

pytestmark = pytest.mark.integration

ACME = partition_of("acme", PARTITIONS)
ELSEWHERE = (ACME + 1) % PARTITIONS
PASSWORD = "right horse"  # noqa: S105


def alert(**fields: Any) -> bytes:
    return json.dumps({"tenant_id": "acme", "name": "HighCPU", **fields}).encode()


REFUSED: dict[bytes | None, str] = {
    None: "null_value",
    b"": "not_json",
    b"not json": "not_json",
    b"\xff\xfe{}": "not_utf8",
    b"[1, 2]": "not_an_object",
    b"[" * 10_000: "nested_too_deep",
    b'{"name":"HighCPU"}': "missing_tenant",
    b'{"tenant_id":"acme"}': "missing_name",
    alert(tenant_id="NOT A TENANT"): "invalid_tenant",
    alert(name=7): "wrong_type",
    alert(labels={"a": 1}): "wrong_type",
    alert(name="n" * 257): "name_too_long",
    alert(labels={f"l{n}": "v" for n in range(65)}): "too_many_labels",
    alert(labels={"l" * 257: "v"}): "label_name_too_long",
    alert(labels={"l": "v" * 4097}): "label_value_too_long",
    alert(annotations={"text": "x" * 262_144}): "record_too_large",
    alert(severity="loud"): "unknown_severity",
    alert(status="maybe"): "unknown_status",
    alert(starts_at="yesterday"): "invalid_timestamp",
}


def test_every_kind_of_bad_input_becomes_a_dead_letter_with_its_bytes_reason_and_origin(
    broker: Broker, tmp_path: Path
) -> None:
    at = now_ms()
    with Scene(broker.bootstrap, tmp_path, "at_least_once") as scene:
        begin = scene.begin[RAW_TOPIC][ACME]
        scene.sender.send(Sent(ACME, b"key", value, at, [("sender", b"mine")]) for value in REFUSED)
        scene.sender.send([Sent(ACME, b"acme", alert(), at, [])])
        scene.start_worker().wait_ready()
        scene.drain()
        letters = scene.read(DEAD_TOPIC)
        assert {letter.value: letter.header("reason").decode() for letter in letters} == REFUSED
        origins = [f"alerts.raw/{ACME}/{begin + n}".encode() for n in range(len(REFUSED))]
        assert [letter.header("origin") for letter in letters] == origins
        assert {(letter.key, letter.header("sender"), letter.header("schema")) for letter in letters} == {
            (b"key", b"mine", b"alerts.dlq/1")
        }
        assert all(letter.header("detail") for letter in letters)
        [opened] = scene.read(ENRICHED_TOPIC)  # and the partition went on
        assert json.loads(opened.value)["change"] == "opened"


def test_a_record_on_the_wrong_partition_is_sent_on_once_and_keeps_its_origin(broker: Broker, tmp_path: Path) -> None:
    at = now_ms()
    with Scene(broker.bootstrap, tmp_path, "at_least_once") as scene:
        begin = scene.begin[RAW_TOPIC][ELSEWHERE]
        lost = Sent(ELSEWHERE, b"wrong key", alert(), at, [("traceparent", b"00-1-2-01")])
        without_key = Sent(ELSEWHERE, None, alert(labels={"a": "b"}), at, [])
        scene.sender.send([lost, without_key])
        scene.start_worker().wait_ready()
        scene.drain()
        sent_on = [record for record in scene.read(RAW_TOPIC) if record.partition == ACME]
        origins = [f"alerts.raw/{ELSEWHERE}/{begin + n}".encode() for n in (0, 1)]
        assert [(one.key, one.value, one.timestamp) for one in sent_on] == [
            (b"acme", lost.value, at),
            (b"acme", without_key.value, at),
        ]
        assert [one.header("forwarded-from") for one in sent_on] == origins
        opened = scene.read(ENRICHED_TOPIC)
        assert [(one.partition, one.header("origin")) for one in opened] == [(ACME, origin) for origin in origins]
        assert opened[0].header("traceparent") == b"00-1-2-01"


def test_input_compressed_with_any_codec_is_read(broker: Broker, tmp_path: Path) -> None:
    with Scene(broker.bootstrap, tmp_path, "at_least_once") as scene:
        begin = now_ms() - 3600_000
        for n, codec in enumerate(("gzip", "lz4", "zstd", "snappy")):
            sender = Sender(scene.client, RAW_TOPIC, compression=codec)
            sender.send(traffic(n, 1500, begin + n * 9_000, 6))
        scene.start_worker().wait_ready()
        verdict = scene.verdict()
        assert verdict.records >= 6000
        assert verdict.faults(exactly_once=True) == {}


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Broker]:
    """A broker with a second listener that asks for TLS and a password; the user `alice` may log in."""
    folder = tmp_path_factory.mktemp("secured")
    login = f'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="{PASSWORD}";'
    yield start(
        folder,
        listeners={"SECURE": "SASL_SSL"},
        properties={
            "listener.name.secure.ssl.keystore.type": "PEM",
            "listener.name.secure.ssl.keystore.location": str(certificates.server),
            "listener.name.secure.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.secure.plain.sasl.jaas.config": login,
        },
    )
    stop(folder)


@pytest.mark.parametrize("guarantee", ["at_least_once", "exactly_once"])
def test_a_worker_does_all_its_work_over_tls_with_a_password(
    secured: Broker, certificates: Certificates, tmp_path: Path, guarantee: Any
) -> None:
    address = secured.listeners["SECURE"]
    connection = KafkaConnection(
        address,
        security_protocol="SASL_SSL",
        sasl_mechanism="PLAIN",
        sasl_username="alice",
        sasl_password=PASSWORD,
        ssl_ca_file=certificates.authority,
    )
    settings = {
        "CORE_ALERTS_INGEST__CLOCK": "event",
        "CORE_ALERTS_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
        "CORE_ALERTS_KAFKA__SASL_USERNAME": "alice",
        "CORE_ALERTS_KAFKA__SASL_PASSWORD": PASSWORD,
        "CORE_ALERTS_KAFKA__SSL_CA_FILE": str(certificates.authority),
    }
    with Scene(address, tmp_path, guarantee, settings, connection) as scene:
        scene.sender.send(traffic(11, 2000, now_ms() - 3600_000, 6))
        worker = scene.start_worker()
        worker.wait_ready()
        assert scene.verdict().faults(exactly_once=True) == {}
        assert PASSWORD not in worker.log


def test_tenants_of_one_partition_do_not_meet(broker: Broker, tmp_path: Path) -> None:
    one, other = [name for name in balanced_tenants(12) if partition_of(name, PARTITIONS) == ACME][:2]
    at = now_ms()
    with Scene(broker.bootstrap, tmp_path, "at_least_once") as scene:
        bodies = [
            (one, alert(tenant_id=one)),
            (other, alert(tenant_id=other)),
            (one, alert(tenant_id=one, status="resolved")),
        ]
        scene.sender.send(Sent(ACME, tenant.encode(), body, at + n, []) for n, (tenant, body) in enumerate(bodies))
        scene.start_worker().wait_ready()
        scene.drain()
        told = [json.loads(record.value) for record in scene.read(ENRICHED_TOPIC)]
        assert [(body["tenant_id"], body["change"]) for body in told] == [
            (one, "opened"),
            (other, "opened"),
            (one, "resolved"),
        ]
