"""What an edit of a silence comes to at hour 4: Alertmanager's rule, and what follows from it for recurring ones."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from pipeline.domain.matchers import matchers_of
from pipeline.domain.rule import RuleRef
from pipeline.domain.schedules import Once, Recurring
from pipeline.domain.silence_edits import Edit, Outcome, edit
from pipeline.domain.silences import Silence, expire

HOUR = 3_600_000
NOW = 4 * HOUR
CREATED, UPDATED, REPLACED, REFUSED = Outcome.CREATED, Outcome.UPDATED, Outcome.REPLACED, Outcome.REFUSED
CART = 'service="cart"'


def silence(starts_at: float, ends_at: float, matchers: str = CART, **fields: Any) -> Silence:
    schedule = Once(round(starts_at * HOUR), round(ends_at * HOUR))
    return Silence(RuleRef("silence", "s1", 1), matchers_of(matchers, None), schedule, **fields)


def nightly(
    rrule: str = "FREQ=DAILY", start: str = "02:00", hours: int = 4, first: date = date(1970, 1, 1), **fields: Any
) -> Silence:
    schedule = Recurring(rrule, start, hours * HOUR, "UTC", first)
    return Silence(RuleRef("silence", "s1", 1), matchers_of(CART, None), schedule, **fields)


SECOND = 1 / 3600
TOMORROW = date(1970, 1, 2)

# The old silence, the new one, and what the edit comes to.
CASES: dict[str, tuple[Silence | None, Silence, Outcome]] = {
    "a new one is created": (None, silence(5, 6), CREATED),
    "an active one may end later": (silence(2, 6), silence(2, 9), UPDATED),
    "an active one may end earlier": (silence(2, 6), silence(2, 5), UPDATED),
    "an active one may end now": (silence(2, 6), silence(2, 4), UPDATED),
    "an active one began when it began": (silence(2, 6), silence(3, 6), REPLACED),
    "the start of an active one is compared to the second": (silence(2, 6), silence(2 + SECOND / 2, 6), UPDATED),
    "a second is another start": (silence(2, 6), silence(2 + SECOND, 6), REPLACED),
    "a pending one may start at another time": (silence(5, 6), silence(8, 9), UPDATED),
    "a pending one may start now": (silence(5, 6), silence(4, 6), UPDATED),
    "a pending one cannot have begun": (silence(5, 6), silence(3.9, 6), REPLACED),
    "a pending one may not change its matchers": (silence(5, 6), silence(5, 6, 'service="x"'), REPLACED),
    "an active one may not change its matchers": (silence(2, 6), silence(2, 6, 'service="x"'), REPLACED),
    "an expired one is never edited": (silence(1, 3), silence(1, 6), CREATED),
    "what is no matter of time may change": (silence(2, 6), silence(2, 6, remind_before=HOUR), UPDATED),
    "an end in the past is refused": (silence(2, 6), silence(2, 3.9), REFUSED),
    "a new one with an end in the past is refused": (None, silence(1, 3), REFUSED),
    "a new one that ends now is refused": (None, silence(1, 4), REFUSED),
    "one that would be replaced by one that ends now is refused": (silence(3, 6), silence(1, 4), REFUSED),
    "one without any time is refused": (None, silence(5, 5), REFUSED),
    "a recurring one may end earlier while it is active": (nightly(), nightly(hours=3), UPDATED),
    "a recurring one may stop recurring": (nightly(), nightly("FREQ=DAILY;COUNT=3"), UPDATED),
    "a recurring one began when it began": (nightly(), nightly(start="03:00"), REPLACED),
    "a recurring one that has never been active may change in any way": (
        nightly(first=TOMORROW), nightly("FREQ=WEEKLY", "07:00", 9, TOMORROW), UPDATED,
    ),
    "a recurring one keeps what its earlier windows were": (
        nightly("FREQ=HOURLY;INTERVAL=3", "00:30", 1), nightly("FREQ=HOURLY;INTERVAL=3", "03:30", 1), REPLACED,
    ),
    "a recurring one that has not begun may come once instead": (nightly(first=TOMORROW), silence(5, 6), UPDATED),
    "one that is active may begin to recur": (silence(2, 6), nightly(), UPDATED),
    "a recurring one that is over is refused": (None, nightly("FREQ=DAILY;COUNT=1", "00:00", 2), REFUSED),
    "a recurring one that never comes is the linter's to tell": (
        None, nightly("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), CREATED,
    ),
    "a recurring one that could only have come in the past is refused": (
        None, nightly("FREQ=DAILY;UNTIL=19691231"), REFUSED,
    ),
    "one that recurs no more is never edited": (nightly("FREQ=DAILY;COUNT=1", "00:00", 2), nightly(), CREATED),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_an_edit(name: str) -> None:
    old, new, outcome = CASES[name]
    made = edit(old, new, NOW)
    assert made.outcome is outcome
    assert bool(made.reason) is (outcome is REFUSED)
    assert (made.silence is None) is (outcome is REFUSED)
    assert made.ended == (expire(old, NOW) if old is not None and outcome is REPLACED else None)


def test_what_is_created_begins_now_at_the_earliest() -> None:
    assert edit(None, silence(2, 6), NOW) == Edit(CREATED, silence(4, 6))
    assert edit(silence(3, 6), silence(2, 6), NOW) == Edit(REPLACED, silence(4, 6), ended=silence(3, 4))
    assert edit(silence(5, 6), silence(2, 6), NOW) == Edit(REPLACED, silence(4, 6), ended=silence(4, 4))
    assert edit(None, nightly(), NOW) == Edit(CREATED, nightly())


def test_what_is_updated_is_as_it_was_written() -> None:
    written = silence(2, 9, expire_on_resolve=True)
    assert edit(silence(2, 6), written, NOW) == Edit(UPDATED, written)


def test_a_silence_that_ended_before_its_time_is_never_edited() -> None:
    assert edit(silence(2, 6), silence(2, 9), NOW, ended_at=3 * HOUR) == Edit(CREATED, silence(4, 9))
    assert edit(nightly(), nightly("FREQ=DAILY;COUNT=3"), NOW, ended_at=3 * HOUR).outcome is UPDATED


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        (silence(1, 3), "end time can't be in the past: write a later one"),
        (silence(5, 5), "start time must be before end time: write a later ends_at"),
    ],
)
def test_a_refusal_says_why(new: Silence, reason: str) -> None:
    assert edit(None, new, NOW) == Edit(REFUSED, reason=reason)
