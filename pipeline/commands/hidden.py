"""`core-alerts hidden`: how much each suppressor hid, per day."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pipeline.commands.context import FAILED, ConfigOption, JsonOption, print_json, print_table, say, settings_for
from pipeline.commands.ledger_input import LedgerFileOption, LedgerInput, now_ms
from pipeline.commands.progress import counting
from pipeline.domain.budgets import DAY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.ledger.hidden import HiddenDay


def hidden(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="Whose alerts.")],
    days: Annotated[int, typer.Option(min=1, max=366, metavar="N", help="How many days back, today is one.")] = 7,
    file: LedgerFileOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show how much each suppressor hid, per day.

    A suppressor is one silence, maintenance window or inhibition rule, or flapping, storm, noise or throttle. What
    counts is changes of alerts that left with the verdict suppressed; one that several hid counts for each. Days are
    those of UTC, the newest first. Days that are over are as the pipeline reported them at their end; today is
    counted from the changes until now. With --file the newest record stands for now.

    A rule that hides much more than it did is one to look at: `core-alerts why` shows whose it is.

    \b
    Example:
      core-alerts hidden acme --days 2
    """  # noqa: D301
    from pipeline.ledger.entries import Ledger
    from pipeline.ledger.hidden import HiddenDays, day_of

    source = LedgerInput(file, None if file is not None else settings_for(context, config).connection())
    now = now_ms()
    since = None if file is not None else _first(now, days)
    ledger, counted = Ledger(tenant), HiddenDays()
    with counting("Reading") as show:
        for entry in source.entries(ledger, since):
            counted.take(entry)
            show(ledger.count)
    if counted.newest is None:
        source.tell_nothing_found(ledger, f"tenant {tenant}")
        raise typer.Exit(FAILED)
    last = now if file is None else counted.newest
    found = counted.days(day_of(_first(last, days)))
    if as_json:
        print_json([msgspec.to_builtins(day) for day in found])
    elif found:
        print_table(["day", "suppressor", "hidden", "as"], _rows(found), numbers=["hidden"])
    else:
        say(f"Nothing of {tenant} was hidden, from {day_of(_first(last, days))} on.")


def _first(last: int, days: int) -> int:
    """Return when the first of so many days begins, the last of which is that of `last` (ms)."""
    return (last // DAY - days + 1) * DAY


def _rows(found: "Sequence[HiddenDay]") -> list[tuple[str, str, str, str]]:
    return [
        (day.day, suppressor, f"{count:,}", "reported" if day.is_reported else "counted so far")
        for day in found
        for suppressor, count in day.hidden.items()
    ]
