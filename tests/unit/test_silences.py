"""Silences on a time-line in hours: what they are at a time, and what ends them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from pipeline.domain.calendars import Calendar
from pipeline.domain.matchers import matchers_of
from pipeline.domain.rule import RuleRef
from pipeline.domain.schedules import Once, Recurring
from pipeline.domain.silences import (
    Silence,
    SilenceError,
    SilenceState,
    check_length,
    ends_on_resolve,
    expire,
    next_edge,
    reminder_at,
    state,
    window_at,
)

HOUR = 3_600_000
DAY = 24 * HOUR
REF = RuleRef("silence", "db-upgrade", 3, "ada")
CART = matchers_of('service="cart"', None)


def silence(starts_at: float, ends_at: float, **fields: Any) -> Silence:
    return Silence(REF, CART, Once(round(starts_at * HOUR), round(ends_at * HOUR)), **fields)


def nightly(rrule: str = "FREQ=DAILY;COUNT=2", **fields: Any) -> Silence:
    """Silence from 2 to 6 on the first days of 1970, in UTC."""
    days = {name: fields.pop(name) for name in ("calendar", "on_holidays") if name in fields}
    return Silence(REF, CART, Recurring(rrule, "02:00", 4 * HOUR, "UTC", date(1970, 1, 1), **days), **fields)


def states(subject: Silence, *hours: float, ended_at: float | None = None) -> list[str]:
    ended = None if ended_at is None else round(ended_at * HOUR)
    return [state(subject, round(hour * HOUR), ended_at=ended).value for hour in hours]


def test_a_silence_is_pending_before_its_start_and_expired_from_its_end_on() -> None:
    assert states(silence(2, 6), 1.9, 2, 5.9, 6, 9) == ["pending", "active", "active", "expired", "expired"]


def test_a_recurring_silence_is_pending_until_its_next_window_and_expired_after_its_last() -> None:
    assert states(nightly(), 0, 2, 5.9, 6, 26, 29.9, 30) == [
        "pending", "active", "active", "pending", "active", "active", "expired",
    ]  # fmt: skip
    assert states(nightly("FREQ=DAILY"), 6, 26, 30, 24 * 365) == ["pending", "active", "pending", "pending"]


def test_a_silence_that_ended_before_its_time_is_expired() -> None:
    assert states(silence(2, 6), 2, 2.9, 3, 5, 7, ended_at=3) == ["active", "active", "expired", "expired", "expired"]
    assert window_at(silence(2, 6), 4 * HOUR, ended_at=3 * HOUR) is None
    assert next_edge(silence(2, 6), 4 * HOUR, ended_at=3 * HOUR) is None


def test_a_recurring_silence_that_ended_before_its_time_comes_back() -> None:
    assert states(nightly(), 2.5, 3, 5.9, 26, 30, ended_at=3) == ["active", "pending", "pending", "active", "expired"]
    assert next_edge(nightly(), 3 * HOUR, ended_at=3 * HOUR) == 26 * HOUR
    assert next_edge(nightly(), 26 * HOUR, ended_at=3 * HOUR) == 30 * HOUR
    assert window_at(nightly(), 26 * HOUR, ended_at=3 * HOUR) == (26 * HOUR, 30 * HOUR)
    assert states(nightly(), 26.5, 27, 30, ended_at=27) == ["active", "expired", "expired"]


def test_an_end_of_an_earlier_window_means_nothing_to_a_later_one() -> None:
    assert states(silence(2, 6), 3, ended_at=1) == ["active"]


@pytest.mark.parametrize(
    ("expire_on_resolve", "hour", "still_open", "ended_at", "ends"),
    [
        (True, 3, 0, None, True),
        (True, 3, 1, None, False),
        (False, 3, 0, None, False),
        (True, 1, 0, None, False),  # it has not begun
        (True, 6, 0, None, False),  # it has ended
        (True, 4, 0, 3, False),  # it has ended before
        (True, 2, 0, 1, True),
    ],
)
def test_a_silence_ends_with_the_last_alert_it_hides_if_it_is_to(
    expire_on_resolve: bool, hour: int, still_open: int, ended_at: int | None, ends: bool
) -> None:
    subject = silence(2, 6, expire_on_resolve=expire_on_resolve)
    ended = None if ended_at is None else ended_at * HOUR
    assert ends_on_resolve(subject, hour * HOUR, still_open, ended_at=ended) is ends


def test_a_recurring_silence_ends_anew_in_each_window() -> None:
    subject = nightly(expire_on_resolve=True)
    assert ends_on_resolve(subject, 27 * HOUR, 0, ended_at=3 * HOUR)


@pytest.mark.parametrize(
    ("subject", "hour", "ended_at", "due"),
    [
        (silence(2, 6, remind_before=HOUR), 0, None, 5),
        (silence(2, 6, remind_before=HOUR), 5.5, None, 5),  # it is due already
        (silence(2, 6, remind_before=HOUR), 6, None, None),
        (silence(2, 6, remind_before=9 * HOUR), 0, None, 2),
        (silence(2, 6, remind_before=HOUR), 4, 3, None),
        (silence(2, 6), 0, None, None),
        (nightly(remind_before=HOUR), 0, None, 29),
        (nightly(remind_before=9 * HOUR), 3, None, 26),
        (nightly(remind_before=HOUR), 4, 3, 29),
        (nightly(remind_before=HOUR), 28, 27, None),
        (nightly(remind_before=HOUR), 30, None, None),
        (nightly("FREQ=DAILY", remind_before=HOUR), 0, None, None),  # it never expires
        (nightly("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;UNTIL=19800101", remind_before=HOUR), 0, None, None),
    ],
)
def test_a_reminder_is_due_ahead_of_the_last_end_and_not_before_that_window(
    subject: Silence, hour: float, ended_at: int | None, due: int | None
) -> None:
    ended = None if ended_at is None else ended_at * HOUR
    found = reminder_at(subject, round(hour * HOUR), ended_at=ended)
    assert found == (None if due is None else due * HOUR)


def test_holidays_decide_when_a_recurring_silence_ends() -> None:
    second = Calendar(RuleRef("calendar", "c", 1), dates=frozenset({date(1970, 1, 2)}))
    subject = nightly(remind_before=HOUR, calendar="c", on_holidays="skip")
    assert state(subject, 6 * HOUR, second) is SilenceState.EXPIRED
    assert reminder_at(subject, 0, second) == 5 * HOUR
    assert next_edge(subject, 6 * HOUR, second) is None
    assert window_at(subject, 26 * HOUR, second) is None


EXPIRED_AT_4: dict[str, tuple[Silence, Once]] = {
    "one that is active ends now": (silence(2, 6), Once(2 * HOUR, 4 * HOUR)),
    "one that is pending never begins": (silence(5, 6), Once(4 * HOUR, 4 * HOUR)),
    "one that recurs and is active ends now for good": (nightly("FREQ=DAILY"), Once(2 * HOUR, 4 * HOUR)),
    "one that recurs and is pending does not come back": (
        nightly("FREQ=DAILY;UNTIL=19700105;BYMONTHDAY=4"), Once(4 * HOUR, 4 * HOUR),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPIRED_AT_4)
def test_expired_by_hand(name: str) -> None:
    before, schedule = EXPIRED_AT_4[name]
    after = expire(before, 4 * HOUR)
    assert (after.schedule, after.ref, after.matchers) == (schedule, REF, CART)
    assert state(after, 4 * HOUR) is SilenceState.EXPIRED


def test_what_has_expired_is_left_as_it_is() -> None:
    for subject in (silence(1, 4), nightly("FREQ=DAILY;COUNT=1")):
        assert expire(subject, 6 * HOUR) is subject
    assert expire(silence(2, 6), 4 * HOUR, ended_at=3 * HOUR) == silence(2, 6)


def test_one_that_recurs_and_ended_before_its_time_does_not_come_back_either() -> None:
    assert expire(nightly(), 4 * HOUR, ended_at=3 * HOUR).schedule == Once(4 * HOUR, 4 * HOUR)


def test_a_silence_may_be_as_long_as_the_tenant_allows() -> None:
    check_length(silence(2, 6), 4 * HOUR)
    with pytest.raises(SilenceError, match=r"lasts 4:00:00, longer than the 3:59:59\.999000 .*: write an earlier end"):
        check_length(silence(2, 6), 4 * HOUR - 1)


def test_each_window_of_a_recurring_silence_is_bounded_and_their_number_is_not() -> None:
    check_length(nightly("FREQ=DAILY"), 4 * HOUR)
    with pytest.raises(SilenceError):
        check_length(nightly("FREQ=DAILY"), 4 * HOUR - 1)


def test_windows_that_follow_each_other_are_as_long_as_all_of_them() -> None:
    weekend = Recurring("FREQ=WEEKLY;BYDAY=SA,SU", "00:00", DAY, "UTC", date(2026, 1, 1))
    check_length(Silence(REF, CART, weekend), 2 * DAY)
    with pytest.raises(SilenceError, match="lasts 2 days, 0:00:00"):
        check_length(Silence(REF, CART, weekend), 2 * DAY - 1)
