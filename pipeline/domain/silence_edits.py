"""Edits of silences: what becomes of a silence when somebody writes it anew, by Alertmanager's rule.

An edit keeps the id only where the past stays as it was: the same matchers, and the same times at which the silence
was active. Otherwise the old silence ends, for its history, and a new one begins under an id of its own.
Source: prometheus/alertmanager, `canUpdate` and `Set` in silence/silence.go, `postSilencesHandler` in api/v2/api.go.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from pipeline.domain.schedules import Once
from pipeline.domain.silences import Silence, SilenceState, expire, state

if TYPE_CHECKING:
    from pipeline.domain.calendars import Calendar

_PAST = "end time can't be in the past: write a later one"
_REMEMBERED = 400 * 86_400_000  # how far back the windows of a recurring silence are compared


class Outcome(StrEnum):
    """What an edit comes to."""

    CREATED = "created"  # there is nothing to replace: it needs an id of its own
    UPDATED = "updated"  # it takes the place of the old one, under the old id
    REPLACED = "replaced"  # the old one ends, and it needs an id of its own
    REFUSED = "refused"


class Edit(msgspec.Struct, frozen=True):
    """What to write."""

    outcome: Outcome
    silence: Silence | None = None  # the new one; its id is the caller's to choose unless it is UPDATED
    ended: Silence | None = None  # the old one, where it is REPLACED
    reason: str = ""  # why it is REFUSED


def edit(
    old: Silence | None, new: Silence, now: int, calendar: Calendar | None = None, ended_at: int | None = None
) -> Edit:
    """Return what it comes to that somebody writes `new` at `now`, in place of `old` or as the first of its id.

    `ended_at` is when the old one ended before its time, if it did; `calendar` is that of both.
    """
    if reason := _refusal(new, now, calendar):
        return Edit(Outcome.REFUSED, reason=reason)
    if old is None or state(old, now, calendar, ended_at) is SilenceState.EXPIRED:
        return _created(Outcome.CREATED, new, now, calendar)
    if old.matchers == new.matchers and _past(old, now, calendar) == _past(new, now, calendar):
        return Edit(Outcome.UPDATED, new)
    return _created(Outcome.REPLACED, new, now, calendar, expire(old, now, calendar, ended_at))


def _refusal(new: Silence, now: int, calendar: Calendar | None) -> str:
    schedule = new.schedule
    if isinstance(schedule, Once) and schedule.starts_at == schedule.ends_at:
        return "start time must be before end time: write a later ends_at"
    last = schedule.last_window(calendar)
    if (last is not None and last[1] < now) or (last is None and schedule.is_over(now, calendar)):
        return _PAST
    return ""


def _created(outcome: Outcome, new: Silence, now: int, calendar: Calendar | None, ended: Silence | None = None) -> Edit:
    schedule = new.schedule
    if schedule.is_over(now, calendar):
        return Edit(Outcome.REFUSED, reason=_PAST)
    if isinstance(schedule, Once) and schedule.starts_at < now:
        new = msgspec.structs.replace(new, schedule=Once(now, schedule.ends_at))
    return Edit(outcome, new, ended)


def _past(silence: Silence, now: int, calendar: Calendar | None) -> list[tuple[int, int]]:
    """Return the windows up to `now`: starts to the second, as Alertmanager compares them, and ends up to `now`."""
    since = 0 if isinstance(silence.schedule, Once) else now - _REMEMBERED
    return [(start // 1000, min(end, now)) for start, end in silence.schedule.occurs(since, now, calendar)]
