from __future__ import annotations

import socket

import pytest

from pipeline.domain.errors import ConfigurationError, InfrastructureError
from pipeline.kafka_admin import connected_admin
from pipeline.kafka_connection import KafkaConnection


def test_an_address_nobody_listens_on_is_named_with_what_to_check() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with (
        pytest.raises(
            InfrastructureError, match=rf"127\.0\.0\.1:{port} \(PLAINTEXT\).*refused.*Check that the address"
        ),
        connected_admin(KafkaConnection(f"127.0.0.1:{port}")),
    ):
        pass


def test_a_server_that_is_no_kafka_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        connection = KafkaConnection(f"127.0.0.1:{silent.getsockname()[1]}")
        with (
            pytest.raises(InfrastructureError, match="Unable to bootstrap"),
            connected_admin(connection, timeout_s=0.5),
        ):
            pass


@pytest.mark.parametrize("address", ["localhost", "localhost:kafka", ":9092"])
def test_an_address_without_host_or_port_is_refused_with_its_right_form(address: str) -> None:
    with (
        pytest.raises(ConfigurationError, match=rf"'{address}' is no host:port.*127\.0\.0\.1:9092"),
        connected_admin(KafkaConnection(address)),
    ):
        pass
