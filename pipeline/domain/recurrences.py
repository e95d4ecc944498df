"""Recurrences: at which local times a rule of RFC 5545 (RRULE) lets something start.

dateutil names the candidates of a month or a year. INTERVAL and BYSETPOS are applied here, on numbered periods:
so a search can begin at any date without counting from the first one, and ends where it is told to, also for a rule
that names no day at all (dateutil's own iteration of such a rule goes on to the year 9999).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Literal

from dateutil import rrule

from pipeline.domain.recurrence_syntax import DAY_PARTS, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_YEARS_AHEAD = 10_000  # an interval after which no further period is left: dateutil evaluates one and stops
_WIDE = timedelta(days=120)  # from here on a year at a time is cheaper than its months (measured)


class Recurrence:
    """The local times at which a rule lets something start, from its first possible start `begin` on.

    COUNT and UNTIL are only read: who knows the time zone applies them.
    """

    def __init__(self, text: str, begin: datetime) -> None:
        parts = parts_of(text)
        numbers = parts.numbers
        self.begin = begin
        self.until = parts.until
        self.count = numbers["COUNT"][0] if "COUNT" in numbers else None
        self._frequency = parts.frequency
        self._interval = numbers.get("INTERVAL", (1,))[0]
        self._week_start = parts.week_start
        self._positions = numbers.get("BYSETPOS", ())
        self._hours = numbers.get("BYHOUR", tuple(range(24)) if self._frequency == rrule.HOURLY else (begin.hour,))
        self._minutes = numbers.get("BYMINUTE", (begin.minute,))
        self._months = numbers.get("BYMONTH", tuple(range(1, 13)))
        days: dict[str, Any] = {name.lower(): numbers[name] for name in DAY_PARTS if name in numbers}
        if parts.weekdays:
            days["byweekday"] = parts.weekdays
        if not days:
            days = self._implied_days()
            if self._frequency == rrule.YEARLY and "BYMONTH" not in numbers:
                self._months = (begin.month,)
        # A counted weekday, such as 20MO, is one of the year; but one of each month where months are named.
        counted = any(day.n for day in parts.weekdays)
        self._of_the_year = counted and self._frequency == rrule.YEARLY and "BYMONTH" not in numbers
        self._rule: dict[str, Any] = {
            **days,
            "bymonth": None if self._of_the_year else self._months,
            "byhour": self._hours,
            "byminute": self._minutes,
            "bysecond": 0,
            "wkst": self._week_start,
        }
        self._phase = self._period(begin)

    def _implied_days(self) -> dict[str, Any]:
        """Return the days of a rule that names none: they are like that of its begin, as the frequency has it."""
        if self._frequency in (rrule.YEARLY, rrule.MONTHLY):
            return {"bymonthday": self.begin.day}
        if self._frequency == rrule.WEEKLY:
            return {"byweekday": self.begin.weekday()}
        return {"bymonthday": tuple(range(1, 32))}

    @property
    def starts_a_day(self) -> int:
        """Return how many starts one day has at most."""
        return len(self._hours) * len(self._minutes)

    @property
    def spacing(self) -> timedelta:
        """Return the shortest time between two starts of one day; without an end where a day has one at most."""
        minutes = self._minutes
        if self._frequency == rrule.HOURLY:
            gaps = [self._interval * 60 - (minutes[-1] - minutes[0]), *_gaps(minutes)]
        else:
            gaps = _gaps([hour * 60 + minute for hour in self._hours for minute in minutes])
        return timedelta(minutes=min(gaps)) if gaps else timedelta.max

    def starts(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """Yield the local starts from `since` (inclusive) to `until` (exclusive), in order."""
        since = max(since, self.begin)
        if since >= until:
            return
        for at in self._chosen(since, until) if self._positions else self._candidates(since, until):
            if at >= until:
                return
            if at >= since and (self._interval == 1 or self._in_step(self._period(at))):
                yield at

    def _chosen(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """Yield what BYSETPOS chooses from each period, all of which is looked at, also before `since`."""
        if self._frequency == rrule.YEARLY:
            low, high = since.replace(month=1, day=1), until.replace(month=12, day=31)
        else:  # months are whole anyway, and so are days and hours
            low, high = since - timedelta(days=6), until + timedelta(days=6)
        for period, members in groupby(self._candidates(low, high), self._period):
            if self._in_step(period):
                group = list(members)
                places = {place if place > 0 else len(group) + place + 1 for place in self._positions}
                yield from (group[place - 1] for place in sorted(places) if 1 <= place <= len(group))

    def _candidates(self, since: datetime, until: datetime) -> Iterator[datetime]:
        """Yield what the BY… parts name, in whole months or years: from that of `since` to that of `until`."""
        if self._of_the_year or until - since > _WIDE:
            for year in range(since.year, until.year + 1):
                yield from self._evaluate(rrule.YEARLY, year, 1, _YEARS_AHEAD)
            return
        for number in range(_month(since), _month(until) + 1):
            year, month = divmod(number, 12)
            if month + 1 in self._months:
                yield from self._evaluate(rrule.MONTHLY, year, month + 1, _YEARS_AHEAD * 12)

    def _evaluate(self, frequency: Literal[0, 1], year: int, month: int, interval: int) -> Iterable[datetime]:
        begin = datetime(year, month, 1)  # noqa: DTZ001  # local times
        return rrule.rrule(frequency, begin, interval, **self._rule)

    def _in_step(self, period: int) -> bool:
        return not (period - self._phase) % self._interval

    def _period(self, at: datetime) -> int:
        """Return the number of the year, month, week, day or hour, whichever FREQ counts, in which `at` is."""
        if self._frequency == rrule.YEARLY:
            return at.year
        if self._frequency == rrule.MONTHLY:
            return _month(at)
        if self._frequency == rrule.WEEKLY:
            return (at.toordinal() - 1 - self._week_start) // 7  # day 1 of the calendar is a Monday
        if self._frequency == rrule.DAILY:
            return at.toordinal()
        return at.toordinal() * 24 + at.hour


def _month(at: datetime) -> int:
    return at.year * 12 + at.month - 1


def _gaps(numbers: Iterable[int]) -> list[int]:
    return [later - earlier for earlier, later in pairwise(numbers)]
