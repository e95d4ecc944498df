"""Where commands read what became of alerts: a tenant's partition of alerts.enriched, or a file of its records."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import printable, say
from pipeline.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.kafka_connection import KafkaConnection
    from pipeline.ledger.entries import Entry, Ledger

TOPIC = "alerts.enriched"
_OTHERS_SHOWN = 10

LedgerFileOption = Annotated[
    Path | None,
    typer.Option(
        "--file",
        metavar="FILE",
        help="Read this instead of the topic: JSON lines as `replay --out` or `tail alerts.enriched --json` write "
        "them, also gzipped; - is stdin.",
    ),
]


@dataclass(frozen=True)
class LedgerInput:
    """One of the two places to read from."""

    file: Path | None
    connection: "KafkaConnection | None"

    @property
    def place(self) -> str:
        """Return what it is called."""
        return TOPIC if self.file is None else str(self.file)

    def entries(self, ledger: "Ledger", since: int | None = None) -> "Iterator[Entry]":
        """Yield the records of the ledger's tenant, those before `since` (ms) left out.

        Raises:
            ConfigurationError: if a file has no change of any tenant's.
        """
        found = self._from_topic(ledger, since) if self.file is None else _from_file(self.file, ledger)
        return (entry for entry in found if since is None or entry.at >= since)

    def _from_topic(self, ledger: "Ledger", since: int | None) -> "Iterator[Entry]":
        from pipeline.topic_reading import read_partition

        assert self.connection is not None  # noqa: S101 - one of the two is there
        for message in read_partition(self.connection, TOPIC, ledger.tenant, since=since):
            kind, timestamp = message.timestamp()
            entry = ledger.take(message.key(), message.value(), timestamp if kind else None)
            if entry is not None:
                yield entry

    def tell_nothing_found(self, ledger: "Ledger", what: str) -> None:
        """Say that nothing was found, why that may be, and what to do."""
        others = sorted(ledger.others)
        seen = f"{ledger.count:,} changes of tenant {ledger.tenant} are there" if ledger.count else ""
        if not seen:
            names = ", ".join(others[:_OTHERS_SHOWN]) + (" …" if len(others) > _OTHERS_SHOWN else "")
            seen = f"nothing of tenant {ledger.tenant} is there" + (f", only of {names}" if others else "")
        say(printable(f"{self.place} says nothing of {what}: {seen}."))
        if self.file is None:
            say(
                "It may be older than the topic keeps (7 days, unless somebody set it), or before --since, or the "
                "tenant is another one.\n"
                f"See what is there: core-alerts tail {TOPIC} --from-beginning --timeout 5 --tenant {ledger.tenant}"
            )
        else:
            say("Check the tenant's name, and whether the file begins early enough.")


def _from_file(file: Path, ledger: "Ledger") -> "Iterator[Entry]":
    from pipeline.exchange import interpret, read_lines

    lines = 0
    for number, text in read_lines(file):
        lines += 1
        line = interpret(number, text)
        if line.place is not None and line.place.topic != TOPIC:
            ledger.refused += 1
            continue
        entry = ledger.take(line.key, line.value, line.timestamp if line.place is not None else None)
        if entry is not None:
            yield entry
    if ledger.refused == lines:
        raise ConfigurationError(
            f"{file} has no record of {TOPIC}. Give what `core-alerts replay --out` or `core-alerts tail {TOPIC} "
            "--json` wrote."
        )


def now_ms() -> int:
    """Return the time of this machine in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
