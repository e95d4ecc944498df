"""The starts of a recurrence as moments, in milliseconds since 1970.

A start is a local time. One that the clocks leave out comes later by what they leave out, and one that they show twice
is the first of the two, as RFC 5545 reads a local time (§3.3.5). Its §3.3.10 would drop the former from a recurrence,
but nobody's maintenance should be loud because the clocks changed.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from pipeline.domain.timestamps import EPOCH

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from pipeline.domain.recurrences import Recurrence

DAY = 86_400_000
COUNT_YEARS = 50  # a COUNT that is not reached by then ends then
_MILLISECOND = timedelta(milliseconds=1)
_ONE_DAY = timedelta(days=1)  # more than any clock is off UTC, and as much as any has left out since 1970
_LOCAL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # local


def year_begin(year: int) -> int:
    """Return the first millisecond of a year in UTC."""
    return (datetime(year, 1, 1, tzinfo=UTC) - EPOCH) // _MILLISECOND


LIMIT = year_begin(2300)
"""Nothing starts from here on."""


class Starts:
    """When windows of one recurrence in one zone start, up to its COUNT, its UNTIL and `until` (a local date)."""

    def __init__(
        self, recurrence: Recurrence, zone: ZoneInfo, until: date | None, takes_place: Callable[[date], bool] | None
    ) -> None:
        self._recurrence = recurrence
        self._zone = zone
        self._takes_place = takes_place
        # Of 02:30, which the clocks leave out, and 03:00, the later one comes first.
        self.begin = self._moment(recurrence.begin) - DAY
        bounds = self._bounds(until)
        self._local_end = min(bounds, default=_LOCAL_EPOCH + LIMIT * _MILLISECOND)
        self._end = LIMIT
        written = recurrence.until
        if isinstance(written, datetime) and written.tzinfo:
            self._end = min((written - EPOCH) // _MILLISECOND + 1, LIMIT)
        self.is_bounded = bool(bounds) or self._end < LIMIT

    @property
    def end(self) -> int:
        """Return a time from which on nothing starts."""
        return min(self._end, self._moment(self._local_end) + DAY)

    def between(self, since: int, until: int) -> list[int]:
        """Return the starts from `since` (inclusive) to `until` (exclusive), in order."""
        since, until = max(since, self.begin), min(until, self._end)
        if since >= until:
            return []
        low = _LOCAL_EPOCH + since * _MILLISECOND - _ONE_DAY
        high = min(_LOCAL_EPOCH + until * _MILLISECOND + _ONE_DAY, self._local_end)
        found = self._recurrence.starts(low, high)
        takes_place, moment = self._takes_place, self._moment
        if takes_place is not None:
            found = (at for at in found if takes_place(at.date()))
        return sorted({start for at in found if since <= (start := moment(at)) < until})

    def _bounds(self, until: date | None) -> list[datetime]:
        """Return the local times before which the last start has to be."""
        bounds: list[datetime] = []
        written = self._recurrence.until
        for day in (until, written):
            if day is not None and not isinstance(day, datetime):
                bounds.append(datetime(day.year, day.month, day.day) + _ONE_DAY)  # noqa: DTZ001  # local
        if isinstance(written, datetime) and not written.tzinfo:
            bounds.append(written + _MILLISECOND)
        if self._recurrence.count is not None:
            begin = self._recurrence.begin
            end = begin + COUNT_YEARS * 366 * _ONE_DAY
            starts = self._recurrence.starts(begin, end)
            bounds.append(next(islice(starts, self._recurrence.count - 1, None), end) + _MILLISECOND)
        return bounds

    def _moment(self, local: datetime) -> int:
        since = local - _LOCAL_EPOCH
        offset = self._zone.utcoffset(local) or timedelta()  # where the clocks change, that of before
        return since.days * DAY + since.seconds * 1000 + since.microseconds // 1000 - offset // _MILLISECOND
