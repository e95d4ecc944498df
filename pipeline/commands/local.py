"""`core-alerts dev` and `core-alerts demo`: everything on this machine."""

from typing import Annotated, Literal

import typer

from pipeline.commands.context import ConfigOption, DataDirOption, JsonOption, settings_for

_Guarantee = Literal["at_least_once", "exactly_once"]


def dev(context: typer.Context, data_dir: DataDirOption = None, config: ConfigOption = None) -> None:
    """Run a broker and a worker on this machine.

    They run until Ctrl-C, with four partitions a topic; the data stays in the folder for the next time. If the
    worker ends by itself, the rest is stopped as well and the exit code is 1.

    \b
    Example:
      core-alerts dev --data-dir /tmp/alerts
    """  # noqa: D301
    from pipeline.dev.local import run_until_stopped

    run_until_stopped(settings_for(context, config, data_dir=data_dir))


def demo(
    stay: Annotated[
        bool, typer.Option("--stay", help="Leave everything running afterwards, until Ctrl-C, and keep the data.")
    ] = False,
    hours: Annotated[
        float, typer.Option(min=0.1, max=24 * 31, help="How much of the recorded alerts to play: the busiest hours.")
    ] = 24.0,
    guarantee: Annotated[_Guarantee, typer.Option(help="The worker's processing_guarantee.")] = "at_least_once",
    as_json: JsonOption = False,
) -> None:
    """Play a recorded day of real alerts.

    It goes through a broker and a worker, and what comes out is shown. Everything runs on this machine in a
    temporary folder; CORE_ALERTS_… variables do not count. First the day is played as fast as possible, then new
    alerts come at a steady rate to measure the time from produce to enriched.

    \b
    Example:
      core-alerts demo
    """  # noqa: D301
    from pipeline.dev.demo import run_demo

    run_demo(hours=hours, guarantee=guarantee, stay=stay, as_json=as_json)
