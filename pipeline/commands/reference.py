"""The reference page of the command line: what --help says of every command.

`python -m pipeline.commands.reference` writes it and the other generated pages anew; a test says when that is due.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from pipeline.commands.program import program
from pipeline.dev.reference import GENERATED

CLI_PAGE = "docs/reference/cli.md"
_WIDTH = 100


def cli_markdown() -> str:
    """Return docs/reference/cli.md."""
    intro = """\
# Command line
<!-- Made by `python -m pipeline.commands.reference`; edit the source, not this page. -->

This is what `core-alerts --help` and the same with each command print. Results go to stdout, everything else to
stderr. Exit codes: 0 done, 1 failed (and why), 2 wrong usage or settings, 130 stopped by Ctrl-C before it was done.
[Settings](settings.md) come from a file, from `CORE_ALERTS_…` variables over it, and from options over both.
"""
    pages = [intro]
    for path in command_paths():
        title = " ".join(["core-alerts", *path])
        pages.append(f"## `{title}`\n```text\n{help_text(path)}```\n")
    return "\n".join(pages)


def command_paths() -> list[tuple[str, ...]]:
    """Return the words of every command and group, a group before what is in it."""
    return list(_paths(get_command(program), ()))


def help_text(path: Sequence[str]) -> str:
    """Return what --help prints, as wide as the page."""
    wide = {"COLUMNS": str(_WIDTH), "TERM": "dumb"}
    return CliRunner().invoke(program, [*path, "--help"], prog_name="core-alerts", env=wide).stdout


def _paths(command: object, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    yield path
    if isinstance(command, TyperGroup):
        for name, inside in command.commands.items():
            yield from _paths(inside, (*path, name))


def write_all(root: Path) -> None:
    """Write every generated file below `root`."""
    for name, generate in {**GENERATED, CLI_PAGE: cli_markdown}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(generate(), "utf-8")


if __name__ == "__main__":
    write_all(Path(__file__).parents[2])
