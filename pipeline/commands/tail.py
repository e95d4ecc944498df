"""`core-alerts tail`: the records of a topic, as they come."""

from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import FAILED, ConfigOption, say, settings_for

if TYPE_CHECKING:
    from confluent_kafka import Message


def tail(
    context: typer.Context,
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="Such as alerts.enriched or alerts.dlq.")],
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Start with the oldest record, not with the next one.")
    ] = False,
    count: Annotated[int | None, typer.Option(min=1, help="Stop after so many records.")] = None,
    timeout: Annotated[float | None, typer.Option(min=0, help="Stop after so many seconds without a record.")] = None,
    tenant: Annotated[str | None, typer.Option(metavar="TENANT", help="Show the records of one tenant only.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print whole records as JSON lines, which `send` and `replay` read.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Print the records of a topic.

    They are printed as they come, until Ctrl-C. Only committed records are shown, and nothing is committed. With
    --count, the exit code is 1 if --timeout ended it before so many were there.

    \b
    Example:
      core-alerts tail alerts.enriched --from-beginning --timeout 5
    """  # noqa: D301
    from pipeline.kafka_io import reading, records

    connection = settings_for(context, config).connection()
    shown = 0
    try:
        with reading(connection, topic, from_beginning=from_beginning) as consumer:
            for message in records(consumer, idle_s=timeout):
                if tenant is not None and message.key() != tenant.encode():
                    continue
                typer.echo(_json_line(message) if as_json else _human_line(message))
                shown += 1
                if shown == count:
                    return
    except KeyboardInterrupt:
        return
    if count is not None:
        say(f"Only {shown} of {count} records were there: none came for {timeout:g} s.")
        raise typer.Exit(FAILED)


def _json_line(message: "Message") -> bytes:
    from pipeline.exchange import Place, envelope

    place = Place(message.topic(), message.partition(), message.offset())
    return envelope(place, _timestamp(message), message.key(), message.headers(), message.value())


def _human_line(message: "Message") -> str:
    from pipeline.commands.lines import describe

    return describe(message.topic(), _timestamp(message), message.key(), message.headers() or [], message.value())


def _timestamp(message: "Message") -> int | None:
    kind, timestamp = message.timestamp()
    return timestamp if kind else None
