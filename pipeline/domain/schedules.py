"""Schedules: when a silence or a maintenance window is in force, once or again and again.

All times are milliseconds since 1970, and a window is [start, end).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from pipeline.domain.recurrence_syntax import ScheduleError as ScheduleError
from pipeline.domain.recurring import Recurring as Recurring

if TYPE_CHECKING:
    from pipeline.domain.calendars import Calendar
    from pipeline.domain.occurrences import Window


class Phase(StrEnum):
    """Where a schedule is: before a window, in one, or after the last."""

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


class Once(msgspec.Struct, frozen=True, tag="once"):
    """From `starts_at` to `ends_at`; not at all where both are the same."""

    starts_at: int
    ends_at: int

    def __post_init__(self) -> None:
        if self.ends_at < self.starts_at:
            raise ScheduleError("ends_at is before starts_at: write a later end")

    def window_at(self, now: int, calendar: Calendar | None = None) -> Window | None:
        """Return the window in which `now` is."""
        return (self.starts_at, self.ends_at) if self.starts_at <= now < self.ends_at else None

    def next_edge(self, now: int, calendar: Calendar | None = None) -> int | None:
        """Return the first time after `now` at which the window begins or ends; None for never."""
        if self.starts_at == self.ends_at:
            return None
        return next((edge for edge in (self.starts_at, self.ends_at) if edge > now), None)

    def occurs(self, since: int, until: int, calendar: Calendar | None = None) -> list[Window]:
        """Return the window if any of it is from `since` to `until`."""
        if self.starts_at < self.ends_at and self.starts_at < until and self.ends_at > since:
            return [(self.starts_at, self.ends_at)]
        return []

    def last_window(self, calendar: Calendar | None = None) -> Window | None:
        """Return the window."""
        return self.starts_at, self.ends_at

    def is_over(self, now: int, calendar: Calendar | None = None) -> bool:
        """Say whether the window has ended."""
        return now >= self.ends_at

    def never_occurs(self, now: int, calendar: Calendar | None = None) -> bool:
        """Say whether no part of the window is left."""
        return self.starts_at == self.ends_at or self.ends_at <= now

    def longest(self) -> int:
        """Return how long the window is."""
        return self.ends_at - self.starts_at


Schedule = Once | Recurring


def phase(schedule: Schedule, now: int, calendar: Calendar | None = None) -> Phase:
    """Return the phase of a schedule at `now`; a recurring one is pending between its windows."""
    if schedule.window_at(now, calendar) is not None:
        return Phase.ACTIVE
    return Phase.EXPIRED if schedule.is_over(now, calendar) else Phase.PENDING
