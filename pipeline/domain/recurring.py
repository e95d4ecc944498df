"""Recurring windows: an RRULE on the clocks of a time zone, with or without holidays."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import msgspec

from pipeline.domain.occurrences import CHECKED, Occurrences
from pipeline.domain.recurrence_syntax import ScheduleError
from pipeline.domain.recurrences import Recurrence
from pipeline.domain.recurring_starts import COUNT_YEARS, DAY, Starts

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.domain.calendars import Calendar
    from pipeline.domain.occurrences import Window

LONGEST = 31 * DAY
"""How long one occurrence of a recurring window may be."""
STARTS_A_DAY = 96
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_NEARLY_A_DAY = 20 * 60 * 60_000  # on the shortest day, windows of this length may touch those of the next
# Not of the time-zone database: the machine's own zone, and zones with leap seconds.
_NO_ZONES = ("localtime", "posix/", "posixrules", "right/")


class Recurring(msgspec.Struct, frozen=True, tag="recurring"):
    """Windows that begin at local times which an RRULE names, from `first` to `until` (both inclusive).

    `duration` is time that passes, not time on the clock: eight hours are eight hours also in the night of a change.
    A start that the clocks leave out comes later by what they leave out; of two that they show, it is the first.
    A `first` that the rule does not name is no occurrence. Occurrences that touch or overlap are one window; one that
    goes on for more than a year is told in pieces. `on_holidays` goes by the local date of a start, and a calendar
    that is not given has no holidays. What is more than ten years away is never.
    """

    rrule: str
    start: str  # "HH:MM"
    duration: int  # ms
    time_zone: str  # IANA
    first: date
    until: date | None = None
    calendar: str | None = None
    on_holidays: Literal["skip", "only"] | None = None

    def __post_init__(self) -> None:
        _check(self)

    def window_at(self, now: int, calendar: Calendar | None = None) -> Window | None:
        """Return the window in which `now` is."""
        return _occurrences(self, calendar).window_at(now)

    def next_edge(self, now: int, calendar: Calendar | None = None) -> int | None:
        """Return the first time after `now` at which a window begins or ends; None for never."""
        return _occurrences(self, calendar).next_edge(now)

    def occurs(self, since: int, until: int, calendar: Calendar | None = None) -> list[Window]:
        """Return the windows of which any part is from `since` to `until`, whole and in order."""
        return _occurrences(self, calendar).between(since, until)

    def last_window(self, calendar: Calendar | None = None) -> Window | None:
        """Return the last window; None where there is no last one, or none at all."""
        return _occurrences(self, calendar).last

    def is_over(self, now: int, calendar: Calendar | None = None) -> bool:
        """Say whether the last window has ended; one that never comes has."""
        return _occurrences(self, calendar).is_over(now)

    def never_occurs(self, now: int, calendar: Calendar | None = None) -> bool:
        """Say whether no window is to come, nor is at `now`."""
        occurrences = _occurrences(self, calendar)
        return occurrences.window_at(now) is None and occurrences.next_edge(now) is None

    def longest(self) -> int:
        """Return how long its windows can be, whatever the holidays, by those of a year from the first one on."""
        return _every(self).longest


# As many as there may be recurring rules in one process; each remembers about 2 KB.
@lru_cache(maxsize=16_384)
def _occurrences(schedule: Recurring, calendar: Calendar | None) -> Occurrences:
    if schedule.on_holidays is None:
        return _every(schedule)
    only = schedule.on_holidays == "only"

    def takes_place(day: date) -> bool:
        return (calendar is not None and calendar.is_holiday(day)) is only

    return _every(schedule, takes_place)


def _every(schedule: Recurring, takes_place: Callable[[date], bool] | None = None) -> Occurrences:
    starts = Starts(_recurrence(schedule), ZoneInfo(schedule.time_zone), schedule.until, takes_place)
    return Occurrences(starts, schedule.duration)


def _recurrence(schedule: Recurring) -> Recurrence:
    return Recurrence(schedule.rrule, datetime.combine(schedule.first, time.fromisoformat(schedule.start)))


def _check(schedule: Recurring) -> None:
    if not _CLOCK.fullmatch(schedule.start):
        raise ScheduleError(f"start {schedule.start!r} is no time of day: write hours and minutes, such as 02:00")
    if not 0 < schedule.duration <= LONGEST:
        raise ScheduleError("duration is not between 0 and 31 days: write such as 4h, or one window with starts_at")
    _check_zone(schedule.time_zone)
    if (schedule.calendar is None) != (schedule.on_holidays is None):
        raise ScheduleError("calendar and on_holidays belong together: write both, on_holidays as skip or only")
    recurrence = _recurrence(schedule)
    _check_dates(schedule, recurrence.until)
    if recurrence.starts_a_day > STARTS_A_DAY:
        raise ScheduleError(f"rrule names more than {STARTS_A_DAY} starts a day: leave out some of BYHOUR and BYMINUTE")
    if timedelta(milliseconds=schedule.duration) >= recurrence.spacing:
        raise ScheduleError("windows of one day touch each other: write one window a day, with a longer duration")
    if schedule.on_holidays is None and schedule.duration >= _NEARLY_A_DAY and schedule.longest() >= CHECKED:
        raise ScheduleError("windows follow each other without an end: write a shorter duration, or starts_at, ends_at")


def _check_zone(name: str) -> None:
    try:
        if name.startswith(_NO_ZONES):
            raise ValueError(name)
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ScheduleError(
            f"time_zone {name!r} is not known: write an IANA name such as Europe/Berlin or UTC"
        ) from None


def _check_dates(schedule: Recurring, written: date | None) -> None:
    first = schedule.first
    if not _FIRST_YEAR <= first.year <= _LAST_YEAR:
        raise ScheduleError(f"from {first} is out of range: write a date from {_FIRST_YEAR} to {_LAST_YEAR}")
    if schedule.until is not None and schedule.until < first:
        raise ScheduleError(f"until {schedule.until} is before from {first}: write a later date, or leave it out")
    for until in (schedule.until, written):
        if until is not None and until.year > first.year + COUNT_YEARS:
            raise ScheduleError(f"until {until:%Y-%m-%d} is more than {COUNT_YEARS} years after {first}: leave it out")
