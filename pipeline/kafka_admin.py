"""An administration client of kafka-python that says why it cannot connect, and leaves nothing open when it cannot."""

from __future__ import annotations

import logging
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from kafka.net.compat import KafkaNetClient

from pipeline.domain.errors import ConfigurationError, InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.kafka_connection import KafkaConnection

CONNECT_TIMEOUT_S = 5.0


@contextmanager
def connected_admin(connection: KafkaConnection, timeout_s: float = CONNECT_TIMEOUT_S) -> Iterator[KafkaAdminClient]:
    """Lend an administration client; what Kafka refuses or does not answer becomes an InfrastructureError."""
    _require_a_listener(connection, timeout_s)
    try:
        client = _connect(connection, timeout_s)
        try:
            yield client
        finally:
            client.close()
    except KafkaError as error:
        raise _failure(connection, str(error)) from error


def _connect(connection: KafkaConnection, timeout_s: float) -> KafkaAdminClient:
    opened: list[KafkaNetClient] = []

    def open_client(**config: Any) -> KafkaNetClient:
        opened.append(KafkaNetClient(**config))
        return opened[-1]

    with _reasons_logged() as reasons:
        try:
            return KafkaAdminClient(
                bootstrap_timeout_ms=timeout_s * 1000, kafka_client=open_client, **connection.kafka_python()
            )
        except KafkaError as error:
            for client in opened:  # the constructor failed after it had opened connections and a thread
                client.close()
            raise _failure(connection, "; ".join([str(error), *_most_telling(reasons)])) from error


def _most_telling(reasons: list[str]) -> list[str]:
    """Return one reason, or none: a refused login is sometimes seen only as a connection that was closed."""
    return [*(reason for reason in reasons if "socket disconnected" not in reason), *reasons][:1]


def _require_a_listener(connection: KafkaConnection, timeout_s: float) -> None:
    """Raise unless some address accepts connections, and TLS where it is wanted.

    kafka-python would try a dead address again and again until its time is up, and forget the sockets.
    """
    context = connection.ssl_context()
    trouble = ""
    for host, port in map(_host_and_port, connection.servers):
        try:
            with socket.create_connection((host, port), timeout_s) as plain:
                if context is not None:
                    context.wrap_socket(plain, server_hostname=host).close()
        except OSError as error:
            trouble = str(error)
        else:
            return
    raise _failure(connection, trouble)


def _host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        message = f"The Kafka address {address!r} is no host:port. Write it as in 127.0.0.1:9092."
        raise ConfigurationError(message)
    return host.strip("[]"), int(port)


def _failure(connection: KafkaConnection, why: str) -> InfrastructureError:
    message = (
        f"Kafka at {connection.bootstrap} ({connection.security_protocol}) did not do what was asked: {why}. "
        "Check that the address is right, that the broker runs (`core-alerts kafka status` for the development "
        "broker), and that protocol, certificates, user and password fit."
    )
    return InfrastructureError(message)


class _Collector(logging.Handler):
    """Keeps the messages about one connection, in order."""

    def __init__(self, messages: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message if it is about one connection."""
        message = record.getMessage()
        if message.startswith("Bootstrap connection to"):
            self._messages.append(message)


@contextmanager
def _reasons_logged() -> Iterator[list[str]]:
    """Collect why single connections failed while kafka-python connects: only its log says so, not its exceptions."""
    reasons: list[str] = []
    handler = _Collector(reasons)
    logger = logging.getLogger("kafka.net.manager")
    logger.addHandler(handler)
    try:
        yield reasons
    finally:
        logger.removeHandler(handler)
