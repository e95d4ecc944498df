"""`core-alerts control apply`: the rules become what a folder says."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from pipeline.commands.context import WRONG_USAGE, ConfigOption, JsonOption, print_json, printable, say, settings_for
from pipeline.commands.control_topic import AuthorOption, FolderArgument, record_as_json, state_of, writer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.control.diff import ControlChange
    from pipeline.control.folder import ControlFolder, ControlProblem


def apply(
    context: typer.Context,
    folder: FolderArgument,
    author: AuthorOption = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and write nothing.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Delete what the folder does not have, of the tenants that it has.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make the rules what a folder says.

    Each file holds documents like the one below; in DIR/TENANT/ the tenant need not be said. What differs from the
    topic is shown and written as a new version; what does not is left alone. If anything is wrong in any file, all
    of it is listed with file and line, nothing is written, and the exit code is 2.

    A silence that is active keeps its id only while its matchers and its start stay, as in Alertmanager. Another
    edit ends it and adds a silence with the next id, such as db-upgrade.r2; the folder needs no change for that.

    \b
    A document:
      tenant: acme
      kind: silence
      id: db-upgrade
      comment: the database is upgraded
      spec:
        matchers: ['job="db"']
        starts_at: 2026-11-26T10:00:00Z
        ends_at: 2026-11-26T12:00:00Z

    \b
    Example:
      core-alerts control apply rules/ --dry-run
    """  # noqa: D301
    from pipeline.control.kafka import write_control
    from pipeline.control.plan import plan

    writer = writer_of(author)
    found = _folder(folder, as_json=as_json)
    connection = settings_for(context, config).connection()
    made = plan(found, state_of(connection, found.tenants).records, writer, prune=prune)
    if made.problems:
        _fail(folder, made.problems, as_json=as_json)
    if not as_json:
        for change in made.changes:
            typer.echo(_as_text(change))
    if not dry_run:
        write_control(connection, [change.after for change in made.changes])
    if as_json:
        changes = [_change_as_json(change) for change in made.changes]
        print_json({"dry_run": dry_run, "unchanged": made.unchanged, "changes": changes})
        return
    counts = Counter(change.action.value for change in made.changes)
    told = ", ".join(f"{count} {action}" for action, count in counts.items()) or "Nothing to change"
    say(f"{told}; {made.unchanged} unchanged." + (" Nothing was written." if dry_run and counts else ""))


def _folder(folder: Path, *, as_json: bool) -> "ControlFolder":
    """Return what a folder says; end the command if anything is wrong with it."""
    from pipeline.control.folder import read_folder

    found = read_folder(folder)
    if found.problems:
        _fail(folder, found.problems, as_json=as_json)
    return found


def _fail(folder: Path, problems: "Sequence[ControlProblem]", *, as_json: bool) -> NoReturn:
    """List what is wrong with a folder and end the command."""
    if as_json:
        print_json({"problems": [{**asdict(problem), **asdict(problem.place)} for problem in problems]})
    for problem in problems:
        say(printable(str(problem)))
    say(f"core-alerts: problems in {folder}: {len(problems)}. Nothing was written; mend them and apply it again.")
    raise typer.Exit(WRONG_USAGE)


def _as_text(change: "ControlChange") -> str:
    """Return a change with its difference; nothing in it can steer a terminal."""
    why = f" ({change.why})" if change.why else ""
    lines = [f"{change.action} {change.key}{why}", *change.diff().splitlines()]
    return "\n".join(printable(line) for line in lines)


def _change_as_json(change: "ControlChange") -> dict[str, object]:
    found = {"action": change.action, **record_as_json(change.after), "diff": change.diff()}
    return {**found, "why": change.why} if change.why else found
