"""`core-alerts evaluate`: how good what the pipeline says is, on labelled alerts or series."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pipeline.commands.context import ConfigOption, JsonOption, print_json, print_table, say, settings_for
from pipeline.commands.progress import counting

if TYPE_CHECKING:
    from pipeline.evaluation.report import Report


def evaluate(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="A labelled set: see below.")
    ],
    train: Annotated[
        Path | None,
        typer.Option(metavar="DIR", exists=True, file_okay=False, help="Another set to learn from first."),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Where what was said of each alert or point goes, as lines."),
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(metavar="DIR", file_okay=False, help="Where pictures go: curves and a time-line.")
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Run a labelled set through the pipeline and measure what it says, with simple baselines beside it.

    A set of alerts is a folder with alerts.jsonl or alerts.jsonl.gz: alerts as they are sent, each with
    extra.truth = {"incident": text or null, "wanted": true or false, "step": text or null, "root_cause": node or null},
    and topology.yaml if there is one. A set of series is a folder with series/**/*.csv (timestamp,value) and
    windows.json as NAB has it. The truth is taken out before the pipeline sees an alert.

    With --train the tenants live through another set in the days before, and its labels are learned as if their people
    had said so of each change. To label a day of your
    own, take `core-alerts tail alerts.raw --json` and add extra.truth to each alert.

    \b
    Example:
      core-alerts evaluate labelled/may --train labelled/april --predictions said.jsonl --pictures pictures
    """  # noqa: D301
    settings = settings_for(context, config)
    from pipeline.domain.errors import ConfigurationError
    from pipeline.evaluation.labelled import is_alert_set
    from pipeline.evaluation.nab_files import is_series_set

    if is_series_set(folder):
        from pipeline.evaluation.run_series import run_series

        with counting("Points") as show:
            report = run_series(folder, predictions, show)
    elif is_alert_set(folder):
        from pipeline.app import defaults, periods
        from pipeline.evaluation.run_alerts import run_alerts

        with counting("Alerts") as show:
            report = run_alerts(folder, train, predictions, pictures, periods(settings), defaults(settings), show)
    else:
        raise ConfigurationError(
            f"{folder} holds no labelled set. Put alerts.jsonl or alerts.jsonl.gz there, or series/ and windows.json."
        )
    if as_json:
        print_json(msgspec.to_builtins(report))
    else:
        _tell(report)


def _tell(report: "Report") -> None:
    rows = [
        (
            row.need,
            row.measure,
            _number(row.value),
            "" if row.interval is None else f"{_number(row.interval[0])} to {_number(row.interval[1])}",
            "" if row.baseline_value is None else f"{_number(row.baseline_value)} ({row.baseline})",
            row.wanted or "",
            "" if row.units is None else f"{row.units:,}",
        )
        for row in report.rows
    ]
    print_table(["need", "measure", "value", "95 %", "baseline", "wanted", "of"], rows, numbers=["value", "of"])
    for note in report.notes:
        say(note)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
