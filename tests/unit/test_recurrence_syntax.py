"""What is refused in the text of a recurrence, and what it says."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from pipeline.domain.recurrence_syntax import ScheduleError, parts_of

REFUSED = {
    "a frequency finer than an hour": ("FREQ=MINUTELY", "FREQ=MINUTELY in rrule"),
    "a frequency of seconds": ("FREQ=SECONDLY;COUNT=1", "write one of YEARLY, MONTHLY, WEEKLY, DAILY, HOURLY"),
    "no frequency": ("BYDAY=MO", "FREQ= in rrule"),
    "nothing": ("", "'' in rrule '' is not NAME=VALUE: write such as FREQ=WEEKLY;BYDAY=SA"),
    "a part without a value": ("FREQ=DAILY;COUNT=", "'COUNT=' in rrule"),
    "a part without a sign": ("FREQ=DAILY;BYDAY", "'BYDAY' in rrule"),
    "a second line": ("FREQ=DAILY\nEXDATE:20260101", "is not a frequency"),
    "a part that stands twice": ("FREQ=DAILY;COUNT=1;COUNT=2", "COUNT stands twice"),
    "a part that RFC 5545 does not know": ("FREQ=YEARLY;BYEASTER=0", "BYEASTER in rrule"),
    "seconds": ("FREQ=DAILY;BYSECOND=30", "BYSECOND in rrule"),
    "an interval of zero": ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0 is out of range: write numbers from 1 to 1000"),
    "an interval of several": ("FREQ=DAILY;INTERVAL=1,2", "INTERVAL=1,2 has several values: write one"),
    "a count without an end": ("FREQ=DAILY;COUNT=10001", "write numbers from 1 to 10000"),
    "a month that is none": ("FREQ=DAILY;BYMONTH=13", "BYMONTH=13 is out of range"),
    "a day zero": ("FREQ=MONTHLY;BYMONTHDAY=0", "write numbers from -31 to 31 but not 0"),
    "a day that no month has": ("FREQ=MONTHLY;BYMONTHDAY=-32", "BYMONTHDAY=-32 is out of range"),
    "an hour that is none": ("FREQ=DAILY;BYHOUR=24", "BYHOUR=24 is out of range"),
    "a word for a number": ("FREQ=DAILY;BYHOUR=two", "BYHOUR=TWO is not a list of whole numbers"),
    "a number of another script": ("FREQ=DAILY;BYHOUR=٣", "is not a list of whole numbers"),
    "an empty place in a list": ("FREQ=DAILY;BYHOUR=1,,2", "is not a list of whole numbers"),
    "a weekday that is none": ("FREQ=WEEKLY;BYDAY=XX", "'XX' in BYDAY=XX is no weekday"),
    "a counted weekday in a week": ("FREQ=WEEKLY;BYDAY=2MO", "2MO counts within a month or a year: write MO"),
    "a counted weekday in numbered weeks": ("FREQ=YEARLY;BYWEEKNO=3;BYDAY=2MO", "2MO counts within a month or a year"),
    "a weekday zero": ("FREQ=MONTHLY;BYDAY=0MO", "0MO in BYDAY=0MO is out of range"),
    "a weekday too many": ("FREQ=YEARLY;BYDAY=54MO", "54MO in BYDAY=54MO is out of range"),
    "a week that starts nowhere": ("FREQ=WEEKLY;WKST=1", "WKST=1 is no day of the week"),
    "positions in nothing": ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS chooses among what another BY… names"),
    "both a count and an end": ("FREQ=DAILY;COUNT=1;UNTIL=20260101", "has both COUNT and UNTIL"),
    "an end that is no date": ("FREQ=DAILY;UNTIL=20260230", "UNTIL=20260230 is no date or time"),
    "an end with an hour only": ("FREQ=DAILY;UNTIL=20260228T02", "write 20261231 or 20261231T225959Z"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_recurrence_is_refused_for(name: str) -> None:
    rrule, text = REFUSED[name]
    with pytest.raises(ScheduleError) as refused:
        parts_of(rrule)
    assert text in str(refused.value)


def test_a_recurrence_may_be_written_as_in_a_calendar_file() -> None:
    assert parts_of("RRULE:freq=weekly;byday=mo,FR;") == parts_of("FREQ=WEEKLY;BYDAY=MO,FR")


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("20260228", date(2026, 2, 28)),
        ("20260228T023000", datetime(2026, 2, 28, 2, 30)),  # noqa: DTZ001  # local
        ("20260228T023000Z", datetime(2026, 2, 28, 2, 30, tzinfo=UTC)),
    ],
)
def test_an_end_is_a_date_a_local_time_or_a_moment(text: str, until: date) -> None:
    found = parts_of(f"FREQ=DAILY;UNTIL={text}").until
    assert (type(found), found) == (type(until), until)
