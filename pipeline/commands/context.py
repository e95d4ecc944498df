"""What all commands share: options that mean the same everywhere, settings, and the two ways of printing."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.domain.errors import ConfigurationError, CoreAlertsError

if TYPE_CHECKING:
    from rich.console import Console

    from pipeline.settings import Settings

FAILED = 1
WRONG_USAGE = 2
_WIDTH_OF_A_FILE = 200  # columns where nobody looks at a terminal: a table is not cut for it

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="Settings from this YAML file; CORE_ALERTS_… win over it."),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", metavar="DIR", help="The folder for state; the default is the setting data_dir."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines, also gzipped; - is stdin.")]


class Commands(typer.core.TyperGroup):
    """Commands whose expected failures are one message on stderr and an exit code, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; 2 for what the operator gave, 1 for what else went wrong."""
        try:
            return super().invoke(ctx)
        except CoreAlertsError as error:
            typer.echo(f"core-alerts: {error}", err=True)
            raise typer.Exit(WRONG_USAGE if isinstance(error, ConfigurationError) else FAILED) from error


def settings_for(context: typer.Context, config: Path | None, **overrides: object) -> "Settings":
    """Return the settings of this command: its own options over CORE_ALERTS_… over the file."""
    from pipeline.settings import load_settings

    text = {key: str(value) if isinstance(value, Path) else value for key, value in overrides.items()}
    return load_settings(config or context.obj, os.environ, text)


def say(message: str) -> None:
    """Tell the operator something on stderr, where it is in nobody's pipe."""
    typer.echo(message, err=True)


def print_json(value: object) -> None:
    """Print a value as indented JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[str] = ()) -> None:
    """Print rows under headings; the columns named in `numbers` are aligned to the right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else printable(str(cell)) for cell in row))
    stdout_console().print(table)


def stdout_console() -> "Console":
    """Return a console on stdout that takes texts as they are."""
    from rich.console import Console

    return Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else _WIDTH_OF_A_FILE)


def printable(text: str) -> str:
    """Return the text without what could steer a terminal: it comes from whoever sends alerts."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "�" for one in text)
