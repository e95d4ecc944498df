"""The command line: every command in its place."""

from typing import Annotated

import typer

from pipeline.commands import (
    backtest,
    configuration,
    control,
    evaluate,
    hidden,
    identity,
    kafka,
    local,
    quality,
    replay,
    send,
    tail,
    topics,
    topology,
    why,
    worker,
)
from pipeline.commands.context import Commands, ConfigOption
from pipeline.version import VERSION

program = typer.Typer(
    name="core-alerts",
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
program.add_typer(kafka.commands, name="kafka")
program.add_typer(topics.commands, name="topics")
program.add_typer(configuration.commands, name="config")
program.add_typer(control.commands, name="control")
program.add_typer(identity.commands, name="identity")
program.add_typer(topology.commands, name="topology")
program.command()(local.demo)
program.command()(local.dev)
program.command()(worker.worker)
program.command()(send.send)
program.command()(tail.tail)
program.command()(replay.replay)
program.command()(backtest.backtest)
program.command()(evaluate.evaluate)
program.command()(why.why)
program.command()(hidden.hidden)
program.command()(quality.quality)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"core-alerts {VERSION}")
        raise typer.Exit


@program.callback()
def core_alerts(
    context: typer.Context,
    config: ConfigOption = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Turn raw alerts on Kafka into deduplicated, explained changes.

    Settings come from a YAML file (--config or CORE_ALERTS_CONFIG), from CORE_ALERTS_… variables over it, and from
    the options of each command over both. Exit codes: 0 done, 1 failed, 2 wrong usage or settings.

    \b
    Example:
      core-alerts demo
    """  # noqa: D301 - \b is an escape: it keeps the lines below it
    context.obj = config
