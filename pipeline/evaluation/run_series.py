"""An evaluation of labelled series, from their folder to its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.evaluation import series
from pipeline.evaluation.nab_files import read_set
from pipeline.evaluation.report import Report, Row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.evaluation.series import Said, SeriesScore

_WANTED = {"standard": "> 51.7, aim 60 and 70"}
_encode = msgspec.json.Encoder().encode


def run_series(folder: Path, predictions: Path | None, progress: Callable[[int], None]) -> Report:
    """Return what came of a set of series; write one line for each point where somebody wants them.

    Raises:
        ConfigurationError: if the set cannot be read.
    """
    found = list(read_set(folder))
    points = 0
    lines: list[bytes] = []

    def said_so(said: list[Said]) -> None:
        nonlocal points
        points += len(said)
        progress(points)
        if predictions is not None:
            lines.extend(_encode(one) + b"\n" for one in said)

    scores = series.evaluate(found, said_so)
    if predictions is not None:
        with predictions.open("wb") as out:
            out.writelines(lines)
    return Report(str(folder), points, tuple(_rows(scores, len(found))))


def _rows(scores: dict[str, SeriesScore], units: int) -> list[Row]:
    ours, baselines = scores["model"], {name: one for name, one in scores.items() if name != "model"}
    rows = []
    for number, result in enumerate(ours.best):
        for name, other in baselines.items():
            wanted = _WANTED.get(result.profile.name)
            rows.append(
                Row(
                    "series",
                    f"NAB {result.profile.name}, best threshold for the set",
                    result.normalised,
                    None,
                    name,
                    other.best[number].normalised,
                    wanted,
                    units,
                )
            )
    for number, result in enumerate(ours.told):
        for name, other in baselines.items():
            measure = f"NAB {result.profile.name}, of the detections told"
            rows.append(
                Row("series", measure, result.normalised, None, name, other.told[number].normalised, None, units)
            )
    for measure in ("precision", "recall", "f1"):
        for name, other in baselines.items():
            value, least = getattr(ours.windows, measure), getattr(other.windows, measure)
            rows.append(Row("series", f"{measure} over windows", value, None, name, least, None, units))
    return rows
