"""`core-alerts backtest`: what other rules would have made of the same alerts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.context import (
    FAILED,
    ConfigOption,
    JsonOption,
    print_json,
    print_table,
    printable,
    say,
    settings_for,
)
from pipeline.commands.progress import counting
from pipeline.commands.replay import (
    AlertsArgument,
    FromTopicOption,
    PartitionsOption,
    SinceOption,
    UntilOption,
    source_of,
)

if TYPE_CHECKING:
    from pipeline.backtest.run import Difference
    from pipeline.backtest.shift import Shift


def backtest(
    context: typer.Context,
    file: AlertsArgument = None,
    candidate: Annotated[
        Path | None, typer.Option(metavar="DIR|FILE", help="The rules to compare with: a folder, or a recording.")
    ] = None,
    rule: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", dir_okay=False, help="One silence, window or inhibit rule as YAML: what it would hide."
        ),
    ] = None,
    control: Annotated[
        Path | None,
        typer.Option(metavar="DIR|FILE", help="The rules as they are now: a folder, or a recording of `control`."),
    ] = None,
    as_if_active: Annotated[
        bool,
        typer.Option(
            "--as-if-active/--as-scheduled", help="With --rule: whether a silence or window counts at all times."
        ),
    ] = True,
    from_topic: FromTopicOption = False,
    since: SinceOption = None,
    until: UntilOption = None,
    partitions: PartitionsOption = None,
    png: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Where a picture of every hour goes.")
    ] = None,
    fail_on_hidden_critical: Annotated[
        bool, typer.Option("--fail-on-hidden-critical", help="Exit with 1 if a critical change would be hidden.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Compare the rules as they are with others, over the same alerts.

    Both run side by side as `replay` runs one, and what differs is told: alerts and changes that would be hidden
    or released, by which rule, by name and severity, with examples; storms; and each hour. An alert counts as hidden
    if nothing of it would be seen from its opening to its end; each of its changes counts by itself. What two rules
    hide counts for both.

    The rules of today are those of --control; without it there are none for FILE, and those of the topic `control`
    with --from-topic. With --rule the candidate is these and one more rule, so that its reach is known before it is
    made. A silence or maintenance window counts as if it were active at all times, unless --as-scheduled is given.

    \b
    Example:
      core-alerts backtest alerts.jsonl.gz --control rules/ --candidate rules-new/ --png difference.png
      core-alerts backtest --from-topic --since 7d --rule silence.yml
    """  # noqa: D301
    settings = settings_for(context, config)
    from pipeline.app import defaults, periods
    from pipeline.backtest.report import as_json as to_json
    from pipeline.backtest.rule_preview import beginning, read_rule, with_rule
    from pipeline.backtest.run import Backtest, Rules
    from pipeline.domain.errors import ConfigurationError
    from pipeline.replay_control import read_control

    other = candidate if rule is None else rule
    if other is None or (candidate is not None and rule is not None):
        raise ConfigurationError("Give either --candidate, a whole set of rules, or --rule, one more rule.")
    source = source_of(settings, file, control, partitions, from_topic=from_topic, since=since, until=until)
    lines, now = source.lines, Rules(source.control, defaults(settings))
    if rule is None:
        then = Rules(read_control(other), now.defaults)
    else:
        begin, lines = beginning(lines)
        then = with_rule(now, read_rule(rule), active_around=(begin or 0) if as_if_active else None)
    run = Backtest(periods(settings), now, then, partitions=source.partitions)
    with counting("Comparing") as show:
        for done, line in enumerate(lines, start=1):
            run.take(line)
            show(done)
    found = run.finish()
    if png is not None:
        from pipeline.backtest.picture import draw

        draw(found, f"{'alerts.raw' if file is None else file.name}: now, and with {other.name}", png)
    when = _when(found, since if until is None else None)
    if as_json:
        print_json(to_json(found))
    elif rule is not None:
        _tell_radius(found, when)
    else:
        _tell(found, when)
    critical = found.hidden.total.critical_changes
    if fail_on_hidden_critical and critical:
        say(f"core-alerts: {critical:,} critical changes would be hidden.")
        raise typer.Exit(FAILED)


def _when(found: "Difference", since: str | None) -> str:
    from pipeline.backtest.report import span_text

    if since is not None and since[:1].isdigit() and "T" not in since:
        return f"In the last {since}"
    return f"From {span_text(found)}"


def _tell_radius(found: "Difference", when: str) -> None:
    """Say what one more rule would have hidden."""
    from pipeline.backtest.report import radius

    typer.echo(radius(found, when))
    _tell_shift("Hidden", found.hidden, with_rules=False)
    _tell_rest(found)


def _tell(found: "Difference", when: str) -> None:
    """Say all that differs."""
    from pipeline.backtest.report import totals

    typer.echo(f"{when}: {found.now.alerts:,} alerts in.\n")
    print_table(("", "now", "candidate"), totals(found), numbers=("now", "candidate"))
    _tell_shift("Newly hidden", found.hidden)
    _tell_shift("Released", found.released)
    _tell_rest(found)


def _tell_shift(what: str, shift: "Shift", *, with_rules: bool = True) -> None:
    from pipeline.backtest.report import COLUMNS, ROWS_SHOWN, by_name, by_rule, example_text

    total = shift.total
    if not total.changes:
        typer.echo(f"\n{what}: nothing.")
        return
    typer.echo(
        f"\n{what}: {total.alerts:,} alerts ({total.critical_alerts:,} critical), "
        f"{total.changes:,} changes ({total.critical_changes:,} critical)."
    )
    if with_rules:
        _table(("rule", *COLUMNS), by_rule(shift), ROWS_SHOWN)
    _table(("name", "severity", *COLUMNS), by_name(shift), ROWS_SHOWN)
    for example in shift.examples():
        typer.echo(printable(f"  {example_text(example)}"))


def _table(columns: tuple[str, ...], rows: list[tuple[object, ...]], most: int) -> None:
    from pipeline.backtest.report import COLUMNS

    print_table(columns, rows[:most], numbers=COLUMNS)
    if len(rows) > most:
        typer.echo(f"  and {len(rows) - most:,} more; --json has all.")


def _tell_rest(found: "Difference") -> None:
    from pipeline.backtest.report import picture, sentences

    typer.echo("")
    for line in (*sentences(found), *picture(found)):
        typer.echo(line)
