"""`core-alerts control`: the rules on the topic `control`, from a folder and back."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.commands import control_apply, control_rules, control_tests
from pipeline.commands.context import FAILED, Commands, JsonOption, print_json, printable
from pipeline.commands.control_topic import FolderArgument, now_ms

commands = typer.Typer(cls=Commands, no_args_is_help=True, help="Change, read and check the rules of tenants.")
commands.command()(control_apply.apply)
commands.command()(control_rules.get)
commands.command()(control_rules.delete)
commands.command()(control_rules.export)
commands.command()(control_tests.test)


@commands.command()
def lint(
    folder: FolderArgument,
    strict: Annotated[bool, typer.Option("--strict", help="Let warnings fail as well.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look for rules that cannot do what they are for.

    Each finding is a line: file:line: error or warning, its code, the rule, what is wrong. What to do. Exits with 1
    if there are errors; the time of the day counts, for silences and windows end.

    \b
    Example:
      core-alerts control lint rules/ --strict
    """  # noqa: D301
    from pipeline.control.folder import read_folder
    from pipeline.control.report import report

    lines = report(read_folder(folder), now_ms())
    if as_json:
        print_json([asdict(line) for line in lines])
    else:
        for line in lines:
            typer.echo(printable(str(line)))
        if not lines:
            typer.echo(f"{folder}: nothing found")
    if any(strict or line.severity == "error" for line in lines):
        raise typer.Exit(FAILED)
