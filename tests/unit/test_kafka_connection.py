from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipeline.domain.errors import ConfigurationError
from pipeline.kafka_connection import KafkaConnection

PASSWORD = "right horse"  # noqa: S105
SASL: dict[str, Any] = {"sasl_mechanism": "SCRAM-SHA-256", "sasl_username": "alice", "sasl_password": PASSWORD}


def test_a_plain_connection_says_the_same_to_all_three_clients() -> None:
    connection = KafkaConnection("a:9092, b:9092,")
    servers = ["a:9092", "b:9092"]
    assert connection.kafka_python() == {"bootstrap_servers": servers, "security_protocol": "PLAINTEXT"}
    assert connection.aiokafka() == {"bootstrap_servers": servers, "security_protocol": "PLAINTEXT"}
    assert connection.confluent() == {"bootstrap.servers": "a:9092,b:9092", "security.protocol": "PLAINTEXT"}


def test_a_password_reaches_the_clients_but_no_printed_form() -> None:
    connection = KafkaConnection("a:9092", "SASL_PLAINTEXT", **SASL)
    assert PASSWORD not in repr(connection)
    assert connection.kafka_python()["sasl_plain_password"] == PASSWORD
    assert connection.aiokafka()["sasl_plain_password"] == PASSWORD
    assert connection.confluent()["sasl.password"] == PASSWORD


def test_credentials_that_the_protocol_does_not_use_are_not_handed_on() -> None:
    assert PASSWORD not in str(KafkaConnection("a:9092", "SSL", **SASL).confluent())


def test_tls_checks_host_names_unless_told_otherwise() -> None:
    strict, lax = KafkaConnection("a:9092", "SSL"), KafkaConnection("a:9092", "SSL", ssl_check_hostname=False)
    assert strict.aiokafka()["ssl_context"].check_hostname is True
    assert lax.aiokafka()["ssl_context"].check_hostname is False
    assert strict.confluent()["ssl.endpoint.identification.algorithm"] == "https"
    assert lax.confluent()["ssl.endpoint.identification.algorithm"] == "none"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bootstrap": " , "}, "address is empty.*host:port"),
        ({"security_protocol": "TLS"}, "'TLS'.*PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
        ({"security_protocol": "SASL_SSL"}, "sasl_mechanism None.*PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
        ({"security_protocol": "SASL_SSL", **SASL, "sasl_password": ""}, "Give both sasl_username and sasl_password"),
        ({"security_protocol": "SSL", "ssl_cert_file": Path("a.pem")}, "both ssl_cert_file and ssl_key_file"),
    ],
)
def test_settings_that_cannot_connect_are_refused_with_what_to_write(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        KafkaConnection(**{"bootstrap": "a:9092", **settings})


def test_an_authority_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    file = tmp_path / "authority.pem"
    file.write_text("not a certificate")
    with pytest.raises(ConfigurationError, match=r"authority\.pem.*PEM"):
        KafkaConnection("a:9092", "SSL", ssl_ca_file=file).kafka_python()
