"""The commands that read the ledger, run in this process by tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer
from typer.testing import CliRunner

from pipeline.commands.context import Commands
from pipeline.commands.hidden import hidden
from pipeline.commands.quality import quality
from pipeline.commands.why import why

if TYPE_CHECKING:
    from typer.testing import Result

NOBODY = "127.0.0.1:1"  # no broker ever listens there
_program = typer.Typer(cls=Commands, rich_markup_mode=None)
_program.command()(why)
_program.command()(hidden)
_program.command()(quality)


def run(*arguments: object, stdin: bytes = b"", broker: str = NOBODY) -> Result:
    """Run a command; without --file it asks a broker that never answers."""
    return CliRunner().invoke(
        _program, [str(one) for one in arguments], input=stdin, env={"CORE_ALERTS_BROKER": broker}
    )
