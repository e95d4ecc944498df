"""`core-alerts kafka`: the development broker."""

from typing import Annotated

import typer

from pipeline.commands.context import (
    FAILED,
    Commands,
    ConfigOption,
    DataDirOption,
    JsonOption,
    print_json,
    say,
    settings_for,
)

commands = typer.Typer(
    cls=Commands, no_args_is_help=True, help="Start, stop and look at a Kafka broker for development."
)


@commands.command()
def start(
    context: typer.Context,
    data_dir: DataDirOption = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="The port to listen on; the default is the folder's own, chosen once."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Start a development broker.

    It listens on 127.0.0.1, and its address is printed once it answers. The address stands alone on the last line
    of stdout. The broker runs on in the background, with its data in the folder; started again, it has the same
    address and the same data. The first start fetches Apache Kafka.

    \b
    Example:
      export CORE_ALERTS_BROKER=$(core-alerts kafka start)
    """  # noqa: D301
    from pipeline.dev import broker

    folder = settings_for(context, config, data_dir=data_dir).data_dir
    typer.echo(broker.start(folder, port, progress=say).bootstrap)


@commands.command()
def stop(context: typer.Context, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """Stop a development broker; its data stays.

    \b
    Example:
      core-alerts kafka stop
    """  # noqa: D301
    from pipeline.dev import broker

    folder = settings_for(context, config, data_dir=data_dir).data_dir
    say(f"Stopped the broker of {folder}." if broker.stop(folder) else f"No broker of {folder} was running.")


@commands.command()
def status(
    context: typer.Context,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Say whether a development broker runs.

    The exit code is 1 if it does not answer.

    \b
    Example:
      core-alerts kafka status --json
    """  # noqa: D301
    from pipeline.dev import broker

    folder = settings_for(context, config, data_dir=data_dir).data_dir
    found = broker.status(folder)
    running = found.broker
    if as_json:
        print_json(
            {
                "running": running is not None,
                "answers": found.answers,
                "bootstrap": running.bootstrap if running else None,
                "pid": running.pid if running else None,
                "started_at": found.started_at,
                "kafka": found.kafka,
                "data_dir": str(folder),
                "log": str(running.log) if running else None,
            }
        )
    elif running is None:
        typer.echo(f"No broker of {folder} is running. Start it with `core-alerts kafka start`.")
    else:
        state = "answers" if found.answers else "does not answer"
        typer.echo(f"Apache Kafka {found.kafka} {state} on {running.bootstrap} (pid {running.pid}, log {running.log})")
    if not found.answers:
        raise typer.Exit(FAILED)
