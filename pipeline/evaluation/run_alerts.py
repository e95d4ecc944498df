"""An evaluation of a labelled set of alerts, from its folder to its report."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import msgspec

from pipeline.evaluation import labelled
from pipeline.evaluation.pictures import draw
from pipeline.evaluation.predictions import Pipeline, tenants_of
from pipeline.evaluation.report import Report
from pipeline.evaluation.scoring import Scoring

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from agents.suppress.defaults import Defaults
    from pipeline.domain.alert import Periods
    from pipeline.evaluation.predictions import Prediction

_encode = msgspec.json.Encoder().encode


def run_alerts(
    folder: Path,
    train: Path | None,
    predictions: Path | None,
    pictures: Path | None,
    periods: Periods,
    defaults: Defaults,
    progress: Callable[[int], None],
) -> Report:
    """Return what came of a set; write predictions and pictures where somebody wants them.

    Raises:
        ConfigurationError: if the set cannot be read.
    """
    pipeline = Pipeline(labelled.read_topology(folder), periods=periods, defaults=defaults, progress=progress)
    alerts = list(labelled.read_alerts(folder))
    if train is not None:
        begin = next((one.line.timestamp for one in alerts if one.line.timestamp is not None), 0)
        pipeline.learn(list(labelled.read_alerts(train)), tenants_of(alerts), begin)
    said = pipeline.predict(alerts)
    if predictions is not None:
        with predictions.open("wb") as out:
            write(said, out)
    scoring = Scoring(alerts, said)
    rows = tuple(scoring.rows())
    if pictures is not None:
        draw(pictures, alerts, said, scoring.times)
    return Report(str(folder), len(alerts), rows, tuple(scoring.notes))


def write(said: Sequence[Prediction], out: IO[bytes]) -> None:
    """Write one line of JSON for each alert."""
    for one in said:
        out.write(_encode(one) + b"\n")
