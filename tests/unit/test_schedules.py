"""When schedules are in force. Windows are written in the local time that the clocks show."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.domain.calendars import Calendar
from pipeline.domain.recurrences import Recurrence
from pipeline.domain.rule import RuleRef
from pipeline.domain.schedules import Once, Phase, Recurring, ScheduleError, phase
from pipeline.domain.timestamps import EPOCH, to_datetime

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return (moment - EPOCH) // timedelta(milliseconds=1)


def recurring(rrule: str, start: str = "02:00", duration: int = 4 * HOUR, **fields: Any) -> Recurring:
    return Recurring(rrule, start, duration, **{"time_zone": BERLIN, "first": date(2026, 1, 1), **fields})


def local(schedule: Recurring, windows: list[tuple[int, int]]) -> list[str]:
    zone = ZoneInfo(schedule.time_zone)
    texts = []
    for window in windows:
        start, end = (to_datetime(edge).astimezone(zone) for edge in window)
        texts.append(f"{start:%m-%d %H:%M%z} {end:%d %H:%M%z}".replace("00 ", " ").removesuffix("00"))
    return texts


# The schedule, the days looked at, and its windows in them: month-day time+offset, day time+offset.
CASES: dict[str, tuple[Recurring, str, str, list[str]]] = {
    "a window stays at its local time when the clocks change": (
        recurring("FREQ=WEEKLY;BYDAY=SA"), "2026-03-20", "2026-04-06",
        ["03-21 02:00+01 21 06:00+01", "03-28 02:00+01 28 06:00+01", "04-04 02:00+02 04 06:00+02"],
    ),
    "a start that the clocks leave out is an hour later": (
        recurring("FREQ=DAILY", "02:30", 2 * HOUR), "2026-03-28", "2026-03-31",
        ["03-28 02:30+01 28 04:30+01", "03-29 03:30+02 29 05:30+02", "03-30 02:30+02 30 04:30+02"],
    ),
    "a start that the clocks show twice is the first of the two": (
        recurring("FREQ=DAILY", "02:30", 2 * HOUR), "2026-10-24", "2026-10-27",
        ["10-24 02:30+02 24 04:30+02", "10-25 02:30+02 25 03:30+01", "10-26 02:30+01 26 04:30+01"],
    ),
    "a duration is time that passes in the night of a change": (
        recurring("FREQ=DAILY", "22:00", 8 * HOUR, time_zone=NEW_YORK), "2026-03-07", "2026-03-08",
        ["03-06 22:00-05 07 06:00-05", "03-07 22:00-05 08 07:00-04"],
    ),
    "a change of half an hour moves a start by half an hour": (
        recurring("FREQ=DAILY", "02:15", HOUR, time_zone="Australia/Lord_Howe"), "2026-10-03", "2026-10-05",
        ["10-03 02:15+1030 03 03:15+1030", "10-04 02:45+11 04 03:45+11"],
    ),
    "a day that the calendar left out falls onto the next one": (
        recurring("FREQ=DAILY", "10:00", HOUR, time_zone="Pacific/Apia", first=date(2011, 1, 1)),
        "2011-12-29", "2012-01-02",
        ["12-29 10:00-10 29 11:00-10", "12-31 10:00+14 31 11:00+14", "01-01 10:00+14 01 11:00+14"],
    ),
    "a leap day comes in leap years": (
        recurring("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"), "2026-01-01", "2033-01-01",
        ["02-29 02:00+01 29 06:00+01", "02-29 02:00+01 29 06:00+01"],
    ),
    "a yearly rule that names no day is for the day of its first date": (
        recurring("FREQ=YEARLY", first=date(2024, 2, 29)), "2024-01-01", "2029-01-01",
        ["02-29 02:00+01 29 06:00+01", "02-29 02:00+01 29 06:00+01"],
    ),
    "the last day of a month is not always the same": (
        recurring("FREQ=MONTHLY;BYMONTHDAY=-1"), "2028-01-01", "2028-05-01",
        ["01-31 02:00+01 31 06:00+01", "02-29 02:00+01 29 06:00+01", "03-31 02:00+02 31 06:00+02",
         "04-30 02:00+02 30 06:00+02"],
    ),
    "a month without a 31st has no window on it": (
        recurring("FREQ=MONTHLY;BYMONTHDAY=31"), "2026-01-01", "2026-06-01",
        ["01-31 02:00+01 31 06:00+01", "03-31 02:00+02 31 06:00+02", "05-31 02:00+02 31 06:00+02"],
    ),
    "the last Saturday of a month can be chosen by its position": (
        recurring("FREQ=MONTHLY;BYDAY=SA;BYSETPOS=-1"), "2026-01-01", "2026-03-01",
        ["01-31 02:00+01 31 06:00+01", "02-28 02:00+01 28 06:00+01"],
    ),
    "a position counts in the whole first period": (
        recurring("FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1", first=date(2026, 1, 7)), "2026-01-01", "2026-01-20",
        ["01-12 02:00+01 12 06:00+01", "01-19 02:00+01 19 06:00+01"],
    ),
    "every other week counts from the week of the first date": (
        recurring("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU", first=date(2026, 1, 3)), "2026-01-01", "2026-01-19",
        ["01-04 02:00+01 04 06:00+01", "01-12 02:00+01 12 06:00+01", "01-18 02:00+01 18 06:00+01"],
    ),
    "a count counts from the first date": (
        recurring("FREQ=DAILY;COUNT=3"), "2026-01-02", "2027-01-01",
        ["01-02 02:00+01 02 06:00+01", "01-03 02:00+01 03 06:00+01"],
    ),
    "an end that is a date includes the day": (
        recurring("FREQ=DAILY;UNTIL=20260102"), "2026-01-01", "2027-01-01",
        ["01-01 02:00+01 01 06:00+01", "01-02 02:00+01 02 06:00+01"],
    ),
    "an end that is a local time includes it": (
        recurring("FREQ=DAILY;UNTIL=20260102T020000"), "2026-01-01", "2027-01-01",
        ["01-01 02:00+01 01 06:00+01", "01-02 02:00+01 02 06:00+01"],
    ),
    "an end that is a moment includes it": (
        recurring("FREQ=DAILY;UNTIL=20260102T010000Z"), "2026-01-01", "2027-01-01",
        ["01-01 02:00+01 01 06:00+01", "01-02 02:00+01 02 06:00+01"],
    ),
    "an end that is a moment excludes what starts just after it": (
        recurring("FREQ=DAILY;UNTIL=20260102T005959Z"), "2026-01-01", "2027-01-01", ["01-01 02:00+01 01 06:00+01"],
    ),
    "of two ends the earlier one holds": (
        recurring("FREQ=DAILY;UNTIL=20260105", until=date(2026, 1, 1)), "2026-01-01", "2027-01-01",
        ["01-01 02:00+01 01 06:00+01"],
    ),
    "a first date that the rule does not name is no occurrence": (
        recurring("FREQ=WEEKLY;BYDAY=SA"), "2026-01-01", "2026-01-04", ["01-03 02:00+01 03 06:00+01"],
    ),
    "windows that touch are one": (
        recurring("FREQ=WEEKLY;BYDAY=SA,SU", "00:00", DAY), "2026-01-02", "2026-01-06", ["01-03 00:00+01 05 00:00+01"],
    ),
    "windows that overlap are one": (
        recurring("FREQ=DAILY;BYMONTH=2", "00:00", 30 * HOUR), "2026-01-02", "2026-06-01",
        ["02-01 00:00+01 01 06:00+01"],
    ),
    "a long day leaves a gap between windows of a day": (
        recurring("FREQ=DAILY;BYMONTH=10", "00:00", DAY), "2026-10-20", "2026-11-01",
        ["10-01 00:00+02 25 23:00+01", "10-26 00:00+01 01 00:00+01"],
    ),
    "an hourly window comes once in the hour that the clocks show twice": (
        recurring("FREQ=HOURLY;BYHOUR=1,2,3", duration=10 * MINUTE), "2026-10-25", "2026-10-26",
        ["10-25 01:00+02 25 01:10+02", "10-25 02:00+02 25 02:10+02", "10-25 03:00+01 25 03:10+01"],
    ),
    "an hourly window comes once for the hour that the clocks leave out": (
        recurring("FREQ=HOURLY;BYHOUR=1,2,3", duration=10 * MINUTE), "2026-03-29", "2026-03-30",
        ["03-29 01:00+01 29 01:10+01", "03-29 03:00+02 29 03:10+02"],
    ),
    "a first start that the clocks leave out can come after the second": (
        recurring("FREQ=HOURLY;BYMINUTE=0,30;COUNT=2", "02:30", 10 * MINUTE, first=date(2026, 3, 29)),
        "2026-03-28", "2027-01-01", ["03-29 03:00+02 29 03:10+02", "03-29 03:30+02 29 03:40+02"],
    ),
    "every fifth hour goes on over midnight": (
        recurring("FREQ=HOURLY;INTERVAL=5", "20:00", HOUR), "2026-01-01", "2026-01-02",
        ["01-01 20:00+01 01 21:00+01"],
    ),
    "a window that began earlier is whole": (
        recurring("FREQ=MONTHLY", duration=20 * DAY), "2026-02-15", "2026-02-16", ["02-01 02:00+01 21 02:00+01"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_recurring(name: str) -> None:
    schedule, since, until, expected = CASES[name]
    zone = ZoneInfo(schedule.time_zone)
    edges = [
        (datetime.fromisoformat(day).replace(tzinfo=zone) - EPOCH) // timedelta(milliseconds=1)
        for day in (since, until)
    ]
    assert local(schedule, schedule.occurs(edges[0], edges[1])) == expected


def test_a_window_has_its_start_and_not_its_end() -> None:
    nightly = recurring("FREQ=DAILY")
    start, end = ms("2026-06-01T02:00+02:00"), ms("2026-06-01T06:00+02:00")
    assert [nightly.window_at(now) for now in (start - 1, start, end - 1, end)] == [
        None,
        (start, end),
        (start, end),
        None,
    ]
    once = Once(start, end)
    assert [once.window_at(now) for now in (start - 1, start, end - 1, end)] == [None, (start, end), (start, end), None]


def test_edges_are_what_comes_after_now() -> None:
    weekly = recurring("FREQ=WEEKLY;BYDAY=SA", until=date(2026, 1, 10))
    first, second = ms("2026-01-03T02:00+01:00"), ms("2026-01-10T02:00+01:00")
    edges = [first, first + 4 * HOUR, second, second + 4 * HOUR]
    assert weekly.next_edge(0) == first
    assert [weekly.next_edge(edge - 1) for edge in edges] == edges
    assert [weekly.next_edge(edge) for edge in edges] == [*edges[1:], None]
    once = Once(10, 20)
    assert [once.next_edge(now) for now in (9, 10, 19, 20)] == [10, 20, 20, None]
    assert [Once(10, 10).next_edge(9), Once(10, 10).window_at(10)] == [None, None]


def test_a_recurring_schedule_is_pending_between_its_windows_and_expired_after_the_last() -> None:
    twice = recurring("FREQ=DAILY;COUNT=2")
    first = ms("2026-01-01T02:00+01:00")
    phases = [(first - 1, "pending"), (first, "active"), (first + 4 * HOUR, "pending"), (first + DAY, "active")]
    assert [phase(twice, now) for now, _ in phases] == [expected for _, expected in phases]
    assert [phase(twice, first + DAY + 4 * HOUR + shift) for shift in (-1, 0)] == [Phase.ACTIVE, Phase.EXPIRED]
    assert twice.last_window() == (first + DAY, first + DAY + 4 * HOUR)
    endless = recurring("FREQ=DAILY")
    assert (endless.last_window(), phase(endless, first + 5 * HOUR)) == (None, Phase.PENDING)
    assert [phase(Once(10, 20), now) for now in (9, 10, 19, 20)] == ["pending", "active", "active", "expired"]


HOLIDAYS = Calendar(RuleRef("calendar", "de", 1), "DE")


@pytest.mark.parametrize(
    ("on_holidays", "calendar", "expected"),
    [
        ("skip", HOLIDAYS, ["12-24", "12-27"]),
        ("only", HOLIDAYS, ["12-25", "12-26"]),
        ("skip", None, ["12-24", "12-25", "12-26", "12-27"]),
        ("only", None, []),
    ],
)
def test_holidays_are_skipped_or_the_only_days_and_a_missing_calendar_has_none(
    on_holidays: str, calendar: Calendar | None, expected: list[str]
) -> None:
    nightly = recurring("FREQ=DAILY", "22:00", HOUR, calendar="de", on_holidays=on_holidays)
    windows = nightly.occurs(ms("2026-12-24T00:00+01:00"), ms("2026-12-28T00:00+01:00"), calendar)
    assert [text[:5] for text in local(nightly, windows)] == expected


def test_the_day_of_a_window_is_that_of_its_local_start() -> None:
    eve = Calendar(RuleRef("calendar", "eve", 1), dates=frozenset({date(2026, 12, 31)}))
    nightly = recurring("FREQ=DAILY", "00:30", HOUR, time_zone="Asia/Kathmandu", calendar="eve", on_holidays="only")
    assert nightly.occurs(0, ms("2030-01-01T00:00Z"), eve) == [
        (ms("2026-12-31T00:30+05:45"), ms("2026-12-31T01:30+05:45"))
    ]


def test_a_holiday_is_counted_although_it_is_skipped() -> None:
    thrice = recurring("FREQ=DAILY;COUNT=3", first=date(2026, 12, 24), calendar="de", on_holidays="skip")
    assert local(thrice, thrice.occurs(0, ms("2030-01-01T00:00Z"), HOLIDAYS)) == ["12-24 02:00+01 24 06:00+01"]
    assert thrice.last_window(HOLIDAYS) == thrice.window_at(ms("2026-12-24T03:00+01:00"), HOLIDAYS)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a time that is none": ({"start": "24:00"}, "start '24:00' is no time of day"),
    "a time without zeros": ({"start": "2:00"}, "such as 02:00"),
    "no duration": ({"duration": 0}, "duration is not between 0 and 31 days"),
    "a duration below zero": ({"duration": -HOUR}, "duration is not between 0 and 31 days"),
    "a duration of more than a month": ({"duration": 31 * DAY + 1}, "or one window with starts_at"),
    "a zone that is none": ({"time_zone": "Mars/Base"}, "time_zone 'Mars/Base' is not known"),
    "a zone without a name": ({"time_zone": ""}, "such as Europe/Berlin"),
    "a zone outside the database": ({"time_zone": "../etc/passwd"}, "is not known"),
    "a folder of zones": ({"time_zone": "America"}, "is not known"),
    "the machine's own zone": ({"time_zone": "localtime"}, "is not known"),
    "a calendar that says nothing": ({"calendar": "de"}, "write both, on_holidays as skip or only"),
    "holidays of no calendar": ({"on_holidays": "only"}, "calendar and on_holidays belong together"),
    "an end before the beginning": ({"until": date(2025, 12, 31)}, "until 2025-12-31 is before from 2026-01-01"),
    "an end too far away": ({"until": date(2077, 1, 1)}, "until 2077-01-01 is more than 50 years after 2026-01-01"),
    "a written end too far away": ({"rrule": "FREQ=DAILY;UNTIL=99991231T000000Z"}, "until 9999-12-31 is more than 50"),
    "a beginning before all clocks": ({"first": date(1969, 12, 31)}, "from 1969-12-31 is out of range"),
    "a beginning after all clocks": ({"first": date(2200, 1, 1)}, "write a date from 1970 to 2199"),
    "starts without number": (
        {"rrule": "FREQ=DAILY;BYHOUR=1,2,3,4,5,6,7,8;BYMINUTE=0,4,8,12,16,20,24,28,32,36,40,44,48", "duration": 1},
        "rrule names more than 96 starts a day",
    ),
    "hours that touch": ({"rrule": "FREQ=HOURLY", "duration": HOUR}, "windows of one day touch each other"),
    "windows of one day that touch": (
        {"rrule": "FREQ=DAILY;BYHOUR=3,9,14", "duration": 5 * HOUR}, "write one window a day, with a longer duration",
    ),
    "minutes that touch over the hour": (
        {"rrule": "FREQ=HOURLY;BYMINUTE=10,50", "duration": 20 * MINUTE}, "windows of one day touch each other",
    ),
    "windows that never stop": (
        {"rrule": "FREQ=DAILY", "duration": DAY, "time_zone": "UTC"}, "windows follow each other without an end",
    ),
    "a rule that is none": ({"rrule": "every day"}, "is not NAME=VALUE"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_recurring_schedule_is_refused_for(name: str) -> None:
    fields, text = REFUSED[name]
    with pytest.raises(ScheduleError) as refused:
        recurring(**{"rrule": "FREQ=DAILY", **fields})
    assert text in str(refused.value)


def test_a_window_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ScheduleError, match="ends_at is before starts_at: write a later end"):
        Once(20, 10)


NOW = ms("2026-06-01T00:00Z")


@pytest.mark.parametrize(
    ("schedule", "never"),
    [
        (recurring("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), True),
        (recurring("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), True),
        (recurring("FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", duration=MINUTE), True),
        (recurring("FREQ=WEEKLY;BYYEARDAY=-1;BYMONTH=3"), True),
        (recurring("FREQ=DAILY;INTERVAL=7;BYDAY=MO"), True),  # from a Thursday
        (recurring("FREQ=HOURLY;INTERVAL=24;BYHOUR=5"), True),
        (recurring("FREQ=DAILY;UNTIL=20260531"), True),
        (recurring("FREQ=DAILY;UNTIL=20251231"), True),
        (recurring("FREQ=DAILY;UNTIL=20260601"), False),
        (recurring("FREQ=DAILY;UNTIL=20260531", duration=31 * HOUR), False),  # the last one is not over
        (recurring("FREQ=DAILY;INTERVAL=7;BYDAY=TH"), False),
        (recurring("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", first=date(2096, 3, 1)), False),  # eight years without one
        (recurring("FREQ=DAILY", calendar="c", on_holidays="only"), True),
        (Once(NOW - 2, NOW), True),
        (Once(NOW + 1, NOW + 1), True),
        (Once(NOW - 1, NOW + 1), False),
        (Once(NOW + 1, NOW + 2), False),
    ],
)
def test_a_schedule_that_has_no_window_left_is_known(schedule: Once | Recurring, never: bool) -> None:
    assert schedule.never_occurs(NOW) is never


def test_how_long_a_window_is_counts_what_touches_and_no_holidays() -> None:
    assert Once(10, 30).longest() == 20
    assert recurring("FREQ=WEEKLY;BYDAY=SA,SU", "00:00", DAY).longest() == 2 * DAY
    assert recurring("FREQ=WEEKLY;BYDAY=SA", calendar="c", on_holidays="only").longest() == 4 * HOUR
    assert recurring("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30").longest() == 0


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Collect the years that are looked into."""
    years: list[int] = []
    evaluate = Recurrence._evaluate

    def spy(self: Recurrence, frequency: Any, year: int, month: int, interval: int) -> Any:
        years.append(year)
        return evaluate(self, frequency, year, month, interval)

    monkeypatch.setattr(Recurrence, "_evaluate", spy)
    yield years


