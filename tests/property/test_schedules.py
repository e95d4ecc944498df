"""Recurring windows against other ways to the same: recurring-ical-events, dateutil alone, and a plain search."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import pytest
import recurring_ical_events
from dateutil.rrule import rrulestr
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pipeline.domain.occurrences import Occurrences
from pipeline.domain.recurrences import Recurrence
from pipeline.domain.recurring_starts import Starts
from pipeline.domain.schedules import Recurring
from pipeline.domain.timestamps import EPOCH, to_datetime

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour
    "Asia/Kathmandu",  # 5:45, and no changes
    "Africa/Casablanca",  # changes with Ramadan, and back in the middle of a year
    "Pacific/Apia",  # left out a day in 2011
    "America/Sao_Paulo",  # changed at midnight, until 2019
    "UTC",
)
DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def some(values: tuple[Any, ...], most: int = 3) -> st.SearchStrategy[str]:
    lists = st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True)
    return lists.map(lambda chosen: ",".join(map(str, chosen)))


# Each of them names a day in every eight years: dateutil looks for one until the year 9999.
@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY"]))
    parts = [f"FREQ={frequency}"]
    parts += (
        draw(st.sampled_from([[], [], ["INTERVAL=2"], ["INTERVAL=3"], ["INTERVAL=5"]])) if frequency != "YEARLY" else []
    )
    days: list[str] = []
    if frequency == "YEARLY":
        months = st.tuples(some(tuple(range(1, 13))), some((1, 15, 28, 29, -1, -2))).map(
            lambda chosen: [f"BYMONTH={chosen[0]}", f"BYMONTHDAY={chosen[1]}"]
        )
        counted = some(("1MO", "-1SU", "20TU", "2WE", "-3FR")).map(lambda chosen: [f"BYDAY={chosen}"])
        leap = st.just(["BYMONTH=2", "BYMONTHDAY=29"])
        of_months = st.just(["BYMONTH=3,11", "BYDAY=1SU,-1SU"])
        weeks = st.tuples(some((1, 2, 20, 52, -1)), st.sampled_from(DAYS)).map(
            lambda chosen: [f"BYWEEKNO={chosen[0]}", "BYDAY=TH", f"WKST={chosen[1]}"]
        )
        year_days = some((1, 60, 61, 366, -1)).map(lambda chosen: [f"BYYEARDAY={chosen}"])
        days = draw(st.one_of(months, counted, of_months, leap, weeks, year_days))
    elif frequency == "MONTHLY":
        numbers = some((1, 13, 29, 30, 31, -1, -31)).map(lambda chosen: [f"BYMONTHDAY={chosen}"])
        counted = some(("1MO", "-1SU", "2WE", "-2FR", "5SA")).map(lambda chosen: [f"BYDAY={chosen}"])
        positions = st.tuples(some(DAYS), st.sampled_from(["1", "-1", "2,-1"])).map(
            lambda chosen: [f"BYDAY={chosen[0]}", f"BYSETPOS={chosen[1]}"]
        )
        days = draw(st.one_of(numbers, counted, positions))
    elif frequency == "WEEKLY":
        days = draw(st.one_of(st.just([]), some(DAYS).map(lambda chosen: [f"BYDAY={chosen}"])))
        parts += draw(st.sampled_from([[], ["WKST=SU"], ["WKST=TH"]]))
    else:
        days = draw(st.one_of(st.just([]), some((2, 3, 10, 11, 12)).map(lambda chosen: [f"BYMONTH={chosen}"])))
    return ";".join([*parts, *days])


# A change of clocks in spring or autumn, a leap day, or any day.
BEGINNINGS = st.one_of(
    st.sampled_from(
        [
            date(2023, 12, 31),
            date(2024, 2, 29),
            date(2024, 3, 9),
            date(2027, 10, 30),
            date(2028, 2, 1),
            date(2011, 12, 1),
        ]
    ),
    st.dates(date(2010, 1, 1), date(2030, 1, 1)),
)
TIMES = st.one_of(
    st.sampled_from([time(0, 0), time(1, 30), time(2, 0), time(2, 15), time(2, 30), time(3, 0), time(23, 59)]),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)


def first_named(rule: str, first: date, at: time) -> date:
    """Return the first date that the rule names: other libraries take DTSTART for an occurrence in any case."""
    for _ in range(3):  # a date that is moved can change what the rule means, by INTERVAL
        named = next(iter(rrulestr(rule, dtstart=datetime.combine(first, at))))
        assume(named.year < 2100)
        if named.date() == first:
            return first
        first = named.date()
    assume(False)
    return first


def ical_starts(rule: str, zone: str, begin: datetime, since: datetime, until: datetime) -> list[int]:
    """Return the starts by recurring-ical-events, in milliseconds.

    It takes a time that the clocks leave out for the moment that PEP 495 gives it, as we do, and shows twice likewise.
    Its durations are clock time, where ours pass: they are not compared.
    """
    event = icalendar.Event()
    event.add("uid", "1")
    event.add("dtstart", begin.replace(tzinfo=ZoneInfo(zone)))
    event.add("duration", timedelta(minutes=1))
    event.add("rrule", icalendar.vRecur.from_ical(rule))
    calendar = icalendar.Calendar()
    calendar.add_component(event)
    found = recurring_ical_events.of(calendar).between(since.astimezone(UTC), until.astimezone(UTC))
    starts = {(component["DTSTART"].dt - EPOCH) // timedelta(milliseconds=1) for component in found}
    return sorted(start for start in starts if since <= to_datetime(start) < until)


@given(
    rules(),
    st.sampled_from(ZONES),
    BEGINNINGS,
    TIMES,
    st.integers(0, 4),
    st.sampled_from(["", "", ";COUNT=7", ";COUNT=40"]),
)
@example("FREQ=DAILY", "Europe/Berlin", date(2024, 1, 1), time(2, 30), 0, "")
@example("FREQ=DAILY", "Europe/Berlin", date(2024, 1, 1), time(2, 30), 4, "")
@example("FREQ=DAILY", "America/New_York", date(2024, 1, 1), time(1, 30), 0, "")
@example("FREQ=DAILY", "Australia/Lord_Howe", date(2024, 1, 1), time(2, 15), 0, "")
@example("FREQ=DAILY", "Africa/Casablanca", date(2024, 1, 1), time(2, 30), 0, "")
@example("FREQ=DAILY", "America/Sao_Paulo", date(2017, 1, 1), time(0, 0), 0, "")
@example("FREQ=DAILY", "Pacific/Apia", date(2011, 6, 1), time(10, 0), 0, "")
@example("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", "Pacific/Apia", date(2024, 2, 29), time(0, 0), 4, "")
@settings(max_examples=120)
def test_starts_are_those_of_another_library(
    rule: str, zone: str, first: date, at: time, years: int, count: str
) -> None:
    first = first_named(rule, first, at)
    begin = datetime.combine(first, at)
    since = (begin + timedelta(days=365 * years - 1)).replace(tzinfo=UTC)
    until = since + timedelta(days=400)
    schedule = Recurring(rule + count, f"{at:%H:%M}", MINUTE, zone, first)
    low, high = ((edge - EPOCH) // timedelta(milliseconds=1) for edge in (since, until))
    ours = [start for start, _ in schedule.occurs(low, high) if low <= start]
    assert ours == ical_starts(rule + count, zone, begin, since, until)


@given(
    rules(), BEGINNINGS, TIMES, st.integers(0, 2000), st.integers(1, 700),
    st.sampled_from(["", ";BYHOUR=1,23", ";BYHOUR=0;BYMINUTE=0,30", ";BYHOUR=4,9;BYMINUTE=7;WKST=WE"]),
)  # fmt: skip
@example("FREQ=YEARLY;BYWEEKNO=20;BYDAY=TH;WKST=FR", date(2026, 1, 1), time(2, 0), 0, 400, "")
def test_local_starts_are_those_of_dateutil_wherever_the_search_begins(
    rule: str, first: date, at: time, skipped: int, days: int, clock: str
) -> None:
    assume(not ("WKST" in clock and "WKST" in rule))
    begin = datetime.combine(first, at)
    since = begin + timedelta(days=skipped, hours=-3)
    until = since + timedelta(days=days)
    plain = takewhile(lambda start: start < until, rrulestr(rule + clock, dtstart=begin))
    assert list(Recurrence(rule + clock, begin).starts(since, until)) == [start for start in plain if start >= since]


POSITIONS = st.sampled_from(
    [
        "FREQ=YEARLY;BYDAY=MO,FR",
        "FREQ=YEARLY;BYMONTH=1,12;BYDAY=TU",
        "FREQ=MONTHLY;INTERVAL=3;BYDAY=MO,TU,WE,TH,FR",
        "FREQ=WEEKLY;BYDAY=MO,WE,SA",
        "FREQ=WEEKLY;INTERVAL=2;WKST=SU;BYDAY=SU,TH,SA",
        "FREQ=DAILY;BYHOUR=3,8",
    ]
)


@given(
    POSITIONS,
    st.sampled_from(["1", "-1", "2", "1,-1", "-2,2", "1,-4", "9"]),
    BEGINNINGS,
    TIMES,
    st.integers(7, 900),
    st.integers(1, 700),
)
@example("FREQ=WEEKLY;BYDAY=MO,WE,SA", "2", date(2026, 1, 5), time(2, 0), 87, 10)  # from Thursday the 2nd
@example("FREQ=WEEKLY;BYDAY=MO,WE,SA", "-1", date(2026, 1, 5), time(2, 0), 75, 10)  # to Tuesday the 31st
def test_positions_count_in_whole_periods_wherever_the_search_begins(
    rule: str, positions: str, first: date, at: time, skipped: int, days: int
) -> None:
    # Not in the first week: dateutil counts from its first start there, and not from its first day.
    assume(positions != "9" or "FREQ=YEARLY" in rule)
    text = f"{rule};BYSETPOS={positions}"
    begin = datetime.combine(first, at)
    since = begin + timedelta(days=skipped)
    until = since + timedelta(days=days)
    plain = takewhile(lambda start: start < until, rrulestr(text, dtstart=begin))
    assert list(Recurrence(text, begin).starts(since, until)) == [start for start in plain if start >= since]


HOURLY = st.tuples(
    st.sampled_from([1, 2, 3, 5, 7, 11, 25]), st.sampled_from(["", ";BYMINUTE=5,35", ";BYMONTH=1,10", ";BYDAY=SA,TU"])
)


@settings(max_examples=60)
@given(HOURLY, BEGINNINGS, TIMES, st.integers(0, 900), st.integers(1, 150))
def test_hourly_starts_are_those_of_dateutil(
    hourly: tuple[int, str], first: date, at: time, skipped: int, days: int
) -> None:
    rule = f"FREQ=HOURLY;INTERVAL={hourly[0]}{hourly[1]}"
    begin = datetime.combine(first, at)
    since = begin + timedelta(days=skipped)
    until = since + timedelta(days=days)
    plain = takewhile(lambda start: start < until, rrulestr(rule, dtstart=begin))
    assert list(Recurrence(rule, begin).starts(since, until)) == [start for start in plain if start >= since]


def plain_windows(schedule: Recurring, until: int) -> list[tuple[int, int]]:
    """Return all windows up to `until`, from the first one on."""
    zone = ZoneInfo(schedule.time_zone)
    begin = datetime.combine(schedule.first, time.fromisoformat(schedule.start))
    starts: set[int] = set()
    for start in rrulestr(schedule.rrule, dtstart=begin):
        moment = (start.replace(tzinfo=zone) - EPOCH) // timedelta(milliseconds=1)
        if moment > until + 2 * DAY:
            break
        starts.add(moment)
    windows: list[tuple[int, int]] = []
    for moment in sorted(starts):
        if windows and moment <= windows[-1][1]:
            windows[-1] = windows[-1][0], moment + schedule.duration
        else:
            windows.append((moment, moment + schedule.duration))
    return windows


DURATIONS = st.sampled_from(
    [MINUTE, 90 * MINUTE, 8 * 60 * MINUTE, 23 * 60 * MINUTE, DAY, DAY + MINUTE, 3 * DAY, 20 * DAY]
)


@settings(max_examples=100)
@given(
    rules(), st.sampled_from(ZONES), BEGINNINGS, TIMES, DURATIONS, st.lists(st.integers(0, 900 * 24 * 60), max_size=20)
)
def test_windows_and_edges_are_those_of_a_plain_search_in_any_order_of_asking(
    rule: str, zone: str, first: date, at: time, duration: int, minutes: list[int]
) -> None:
    # Windows that touch for years on end are refused, or told in pieces.
    assume(duration < 23 * 60 * MINUTE or not rule.startswith(("FREQ=DAILY", "FREQ=WEEKLY")) or "INTERVAL=5" in rule)
    assume(duration < 20 * DAY or rule.startswith("FREQ=YEARLY"))
    schedule = Recurring(rule, f"{at:%H:%M}", duration, zone, first)
    begin = (datetime.combine(first, at, UTC) - EPOCH) // timedelta(milliseconds=1) - DAY
    windows = plain_windows(schedule, begin + 1300 * DAY)
    edges = [edge for window in windows for edge in window]
    asked = [begin + minute * MINUTE for minute in minutes]
    asked += [edge + shift for edge in edges[:4] + edges[-40:-36] for shift in (-1, 0, 1)]
    for now in asked:
        assert schedule.window_at(now) == next((w for w in windows if w[0] <= now < w[1]), None)
        following = next((edge for edge in edges if edge > now), None)
        if following is not None and following < begin + 1300 * DAY:
            assert schedule.next_edge(now) == following
    low, high = begin + 100 * DAY, begin + 500 * DAY
    assert schedule.occurs(low, high) == [window for window in windows if window[1] > low and window[0] < high]


# In 2037: within ten years of 2027, all of it, and not of 2026.
FAR_AWAY = "FREQ=YEARLY;INTERVAL=13;BYMONTH=3;BYMONTHDAY=1"


@given(
    st.sampled_from(["FREQ=DAILY;BYMONTH=1,2,7", "FREQ=WEEKLY;INTERVAL=2", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
                     "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", "FREQ=DAILY;INTERVAL=2;COUNT=90", FAR_AWAY,
                     "FREQ=DAILY", "FREQ=MONTHLY;BYMONTHDAY=1,31"]),
    st.lists(st.integers(-400 * DAY, 6000 * DAY), min_size=1, max_size=12),
)  # fmt: skip
@example(FAR_AWAY, [1041 * DAY, 1188 * DAY])  # in January and in June of 2027
@example(FAR_AWAY, [900 * DAY, 1188 * DAY])
def test_an_answer_does_not_depend_on_what_was_asked_before(rule: str, moments: list[int]) -> None:
    def fresh() -> Occurrences:
        begin = datetime(2024, 2, 29, 2, 30)  # noqa: DTZ001  # local
        return Occurrences(Starts(Recurrence(rule, begin), ZoneInfo("Europe/Berlin"), None, None), DAY)

    begin = (datetime(2024, 2, 29, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
    used = fresh()
    for moment in moments:
        now = begin + moment
        assert used.window_at(now) == fresh().window_at(now)
        assert used.next_edge(now) == fresh().next_edge(now)
        assert used.is_over(now) == fresh().is_over(now)


@pytest.mark.parametrize("zone", ZONES)
def test_an_edge_is_where_being_active_changes(zone: str) -> None:
    schedule = Recurring("FREQ=DAILY", "02:30", 90 * MINUTE, zone, date(2023, 1, 1))
    now = (datetime(2024, 1, 1, tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
    end = now + 2000 * DAY
    changes = 0
    while (edge := schedule.next_edge(now) or end) < end:
        assert (schedule.window_at(edge - 1) is None) is (schedule.window_at(edge) is not None)
        now, changes = edge, changes + 1
    assert changes == 4000
