"""Durations as operators write them: 250ms, 90s, 5m, 1h30m, plain seconds, or ISO 8601."""

from __future__ import annotations

import math
import re
from datetime import timedelta

# Largest first: a duration names each unit at most once, in this order.
_UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
    "us": timedelta(microseconds=1),
}
_NUMBER = r"[0-9]{1,15}(?:\.[0-9]{1,9})?"
_COMPOUND = re.compile("".join(rf"(?:(?P<{unit}>{_NUMBER}){unit})?" for unit in _UNITS))
_ISO_8601 = re.compile(
    rf"P(?:(?P<w>{_NUMBER})W)?(?:(?P<d>{_NUMBER})D)?"
    rf"(?:T(?=[0-9])(?:(?P<h>{_NUMBER})H)?(?:(?P<m>{_NUMBER})M)?(?:(?P<s>{_NUMBER})S)?)?"
)
_NOTATION = "write 250ms, 90s, 5m, 1h30m, plain seconds or ISO 8601"
_SECONDS = re.compile(_NUMBER)


def parse_duration(value: object) -> timedelta:
    """Return the duration `value` stands for; raise ValueError for anything that is not one."""
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return _within_limits(float(value), timedelta(seconds=1))
    if not isinstance(value, str):
        raise ValueError(_NOTATION)
    text = value.strip()
    if _SECONDS.fullmatch(text):
        return _within_limits(float(text), timedelta(seconds=1))
    found = _COMPOUND.fullmatch(text) or _ISO_8601.fullmatch(text)
    parts = {unit: number for unit, number in found.groupdict().items() if number} if found else {}
    if not parts:
        raise ValueError(_NOTATION)
    return sum((_within_limits(float(number), _UNITS[unit]) for unit, number in parts.items()), timedelta())


def format_duration(duration: timedelta) -> str:
    """Return the shortest text that `parse_duration` reads back, such as 1h30m."""
    rest, parts = duration, []
    for unit, length in _UNITS.items():
        count, rest = divmod(rest, length)
        if count and unit != "w":  # nobody thinks of 7d as 1w
            parts.append(f"{count}{unit}")
        elif count:
            rest += count * length
    return "".join(parts) or "0s"


def _within_limits(count: float, unit: timedelta) -> timedelta:
    try:
        return count * unit
    except OverflowError:
        raise ValueError("longer than any duration can be") from None
