"""How much each suppressor of one tenant's hid, per day (UTC).

A day that is over has a report: an alert of the pipeline's own, made from its state. Of any other day, which is today
most often, the changes themselves are counted, as far as they are there.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from pipeline.domain.budgets import DAY
from pipeline.domain.change import Change
from pipeline.domain.timestamps import to_text
from pipeline.schemas import own

if TYPE_CHECKING:
    from pipeline.ledger.entries import Entry


class HiddenDay(msgspec.Struct, frozen=True):
    """One day."""

    day: str
    is_reported: bool
    """False: counted from the changes that are there; the day may not be over."""
    hidden: dict[str, int]
    """Changes by suppressor, the most first; a change that several hid counts for each."""


class _Report(msgspec.Struct):
    day: str
    hidden: dict[str, int]


_report = msgspec.json.Decoder(_Report).decode


class HiddenDays:
    """Take every record of a tenant, and say what was hidden on which day."""

    def __init__(self) -> None:
        self._reports: dict[str, Counter[str]] = {}
        self._report_ids: set[str] = set()
        self._counts: dict[str, Counter[str]] = {}
        self._ids: dict[str, set[str]] = {}  # by day: of the changes counted
        self.newest: int | None = None
        """The time (ms) of the newest record."""

    def take(self, entry: Entry) -> None:
        """Take the next record; the same one again is passed over."""
        record = entry.record
        self.newest = entry.at if self.newest is None else max(self.newest, entry.at)
        if record.source == own.SOURCE and record.name == own.HIDDEN:
            self._take_report(entry)
        # A digest of repeats is no change: it is not counted where the state is kept, and not here.
        elif record.suppressed_by and record.change != Change.REPEATED:
            day = day_of(entry.at)
            ids = self._ids.setdefault(day, set())
            if day not in self._reports and record.id not in ids:
                ids.add(record.id)
                self._counts.setdefault(day, Counter()).update(record.suppressed_by)

    def _take_report(self, entry: Entry) -> None:
        record = entry.record
        if record.id in self._report_ids or not record.is_own:
            return
        self._report_ids.add(record.id)
        report = _report(record.extra)
        self._reports.setdefault(report.day, Counter()).update(report.hidden)
        self._counts.pop(report.day, None)
        self._ids.pop(report.day, None)

    def days(self, first: str) -> list[HiddenDay]:
        """Return the days on which something was hidden, from `first` on, such as 2026-11-26; the newest first."""
        known = sorted({*self._reports, *self._counts}, reverse=True)
        return [self._day(day) for day in known if day >= first]

    def _day(self, day: str) -> HiddenDay:
        counts = self._reports[day] if day in self._reports else self._counts[day]
        hidden = dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))
        return HiddenDay(day, day in self._reports, hidden)


def day_of(at: int) -> str:
    """Return the day (UTC) of a moment, such as 2026-11-26."""
    return to_text(at // DAY * DAY)[:10]
