"""The table of an evaluation: one row for each measure, a baseline and an interval beside it."""

from __future__ import annotations

import msgspec

from pipeline.evaluation.grouping import Interval


class Row(msgspec.Struct, frozen=True):
    """One measure."""

    need: str
    measure: str
    value: float
    interval: Interval | None = None  # 95 %
    baseline: str | None = None
    baseline_value: float | None = None
    wanted: str | None = None
    units: int | None = None  # how many instances it is a mean over


class Report(msgspec.Struct, frozen=True):
    """What came of one set."""

    folder: str
    alerts: int
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """What could not be measured, and why."""
