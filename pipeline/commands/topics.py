"""`core-alerts topics`: create them, look at them, see how far behind the workers are."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.commands.context import Commands, ConfigOption, JsonOption, print_json, print_table, settings_for

commands = typer.Typer(cls=Commands, no_args_is_help=True, help="Create, describe and watch the topics.")


@commands.command()
def create(
    context: typer.Context,
    partitions: Annotated[
        int | None, typer.Option(min=1, help="How many partitions each gets; the default is the setting partitions.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Create the topics that are missing.

    The changelogs of the workers' agents are among them. A worker needs the same count in its settings: give
    --partitions only together with CORE_ALERTS_PARTITIONS.

    \b
    Example:
      core-alerts topics create --partitions 24
    """  # noqa: D301
    from pipeline.app import changelog_topics
    from pipeline.topic_admin import create_topics

    settings = settings_for(context, config, partitions=partitions)
    outcomes = create_topics(
        settings.connection(),
        settings.partitions,
        settings.replication_factor,
        extra=changelog_topics(settings),
    )
    if as_json:
        print_json([asdict(one) for one in outcomes])
        return
    rows = [(one.name, one.partitions, "created" if one.created else "was there") for one in outcomes]
    print_table(["topic", "partitions", "outcome"], rows, numbers=["partitions"])


@commands.command()
def describe(context: typer.Context, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show each topic as it is on the broker.

    Where it differs from what it should be, that is said.

    \b
    Example:
      core-alerts topics describe
    """  # noqa: D301
    from pipeline.app import changelog_topics
    from pipeline.topic_admin import describe as describe_topics
    from pipeline.topics import CATALOGUE

    settings = settings_for(context, config)
    topics = [*CATALOGUE, *changelog_topics(settings)]
    found = describe_topics(settings.connection(), topics)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    rows = []
    for topic, one in zip(topics, found, strict=True):
        wrong = [f"{name} is {is_now}, wanted {wanted}" for name, (is_now, wanted) in one.differs.items()]
        if not one.partitions:
            wrong = ["missing: `core-alerts topics create` creates it"]
        rows.append((one.name, one.partitions, one.replicas, topic.cleanup, "; ".join(wrong) or "as it should be"))
    print_table(["topic", "partitions", "replicas", "cleanup", "state"], rows, numbers=["partitions", "replicas"])


@commands.command()
def lag(context: typer.Context, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show how far behind the workers are.

    That is: how many records of alerts.raw they have not processed yet, by partition.

    \b
    Example:
      core-alerts topics lag --json
    """  # noqa: D301
    from pipeline.topic_admin import lag as group_lag
    from pipeline.topics import ALERTS_RAW

    settings = settings_for(context, config)
    rows = group_lag(settings.connection(), settings.group, [ALERTS_RAW.name])
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    cells = [(row.topic, row.partition, row.committed, row.end, row.lag) for row in rows]
    columns = ["topic", "partition", "committed", "end", "lag"]
    print_table(columns, cells, numbers=columns[1:])
    typer.echo(f"{settings.group} is {sum(row.lag for row in rows):,} records behind.")
