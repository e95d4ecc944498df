"""`core-alerts identity`: which alerts are one although they differ."""

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import Commands, FileArgument, JsonOption, print_json, printable
from pipeline.commands.progress import counting
from pipeline.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from pipeline.identity.sample import Recording

commands = typer.Typer(cls=Commands, no_args_is_help=True, help="Find rules that make repeats of one alert one.")


@commands.callback()
def identity() -> None:
    """Find rules that make repeats of one alert one."""


@commands.command()
def suggest(
    file: FileArgument,
    tenant: Annotated[str | None, typer.Option(metavar="TENANT", help="Look at the alerts of one tenant only.")] = None,
    min_reduction: Annotated[
        float,
        typer.Option(
            metavar="PERCENT", min=0, max=100, help="How many of a tenant's distinct alerts a rule must spare."
        ),
    ] = 1.0,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Where the YAML goes; a sentence a tenant is printed then."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find identity rules in recorded alerts.

    An alert is who its name and labels say it is. So a pod that is restarted under a new name is a new alert, and
    so is a reading that stands in a name. This finds labels, and parts of labels and names, that keep apart what is
    the same otherwise: hashes of pods and replica sets, ports, UUIDs, timestamps, numbers, and labels with a value
    of their own for nearly every alert. For each it prints a rule, how many alerts it would spare, and examples of
    what would become one; a rule counts on those above it. What only somebody who knows the alerts can judge is
    there as a comment: a label that says where the trouble is, small numbers, things that are open side by side.
    Names that merely look alike are told too. Nothing is merged by likeness, and nothing before you apply a rule.

    Each line of the file is an alert, or a recorded record as `tail --json` prints it. What is printed is YAML for
    the folder that `control apply` takes.

    \b
    Example:
      core-alerts tail alerts.raw --from-beginning --timeout 5 --json > alerts.jsonl
      core-alerts identity suggest alerts.jsonl --out control/identity.yml
    """  # noqa: D301
    from pipeline.exchange import read_lines
    from pipeline.identity.report import as_json as to_json
    from pipeline.identity.report import head, result, yaml_lines
    from pipeline.identity.sample import Recording
    from pipeline.identity.suggest import suggestions

    recording = Recording(only=tenant)
    with counting("Reading") as show:
        for count, (number, text) in enumerate(read_lines(file), start=1):
            recording.take(number, text)
            show(count)
    _check(file, recording)
    with counting("Comparing"):
        found = [
            suggestions(name, [*alerts.values()], min_reduction / 100)
            for name, alerts in sorted(recording.alerts.items())
        ]
    if as_json:
        print_json(to_json(str(file), recording, found))
    told = list(head(str(file), recording))
    lines = [*(f"# {line}" for line in told), *chain.from_iterable(map(yaml_lines, found))]
    document = "".join(f"{printable(line)}\n" for line in lines)
    if out is not None:
        told += map(result, found)
        if any(one.rules or one.to_look_at for one in found):
            out.write_text(document, "utf-8")
        else:
            told.append(f"{out} was not written.")
        for line in told:
            typer.echo(printable(line), err=as_json)
    elif not as_json:
        typer.echo(document, nl=False)


def _check(file: Path, recording: "Recording") -> None:
    """Raise ConfigurationError if there is nothing to look at."""
    if recording.alerts:
        return
    if recording.only is not None and recording.others:
        there = ", ".join(sorted(recording.others)[:20])
        raise ConfigurationError(f"{file} has no alerts of tenant {recording.only}. It has: {printable(there)}.")
    if recording.own:
        raise ConfigurationError(
            f"all {recording.own:,} records of {file} have a fingerprint of their own: no identity rule changes who "
            "they are. Take a recording of alerts.raw from senders that give none."
        )
    why = f" The first line that is none: {printable(recording.first_refusal)}" if recording.first_refusal else ""
    raise ConfigurationError(f"{file} has no alerts. Give JSON lines of alerts.raw.{why}")
