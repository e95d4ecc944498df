"""Silences: who is not to be told of what, from when to when.

States, edits and expiry are Alertmanager's (silence/silence.go and api/v2), here also for silences that recur.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from pipeline.domain.matchers import Matchers
from pipeline.domain.rule import RuleRef
from pipeline.domain.schedules import Once, Phase, Recurring

if TYPE_CHECKING:
    from pipeline.domain.calendars import Calendar
    from pipeline.domain.occurrences import Window

SilenceState = Phase


class SilenceError(ValueError):
    """A silence that may not be; the text says what to write instead."""


class Silence(msgspec.Struct, frozen=True):
    """Alerts that match are suppressed while the schedule is in force."""

    ref: RuleRef
    matchers: Matchers
    schedule: Once | Recurring
    expire_on_resolve: bool = False  # it ends with the last alert that it hides
    remind_before: int | None = None  # ms


def window_at(
    silence: Silence, now: int, calendar: Calendar | None = None, ended_at: int | None = None
) -> Window | None:
    """Return the window in which the silence hides alerts at `now`; `ended_at` is when it last ended before its time.

    Ending ends the window it falls in, and no other: a silence that recurs comes back.
    """
    window = silence.schedule.window_at(now, calendar)
    return None if window is None or _is_cut(window, now, ended_at) else window


def state(silence: Silence, now: int, calendar: Calendar | None = None, ended_at: int | None = None) -> SilenceState:
    """Return whether the silence is pending, active or expired; between two windows it is pending."""
    window = silence.schedule.window_at(now, calendar)
    if window is None:
        over = silence.schedule.is_over(now, calendar)
    elif _is_cut(window, now, ended_at):
        over = silence.schedule.is_over(window[1], calendar)
    else:
        return SilenceState.ACTIVE
    return SilenceState.EXPIRED if over else SilenceState.PENDING


def next_edge(silence: Silence, now: int, calendar: Calendar | None = None, ended_at: int | None = None) -> int | None:
    """Return the first time after `now` at which the silence becomes active or ends; None for never."""
    window = silence.schedule.window_at(now, calendar)
    if window is not None and _is_cut(window, now, ended_at):
        now = window[1]
    return silence.schedule.next_edge(now, calendar)


def ends_on_resolve(
    silence: Silence, now: int, still_open: int, calendar: Calendar | None = None, ended_at: int | None = None
) -> bool:
    """Say whether the silence ends at `now`, when a matching alert resolved and `still_open` others are left.

    Where it does, the caller keeps `now` as its `ended_at`.
    """
    return silence.expire_on_resolve and not still_open and window_at(silence, now, calendar, ended_at) is not None


def reminder_at(
    silence: Silence, now: int, calendar: Calendar | None = None, ended_at: int | None = None
) -> int | None:
    """Return when to tell that the silence is about to expire: `remind_before` ahead of the end of its last window.

    Never before that window begins; it may lie in the past. None where nothing is to be told.
    """
    if silence.remind_before is None or state(silence, now, calendar, ended_at) is SilenceState.EXPIRED:
        return None
    last = silence.schedule.last_window(calendar)
    return None if last is None else max(last[0], last[1] - silence.remind_before)


def expire(silence: Silence, now: int, calendar: Calendar | None = None, ended_at: int | None = None) -> Silence:
    """Return the silence as it is when somebody ends it at `now`; one that has expired stays the same object.

    One that recurs becomes the window that is cut short, or none at all: it does not come back.
    """
    if state(silence, now, calendar, ended_at) is SilenceState.EXPIRED:
        return silence
    window = window_at(silence, now, calendar, ended_at)
    return msgspec.structs.replace(silence, schedule=Once(now if window is None else window[0], now))


def check_length(silence: Silence, longest: int) -> None:
    """Raise SilenceError where a window of the silence, of any that recur, is longer than `longest` milliseconds."""
    length = silence.schedule.longest()
    if length > longest:
        raise SilenceError(
            f"the silence lasts {_text(length)}, longer than the {_text(longest)} that this tenant's may: "
            "write an earlier end, or raise max_silence"
        )


def _is_cut(window: Window, now: int, ended_at: int | None) -> bool:
    return ended_at is not None and window[0] <= ended_at <= now


def _text(ms: int) -> str:
    return str(timedelta(milliseconds=ms))
