"""What the commands about rules share: who changes them, what the topic says, and a rule as JSON."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import printable, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.control.diff import Writer
    from pipeline.control.kafka import ControlState
    from pipeline.kafka_connection import KafkaConnection
    from pipeline.schemas.control_records import ControlRecord

FolderArgument = Annotated[Path, typer.Argument(metavar="DIR", help="A folder with *.yml files, at any depth.")]
AuthorOption = Annotated[
    str, typer.Option("--author", metavar="NAME", envvar="USER", help="Who makes the change; the ledger names them.")
]


def now_ms() -> int:
    """Return the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


def writer_of(author: str) -> "Writer":
    """Return who makes new versions now; raise ConfigurationError if nobody is named."""
    from pipeline.control.diff import Writer
    from pipeline.domain.errors import ConfigurationError

    if not author:
        raise ConfigurationError("Nobody is named as the author. Give --author NAME, or set USER.")
    return Writer(author, now_ms())


def check_key(tenant: str, kind: str | None = None) -> None:
    """Raise ConfigurationError where there can be no such tenant, or no such kind."""
    from pipeline.domain.errors import ConfigurationError, RejectedRecordError
    from pipeline.schemas.control_records import checked_key

    try:
        checked_key(tenant, kind or "tenant", tenant)
    except RejectedRecordError as error:
        raise ConfigurationError(error.detail) from error


def state_of(connection: "KafkaConnection", tenants: "Sequence[str]") -> "ControlState":
    """Return what the topic says of these tenants, and tell what nobody can read."""
    from pipeline.control.kafka import read_control

    state = read_control(connection, tenants)
    for text in state.refused:
        say(printable(f"Passed over, for no worker takes it: {text}"))
    return state


def live(state: "ControlState") -> "list[ControlRecord]":
    """Return the rules that are not deleted, by tenant, kind and id."""
    return [record for _, record in sorted(state.records.items()) if not record.deleted]


def record_as_json(record: "ControlRecord") -> dict[str, object]:
    """Return a version as it stands on the topic."""
    found: dict[str, object] = json.loads(record.value)
    return found