def test_a_rule_that_began_long_ago_is_not_gone_through_from_its_beginning(evaluated: list[int]) -> None:
    old = recurring("FREQ=DAILY;INTERVAL=3", first=date(1971, 3, 4))
    assert local(old, old.occurs(NOW, NOW + 4 * DAY)) == ["06-01 02:00+02 01 06:00+02", "06-04 02:00+02 04 06:00+02"]
    assert set(evaluated) == {2026}
    assert len(evaluated) < 10


def test_what_was_looked_at_is_remembered_as_time_goes_on(evaluated: list[int]) -> None:
    nightly = recurring("FREQ=DAILY", "03:21")
    active = [nightly.window_at(NOW + minutes * MINUTE) is not None for minutes in range(0, 60 * 24 * 20, 5)]
    assert 0.15 < sum(active) / len(active) < 0.18
    assert len(evaluated) < 10


@pytest.mark.parametrize("now", [-(1 << 62), -1, 0, 1 << 45, (1 << 63) - 1])
def test_a_time_that_no_clock_shows_is_outside_of_every_window(now: int) -> None:
    nightly = recurring("FREQ=DAILY")
    assert nightly.window_at(now) is None
    assert nightly.occurs(now, now + 1) == []
    assert nightly.next_edge(now) == (ms("2026-01-01T02:00+01:00") if now < NOW else None)
    assert phase(nightly, now) is Phase.PENDING
