"""Silences and maintenance windows by their times: those that are never in force, too long, or inside another."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from pipeline.control.findings import Code, error, warning
from pipeline.control.lint_pins import apart, pins_of
from pipeline.domain.calendars import Calendar
from pipeline.domain.maintenance import MaintenanceWindow
from pipeline.domain.matcher_logic import subsumes
from pipeline.domain.recurring import Recurring
from pipeline.domain.schedules import Once
from pipeline.domain.silences import Silence, SilenceError, check_length
from pipeline.domain.tenants import TenantPolicy
from pipeline.schemas.control_records import ControlKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pipeline.control.findings import Finding
    from pipeline.domain.occurrences import Window
    from pipeline.schemas.control import Rule

_AHEAD: Final = 400 * 86_400_000  # ms: how far windows are compared
_LONG_AGO: Final = 0

_Timed = Silence | MaintenanceWindow


def times(rules: Mapping[ControlKey, Rule], now: int) -> Iterator[Finding]:
    """Yield what is wrong with the times of one tenant's rules at `now`."""
    timed = {key: rule for key, rule in rules.items() if isinstance(rule, _Timed)}
    windows: dict[ControlKey, Sequence[Window]] = {}
    for key, rule in timed.items():
        if (calendar := _calendar_key(key, rule)) is not None and calendar not in rules:
            remedy = f"Add the calendar, or mend its name; until then there are no holidays for {key.id}"
            yield error(
                Code.MISSING_CALENDAR, key, f"follows calendar {calendar.id}, which is not in the folder", remedy
            )
            continue
        found = _never(key, rule, _calendar(rules, calendar), now)
        if found is not None:
            yield found
        else:
            windows[key] = rule.schedule.occurs(now, now + _AHEAD, _calendar(rules, calendar))
    yield from _too_long(rules)
    yield from _unused_calendars(rules, timed)
    for kind in ("silence", "maintenance_window"):
        yield from _pairs({key: timed[key] for key in windows if key.kind == kind}, windows, now)


def _calendar_key(key: ControlKey, rule: _Timed) -> ControlKey | None:
    name = rule.schedule.calendar if isinstance(rule.schedule, Recurring) else None
    return None if name is None else ControlKey(key.tenant_id, "calendar", name)


def _calendar(rules: Mapping[ControlKey, Rule], key: ControlKey | None) -> Calendar | None:
    found = None if key is None else rules[key]
    return found if isinstance(found, Calendar) else None


def _never(key: ControlKey, rule: _Timed, calendar: Calendar | None, now: int) -> Finding | None:
    schedule = rule.schedule
    if schedule.never_occurs(_LONG_AGO, calendar):
        remedy = "Write a later ends_at" if isinstance(schedule, Once) else "Mend rrule, until or on_holidays"
        return error(Code.NEVER_OCCURS, key, "is never in force: it has no window at all", remedy)
    if schedule.never_occurs(now, calendar):
        return warning(Code.EXPIRED, key, "has ended", "Remove it, or write a later end")
    return None


def _too_long(rules: Mapping[ControlKey, Rule]) -> Iterator[Finding]:
    policy = next((rule for rule in rules.values() if isinstance(rule, TenantPolicy)), None)
    if policy is None or policy.max_silence is None:
        return
    for key, rule in rules.items():
        if isinstance(rule, Silence):
            try:
                check_length(rule, policy.max_silence)
            except SilenceError as problem:
                yield error(Code.TOO_LONG, key, str(problem), "")


def _unused_calendars(rules: Mapping[ControlKey, Rule], timed: Mapping[ControlKey, _Timed]) -> Iterator[Finding]:
    used = {_calendar_key(key, rule) for key, rule in timed.items()}
    for key, rule in rules.items():
        if isinstance(rule, Calendar) and key not in used:
            yield warning(Code.UNUSED_CALENDAR, key, "is followed by no silence and no window", "Remove it, or name it")


def _pairs(
    rules: Mapping[ControlKey, _Timed], windows: Mapping[ControlKey, Sequence[Window]], now: int
) -> Iterator[Finding]:
    """Yield the rules of one kind that others make superfluous, wholly or in part."""
    pins = {key: pins_of(rule.matchers) for key, rule in rules.items()}
    for one, other in combinations(sorted(rules), 2):
        if apart(pins[one], pins[other]) or not _meet(windows[one], windows[other]):
            continue
        wide = subsumes(rules[one].matchers, rules[other].matchers)
        narrow = subsumes(rules[other].matchers, rules[one].matchers)
        if wide and _covers(rules[one], windows[one], windows[other], now):
            yield _inside(other, one)
        elif narrow and _covers(rules[other], windows[other], windows[one], now):
            yield _inside(one, other)
        elif wide or narrow:
            outer, inner = (one, other) if wide else (other, one)
            what = f"overlaps {outer.id}, which matches all that it does, for a part of its time"
            yield warning(Code.OVERLAPS, inner, what, "Make one of them do, or their times meet", outer)


def _inside(inner: ControlKey, outer: ControlKey) -> Finding:
    what = f"changes nothing: {outer.id} matches all that it does, and is in force for all of its time"
    return warning(Code.INSIDE_ANOTHER, inner, what, "Remove one of them", outer)


def _meet(some: Sequence[Window], others: Sequence[Window]) -> bool:
    at = 0
    for start, end in some:
        while at < len(others) and others[at][1] <= start:
            at += 1
        if at < len(others) and others[at][0] < end:
            return True
    return False


def _covers(outer: _Timed, around: Sequence[Window], inside: Sequence[Window], now: int) -> bool:
    """Say whether from `now` on each window of `inside` is within one of `around`, which ends at its time only."""
    if isinstance(outer, Silence) and outer.expire_on_resolve:
        return False
    at = 0
    for start, end in inside:
        while at < len(around) and around[at][1] < end:
            at += 1
        if at == len(around) or around[at][0] > max(start, now):
            return False
    return True
