"""`core-alerts replay`: the pipeline on a file, or on a range of time of the topic."""

import json
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import ConfigOption, say, settings_for
from pipeline.commands.progress import counting

if TYPE_CHECKING:
    from pipeline.replay_source import Source
    from pipeline.settings import Settings

AlertsArgument = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="Alerts as JSON lines, also gzipped; - is stdin.")
]
FromTopicOption = Annotated[
    bool, typer.Option("--from-topic", help="Read the broker's alerts.raw and control, in place of FILE.")
]
SinceOption = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="With --from-topic: from then on. 2026-11-26T10:00:00Z, or 2h for 2 hours ago."),
]
UntilOption = Annotated[
    str | None, typer.Option(metavar="TIME", help="With --from-topic: until then; without it, to the end.")
]
PartitionsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10_000,
        help="Spread the alerts over so many partitions, as the topic does; without it all are in one.",
    ),
]


def replay(
    context: typer.Context,
    file: AlertsArgument = None,
    control: Annotated[
        Path | None,
        typer.Option(metavar="DIR|FILE", help="Rules: a folder, or a recording of the topic `control` (JSON lines)."),
    ] = None,
    from_topic: FromTopicOption = False,
    since: SinceOption = None,
    until: UntilOption = None,
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
    partitions: PartitionsOption = None,
    drain: Annotated[
        bool, typer.Option("--drain", help="After the last alert, let time pass until no alert is open.")
    ] = False,
    batch_size: Annotated[
        int, typer.Option(min=1, max=100_000, help="Alerts processed in one go; the output does not depend on it.")
    ] = 1000,
    config: ConfigOption = None,
) -> None:
    """Run the pipeline on a file or a part of the topic, without a worker.

    Time is event time, and the same alerts under the same rules give the same bytes. Each line of a file is an alert
    or a recorded record as `tail --json` prints it. Time is what the lines say: the recorded timestamp, else ends_at
    of a resolved alert, else starts_at, else that of the line before; it stands still after the last line. Changes
    are written as JSON lines, in the order in which they were caused.

    The rules of a folder hold from the start. Records of the topic `control` hold from their timestamps on: each is
    taken in before the first alert that is younger. With --from-topic both topics are read; what was written to
    `control` before --since holds from the start, and --control is taken in its place.

    Ids are those of one partition. With --partitions, a recording of alerts.raw gives the ids it had live, and the
    changes are written partition by partition; a recording of several partitions needs it. --from-topic does so by
    itself.

    \b
    Example:
      core-alerts replay alerts.jsonl.gz --control rules/ --out changes.jsonl
      core-alerts replay --from-topic --since 2h --out changes.jsonl
    """  # noqa: D301
    settings = settings_for(context, config)
    from pipeline.app import defaults, periods
    from pipeline.replay import Replay

    source = source_of(settings, file, control, partitions, from_topic=from_topic, since=since, until=until)
    with ExitStack() as files:
        changes = files.enter_context(out.open("wb")) if out else sys.stdout.buffer
        letters = files.enter_context(dead.open("wb")) if dead else None
        run = Replay(
            periods(settings),
            changes,
            letters,
            defaults=defaults(settings),
            control=source.control,
            partitions=source.partitions,
            batch_size=batch_size,
        )
        with counting("Replaying") as show:
            for done, line in enumerate(source.lines, start=1):
                run.take(line)
                show(done)
        summary = run.finish(drain=drain)
        changes.flush()
    if json_summary:
        json_summary.write_text(json.dumps(summary.as_json(), indent=2) + "\n", "utf-8")
    say(str(summary))


def source_of(
    settings: "Settings",
    file: Path | None,
    control: Path | None,
    partitions: int | None,
    *,
    from_topic: bool,
    since: str | None,
    until: str | None,
) -> "Source":
    """Return the alerts and rules that the options name.

    Raises ConfigurationError where they do not go together.
    """
    from pipeline.domain.errors import ConfigurationError
    from pipeline.replay_source import from_file
    from pipeline.replay_source import from_topic as range_of
    from pipeline.topic_range import moment_of

    if from_topic == (file is not None):
        raise ConfigurationError("Give either FILE or --from-topic.")
    if file is not None:
        if since or until:
            raise ConfigurationError("--since and --until go with --from-topic. A file is read as a whole.")
        return from_file(file, control, partitions)
    if partitions is not None:
        raise ConfigurationError("--partitions does not go with --from-topic: the topic has as many as it has.")
    now = time.time_ns() // 1_000_000
    first = moment_of("--since", since, now) if since else None
    last = moment_of("--until", until, now) if until else None
    return range_of(settings.connection(), first, last, control)
