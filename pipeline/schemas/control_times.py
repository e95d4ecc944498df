"""Domain objects from the specs of the kinds that begin and end: silences, maintenance windows and calendars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.domain.calendars import Calendar, CalendarError
from pipeline.domain.maintenance import MaintenanceWindow
from pipeline.domain.recurrence_syntax import ScheduleError
from pipeline.domain.recurring import Recurring
from pipeline.domain.schedules import Once
from pipeline.domain.silences import Silence
from pipeline.schemas.control_problems import InvalidControlError
from pipeline.schemas.control_values import LONGEST, duration_at, matchers_at, moment_at

if TYPE_CHECKING:
    from pipeline.domain.rule import RuleRef
    from pipeline.schemas.control_fields import Recurs, Timed
    from pipeline.schemas.control_problems import Path
    from pipeline.schemas.control_specs import CalendarSpec, MaintenanceWindowSpec, SilenceSpec

_SPEC: Final[Path] = ("spec",)
_FIELDS: Final = ("start", "duration", "time_zone", "from", "until", "calendar")
_EXAMPLE: Final = "Write starts_at and ends_at, such as 2026-11-26T10:00:00Z, or recurs"


def silence(ref: RuleRef, spec: SilenceSpec) -> Silence:
    """Return the silence."""
    before = None
    if spec.remind_before is not None:
        before = duration_at((*_SPEC, "remind_before"), spec.remind_before)
    matchers = matchers_at(_SPEC, spec, required=True)
    return Silence(ref, matchers, _schedule(spec), spec.expire_on_resolve, before)


def maintenance_window(ref: RuleRef, spec: MaintenanceWindowSpec) -> MaintenanceWindow:
    """Return the window."""
    return MaintenanceWindow(ref, matchers_at(_SPEC, spec, required=True), _schedule(spec))


def calendar(ref: RuleRef, spec: CalendarSpec) -> Calendar:
    """Return the calendar."""
    try:
        return Calendar(ref, spec.country, spec.subdivision, frozenset(spec.dates))
    except CalendarError as error:
        field = "subdivision" if "subdivision" in str(error) else "country"
        raise InvalidControlError((*_SPEC, field), str(error), "") from None


def _schedule(spec: Timed) -> Once | Recurring:
    given = [name for name in ("starts_at", "ends_at") if getattr(spec, name) is not None]
    if spec.recurs is not None:
        if given:
            remedy = "Write one window with starts_at and ends_at, or recurs"
            raise InvalidControlError((*_SPEC, given[0]), "stands beside recurs", remedy)
        return _recurring(spec.recurs)
    if spec.starts_at is None or spec.ends_at is None:
        missing = "starts_at" if spec.starts_at is None else "ends_at"
        raise InvalidControlError((*_SPEC, missing), "is missing", _EXAMPLE)
    starts_at = moment_at((*_SPEC, "starts_at"), spec.starts_at)
    ends_at = moment_at((*_SPEC, "ends_at"), spec.ends_at)
    if ends_at < starts_at:
        raise InvalidControlError((*_SPEC, "ends_at"), "is before starts_at", "Write a later end")
    if ends_at - starts_at > LONGEST:
        remedy = "Write an end within ten years, or leave the alert out where it is sent"
        raise InvalidControlError((*_SPEC, "ends_at"), "is more than ten years after starts_at", remedy)
    return Once(starts_at, ends_at)


def _recurring(spec: Recurs) -> Recurring:
    path: Path = (*_SPEC, "recurs")
    duration = duration_at((*path, "duration"), spec.duration)
    try:
        return Recurring(
            spec.rrule,
            spec.start,
            duration,
            spec.time_zone,
            spec.from_,
            spec.until,
            spec.calendar,
            spec.on_holidays,
        )
    except ScheduleError as error:
        named = str(error).partition(" ")[0]  # its text begins with the field where it is about one
        inside = (*path, named) if named in _FIELDS else (*path, "rrule")
        raise InvalidControlError(inside, str(error), "") from None
