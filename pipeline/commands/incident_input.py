"""Where commands read of incidents: a tenant's partition of alerts.correlated, or a file of its records."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.kafka_connection import KafkaConnection
    from pipeline.ledger.incidents import IncidentLedger, IncidentRecord

_TOPIC = "alerts.correlated"

IncidentsFileOption = Annotated[
    Path | None,
    typer.Option(
        "--incidents",
        metavar="FILE",
        help=f"With --file, the incidents: JSON lines as `tail {_TOPIC} --json` writes them, also gzipped.",
    ),
]


def check_incidents(incidents: Path | None, file: Path | None) -> None:
    """Raise ConfigurationError if incidents come from a file and changes do not."""
    if incidents is not None and file is None:
        raise ConfigurationError("--incidents goes with --file: without it the topic itself is read. Leave it out.")


def incidents_of(
    ledger: "IncidentLedger", file: Path | None, connection: "KafkaConnection | None", since: int | None = None
) -> "Iterator[IncidentRecord]":
    """Yield the records of the ledger's tenant: of the topic from `since` (ms) on, or all of a file; none of neither.

    Raises:
        ConfigurationError: if a file has no record of an incident.
    """
    values = _from_topic(connection, ledger.tenant, since) if connection is not None else _from_file(file)
    for value in values:
        record = ledger.take(value)
        if record is not None:
            yield record
    if file is not None and not ledger.known:
        raise ConfigurationError(
            f"{file} has no record of {_TOPIC}. Give what `core-alerts tail {_TOPIC} --from-beginning --timeout 5 "
            "--json` wrote."
        )


def _from_topic(connection: "KafkaConnection", tenant: str, since: int | None) -> "Iterator[bytes | None]":
    from pipeline.topic_reading import read_partition

    key = tenant.encode()
    for message in read_partition(connection, _TOPIC, tenant, since=since):
        if message.key() == key:
            yield message.value()


def _from_file(file: Path | None) -> "Iterator[bytes | None]":
    from pipeline.exchange import interpret, read_lines

    if file is None:
        return
    for number, text in read_lines(file):
        line = interpret(number, text)
        if line.place is None or line.place.topic == _TOPIC:
            yield line.value
