"""`core-alerts replay`: the pipeline on a file."""

import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.context import ConfigOption, FileArgument, say, settings_for


def replay(
    context: typer.Context,
    file: FileArgument,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Where changes go; stdout without it.")
    ] = None,
    dead: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Where dead letters go, as `tail alerts.dlq --json` prints."),
    ] = None,
    json_summary: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Where the counts go, as JSON.")
    ] = None,
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            help="Spread the alerts over so many partitions, as the topic does; without it all are in one.",
        ),
    ] = None,
    drain: Annotated[
        bool, typer.Option("--drain", help="After the last line, let time pass until no alert is open.")
    ] = False,
    batch_size: Annotated[
        int, typer.Option(min=1, max=100_000, help="Lines processed in one go; the output does not depend on it.")
    ] = 1000,
    config: ConfigOption = None,
) -> None:
    """Run the pipeline on a file, without a broker.

    Time is event time, and the same file gives the same bytes. Each line is an alert or a recorded record as `tail
    --json` prints it. Time is what the lines say: the recorded timestamp, else ends_at of a resolved alert, else
    starts_at, else that of the line before; it stands still after the last line. Changes are written as JSON lines,
    in the order in which they were caused.

    Ids are those of one partition. With --partitions, a recording of alerts.raw gives the ids it had live, and the
    changes are written partition by partition; a recording of several partitions needs it.

    \b
    Example:
      core-alerts replay alerts.jsonl.gz --out changes.jsonl
    """  # noqa: D301
    settings = settings_for(context, config)
    from pipeline.app import periods
    from pipeline.exchange import interpret, read_lines
    from pipeline.replay import Replay

    with ExitStack() as files:
        changes = files.enter_context(out.open("wb")) if out else sys.stdout.buffer
        letters = files.enter_context(dead.open("wb")) if dead else None
        run = Replay(periods(settings), changes, letters, partitions=partitions, batch_size=batch_size)
        for number, text in read_lines(file):
            run.take(interpret(number, text))
        summary = run.finish(drain=drain)
        changes.flush()
    if json_summary:
        json_summary.write_text(json.dumps(summary.as_json(), indent=2) + "\n", "utf-8")
    say(str(summary))
