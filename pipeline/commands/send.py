"""`core-alerts send`: JSON lines into a topic."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import FAILED, ConfigOption, FileArgument, printable, say, settings_for
from pipeline.commands.progress import counting

if TYPE_CHECKING:
    from pipeline.exchange import Line
    from pipeline.kafka_io import Sender

_PROBLEMS_SHOWN = 20


def send(
    context: typer.Context,
    file: FileArgument,
    topic: Annotated[str, typer.Option(metavar="TOPIC", help="Where to.")] = "alerts.raw",
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Records a second. Without it: as fast as Kafka takes them.")
    ] = None,
    event_time: Annotated[
        bool,
        typer.Option(
            "--event-time", help="Timestamps: as recorded, else ends_at if resolved, else starts_at. Without it: now."
        ),
    ] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Send every line as it is, without a key and unchecked.")] = False,
    config: ConfigOption = None,
) -> None:
    """Send alerts from a file to a topic.

    Each line is an alert, or a recorded record as `tail --json` prints it. Each alert is checked first: what a
    worker would refuse is reported with its line and reason and not sent, the rest is, and the exit code is 1.
    Recorded records are sent with the bytes and the key they had. The command returns once Kafka has confirmed
    every record.

    \b
    Example:
      echo '{"tenant_id": "acme", "name": "HighCPU"}' | core-alerts send -
    """  # noqa: D301
    from pipeline.exchange import read_lines, without_ours
    from pipeline.kafka_io import Sender

    sender = Sender(settings_for(context, config).connection(), topic)
    refused = 0
    before: int | None = None
    started = time.monotonic()
    with counting("Sending") as show:
        for index, line in enumerate(_lines(file, read_lines(file), checked=topic == "alerts.raw", raw=raw)):
            if line.problem is not None:
                refused += 1
                if refused <= _PROBLEMS_SHOWN:
                    say(f"{file}, line {line.number}: {printable(line.problem)}. Not sent.")
                continue
            if rate is not None:
                _wait(sender, started + (index - refused) / rate)
            # Where an alert does not say when it was, it was when the line before it was.
            before = line.timestamp if line.timestamp is not None else before
            now = time.time_ns() // 1_000_000
            sender.send(
                line.key, line.value, before if event_time and before is not None else now, without_ours(line.headers)
            )
            show(index - refused + 1)
        sender.finish()
    say(f"Sent {sender.delivered:,} records to {topic}." + (f" Refused {refused:,} lines." if refused else ""))
    if refused:
        raise typer.Exit(FAILED)


def _lines(file: Path, texts: Iterator[tuple[int, bytes]], *, checked: bool, raw: bool) -> Iterator["Line"]:
    """Yield what each line says, with a problem where it cannot be sent."""
    from pipeline.exchange import Line, interpret

    for number, text in texts:
        if raw:
            yield Line(number, None, text, (), None)
            continue
        line = interpret(number, text)
        if line.place is None and line.problem is None and checked:
            line = line._replace(problem=_refusal(text))
        yield line


def _refusal(text: bytes) -> str | None:
    """Return why a worker would refuse an alert, or None."""
    from pipeline.domain.errors import RejectedRecordError
    from pipeline.domain.severity import LABELS, severity_of
    from pipeline.schemas.raw import check, labels_of, parse

    try:
        alert = parse(text)
        check(alert)
        labels_of(alert)
    except RejectedRecordError as error:
        return str(error)
    if severity_of(alert.severity) is None:
        return f"unknown_severity: {alert.severity!r}: wanted one of {', '.join(LABELS)}"
    return None


def _wait(sender: "Sender", moment: float) -> None:
    """Wait until a record's turn has come, however long the records before it took."""
    while (left := moment - time.monotonic()) > 0:
        sender.poll(min(left, 0.1))
