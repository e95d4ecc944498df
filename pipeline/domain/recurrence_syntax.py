"""The text of a recurrence: RFC 5545's RRULE, read into its parts and refused where it could not be kept.

`FREQ=MONTHLY;BYDAY=SA;BYSETPOS=-1` is the last Saturday of each month.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import msgspec
from dateutil import rrule

FREQUENCIES = {
    "YEARLY": rrule.YEARLY,
    "MONTHLY": rrule.MONTHLY,
    "WEEKLY": rrule.WEEKLY,
    "DAILY": rrule.DAILY,
    "HOURLY": rrule.HOURLY,
}
_WEEKDAYS = dict(zip(("MO", "TU", "WE", "TH", "FR", "SA", "SU"), rrule.weekdays, strict=True))
_BY_DAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"([0-9]{8})(?:(T[0-9]{6})(Z)?)?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,5}")
# The least and the greatest number of each part; where the least is negative, zero is none.
_NUMBERS = {
    "INTERVAL": (1, 1000),
    "COUNT": (1, 10_000),
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYSETPOS": (-366, 366),
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
}
_SINGLE = ("INTERVAL", "COUNT")
_CHOICES = _NUMBERS.keys() - {"INTERVAL", "COUNT", "BYSETPOS"}
DAY_PARTS = ("BYWEEKNO", "BYYEARDAY", "BYMONTHDAY")


class ScheduleError(ValueError):
    """A schedule that cannot be kept; the text says what is wrong and what to write instead."""


class Parts(msgspec.Struct, frozen=True):
    """A recurrence as it was written; what it leaves out follows from its first start."""

    frequency: int  # dateutil's number: 0 YEARLY … 4 HOURLY
    numbers: dict[str, tuple[int, ...]]  # INTERVAL, COUNT and every BY… but BYDAY
    weekdays: tuple[rrule.weekday, ...]
    week_start: int  # 0 is Monday
    until: date | datetime | None  # a date, a local time, or a moment in UTC


def parts_of(text: str) -> Parts:
    """Return the parts of an RRULE; raise ScheduleError for one that is not valid or finer than an hour."""
    fields = _fields(text)
    frequency = fields.pop("FREQ", "")
    if frequency not in FREQUENCIES:
        known = ", ".join(FREQUENCIES)
        raise ScheduleError(f"FREQ={frequency} in rrule {text!r} is not a frequency for windows: write one of {known}")
    until = fields.pop("UNTIL", None)
    if until is not None and "COUNT" in fields:
        raise ScheduleError(f"rrule {text!r} has both COUNT and UNTIL: leave one of them out")
    first_day = fields.pop("WKST", "MO")
    if first_day not in _WEEKDAYS:
        raise ScheduleError(f"WKST={first_day} is no day of the week: write one of {', '.join(_WEEKDAYS)}")
    weekdays = _weekdays(fields.pop("BYDAY", None), frequency, "BYWEEKNO" in fields)
    numbers = {name: _numbers(name, value) for name, value in fields.items()}
    if "BYSETPOS" in numbers and not weekdays and not numbers.keys() & _CHOICES:
        raise ScheduleError("BYSETPOS chooses among what another BY… names: add one, such as BYDAY=MO,TU")
    return Parts(
        frequency=FREQUENCIES[frequency],
        numbers=numbers,
        weekdays=weekdays,
        week_start=_WEEKDAYS[first_day].weekday,
        until=None if until is None else _until(until),
    )


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for part in text.strip().upper().removeprefix("RRULE:").removesuffix(";").split(";"):
        name, equals, value = part.partition("=")
        if not equals or not value:
            raise ScheduleError(f"{part!r} in rrule {text!r} is not NAME=VALUE: write such as FREQ=WEEKLY;BYDAY=SA")
        if name in fields:
            raise ScheduleError(f"{name} stands twice in rrule {text!r}: write it once, its values parted by commas")
        if name not in ("FREQ", "UNTIL", "WKST", "BYDAY") and name not in _NUMBERS:
            known = ", ".join(("FREQ", "UNTIL", "WKST", "BYDAY", *_NUMBERS))
            raise ScheduleError(f"{name} in rrule {text!r} is not known here: use {known}")
        fields[name] = value
    return fields


def _numbers(name: str, text: str) -> tuple[int, ...]:
    least, greatest = _NUMBERS[name]
    if not all(map(_NUMBER.fullmatch, text.split(","))):
        raise ScheduleError(f"{name}={text} is not a list of whole numbers: write such as {name}={greatest}")
    numbers = {int(number) for number in text.split(",")}
    if min(numbers) < least or max(numbers) > greatest or (least < 0 and 0 in numbers):
        but = " but not 0" if least < 0 else ""
        raise ScheduleError(f"{name}={text} is out of range: write numbers from {least} to {greatest}{but}")
    if name in _SINGLE and len(numbers) > 1:
        raise ScheduleError(f"{name}={text} has several values: write one")
    return tuple(sorted(numbers))


def _weekdays(text: str | None, frequency: str, of_weeks: bool) -> tuple[rrule.weekday, ...]:
    if text is None:
        return ()
    days: list[rrule.weekday] = []
    for part in text.split(","):
        found = _BY_DAY.fullmatch(part)
        if not found:
            raise ScheduleError(f"{part!r} in BYDAY={text} is no weekday: write such as BYDAY=MO,FR or BYDAY=-1SU")
        number, day = found.groups()
        if number is None:
            days.append(_WEEKDAYS[day])
            continue
        if frequency not in ("MONTHLY", "YEARLY") or of_weeks:
            raise ScheduleError(
                f"{part} counts within a month or a year: write {day}, or FREQ=MONTHLY without BYWEEKNO"
            )
        if not 1 <= abs(int(number)) <= 53:
            raise ScheduleError(f"{part} in BYDAY={text} is out of range: count from 1 to 53, or back from -1 to -53")
        days.append(_WEEKDAYS[day](int(number)))
    return tuple(days)


def _until(text: str) -> date | datetime:
    found = _UNTIL.fullmatch(text)
    try:
        if not found:
            raise ValueError(text)
        day, time, utc = found.groups()
        moment = datetime.strptime(day + (time or "T000000"), "%Y%m%dT%H%M%S")  # noqa: DTZ007  # local, or UTC below
    except ValueError:
        raise ScheduleError(f"UNTIL={text} is no date or time: write 20261231 or 20261231T225959Z") from None
    if utc:
        return moment.replace(tzinfo=UTC)
    return moment if time else moment.date()
