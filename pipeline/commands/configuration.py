"""`core-alerts config`: what is wrong with a configuration, before a worker says so."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.context import FAILED, Commands, JsonOption, print_json

commands = typer.Typer(cls=Commands, no_args_is_help=True, help="Check configuration files.")


@commands.callback()
def config() -> None:
    """Check configuration files."""


@commands.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A core-alerts.yml.")],
    as_json: JsonOption = False,
) -> None:
    """Report everything that is wrong with a file.

    The CORE_ALERTS_… variables set over it are checked with it. Each problem is a line: file:line: what is wrong.
    What to write instead. Exits with 1 if there are any.

    \b
    Example:
      core-alerts config check core-alerts.yml
    """  # noqa: D301
    from pipeline.settings import check_config

    problems = check_config(file, os.environ)
    if as_json:
        print_json([asdict(problem) for problem in problems])
    elif problems:
        for problem in problems:
            typer.echo(str(problem))
    else:
        typer.echo(f"{file}: no problems")
    if problems:
        raise typer.Exit(FAILED)
