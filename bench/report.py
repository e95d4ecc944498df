"""What a bench leaves behind: a table on screen, a JSON file and a picture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from bench.machine import ROOT, machine_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

RESULTS = ROOT / "bench" / "results"
SIZE = (7.0, 3.6)
DPI = 120
SIGNIFICANT = 3


def write_result(name: str, data: Mapping[str, Any], *, results: Path = RESULTS) -> Path:
    """Write `data` and the facts of the machine to <name>.json and return its path; NaN and infinity are refused."""
    results.mkdir(parents=True, exist_ok=True)
    path = results / f"{name}.json"
    document = {"bench": name, "machine": machine_facts(), **data}
    path.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n")
    return path


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, console: Console | None = None
) -> None:
    """Print a table: text to the left, numbers to the right, to three significant digits."""
    rows = [list(row) for row in rows]
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[number], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(shown(cell) for cell in row))
    (console or Console()).print(table)


def shown(cell: object) -> str:
    """Return a cell's text: 207,431.2 as 207,431, 0.0123456 as 0.0123, None as a dash."""
    if cell is None:
        return "-"
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return str(cell)
    if isinstance(cell, int) or abs(cell) >= 10**SIGNIFICANT:
        return f"{cell:,.0f}"
    return f"{cell:.{SIGNIFICANT}g}"


def bar_chart(
    name: str, title: str, bars: Mapping[str, float], *, unit: str, log: bool = False, results: Path = RESULTS
) -> Path:
    """Draw one horizontal bar per entry, in the given order from the top, and return the picture's path."""
    figure = Figure(figsize=SIZE)  # without pyplot: no screen is asked for
    axes = figure.subplots()
    drawn = axes.barh(list(bars), list(bars.values()))
    axes.bar_label(drawn, labels=[shown(value) for value in bars.values()], padding=3)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set(title=title, xlabel=unit, xscale="log" if log else "linear")
    return save(figure, name, results)


def line_chart(
    name: str,
    title: str,
    lines: Mapping[str, Sequence[tuple[float, float]]],
    *,
    x: str,
    y: str,
    log_x: bool = False,
    log_y: bool = False,
    results: Path = RESULTS,
) -> Path:
    """Draw one line of (x, y) points per entry, y from zero unless logarithmic, and return the picture's path."""
    figure = Figure(figsize=SIZE)
    axes = figure.subplots()
    for label, points in lines.items():
        axes.plot([point[0] for point in points], [point[1] for point in points], marker="o", label=label)
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.set_xscale("log" if log_x else "linear")
    axes.set_yscale("log" if log_y else "linear")
    if not log_y:
        axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    if len(lines) > 1:
        axes.legend()
    return save(figure, name, results)


def save(figure: Any, name: str, results: Path) -> Path:
    """Write a figure as <name>.png without a time or a program's name in it, and return its path."""
    results.mkdir(parents=True, exist_ok=True)
    path = results / f"{name}.png"
    figure.tight_layout()
    figure.savefig(path, dpi=DPI, metadata={"Software": None})
    return path
