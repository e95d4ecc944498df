"""Matchers, durations and moments of specs as what they mean, with the path of whatever means nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pipeline.domain import limits
from pipeline.domain.matchers import EVERYTHING, MatcherError, Matchers, parse_set
from pipeline.domain.timestamps import to_ms
from pipeline.durations import format_duration, parse_duration
from pipeline.schemas.control_fields import MATCHER_BYTES, MATCHERS, Matching
from pipeline.schemas.control_problems import InvalidControlError, shown

if TYPE_CHECKING:
    from datetime import datetime

    from pipeline.domain.matchers import Matcher
    from pipeline.schemas.control_fields import MatcherTexts
    from pipeline.schemas.control_problems import Path

_MILLISECOND: Final = timedelta(milliseconds=1)
LONGEST: Final = 3660 * 24 * 3600 * 1000  # ms, ten years
_EXAMPLE: Final = "Write for example matchers: ['alertname=\"HighCPU\"']"


def matchers_at(path: Path, found: Matching, *, required: bool) -> Matchers:
    """Return the matchers of a spec; where they are not required, none at all match everything.

    What must not happen by leaving a line out, a silence of everything, takes an explicit empty list.
    """
    if found.matchers is not None and found.any_of is not None:
        raise InvalidControlError((*path, "any_of"), "stands beside matchers", "Write one of the two")
    if found.any_of is not None:
        sets = [set_at((*path, "any_of", number), texts) for number, texts in enumerate(found.any_of)]
        return Matchers(tuple(sets))
    if found.matchers is not None:
        return Matchers((set_at((*path, "matchers"), found.matchers),))
    if required:
        raise InvalidControlError((*path, "matchers"), "is missing", _EXAMPLE)
    return EVERYTHING


def set_at(path: Path, texts: MatcherTexts) -> tuple[Matcher, ...]:
    """Return the matchers of one list, which must all hold."""
    if isinstance(texts, str):
        found = _parsed(path, texts)
    else:
        found = tuple(matcher for at, text in enumerate(texts) for matcher in _parsed((*path, at), text))
    if len(found) > MATCHERS:
        raise InvalidControlError(path, f"has {len(found)} matchers, the limit is {MATCHERS}", "Write several rules")
    return found


def _parsed(path: Path, text: str) -> tuple[Matcher, ...]:
    try:
        found = parse_set(text)
    except MatcherError as error:
        raise InvalidControlError(path, str(error), "") from None
    for matcher in found:
        if limits.longer_than(matcher.field + matcher.value, MATCHER_BYTES):
            what = f"the matcher on {shown(matcher.field)} is too long, the limit is {MATCHER_BYTES} bytes"
            raise InvalidControlError(path, what, "Write several matchers or rules")
    return found


def duration_at(path: Path, text: str, *, least: int = 1, most: int = LONGEST) -> int:
    """Return a duration in milliseconds, between `least` and `most`."""
    try:
        found = round(parse_duration(text) / _MILLISECOND)
    except (ValueError, OverflowError) as error:
        raise InvalidControlError(path, f"{shown(text)} is no duration", _as_sentence(error)) from None
    if not least <= found <= most:
        bounds = f"{format_duration(least * _MILLISECOND)} to {format_duration(most * _MILLISECOND)}"
        raise InvalidControlError(path, f"{shown(text)} is out of bounds", f"Write {bounds}")
    return found


def moment_at(path: Path, moment: datetime) -> int:
    """Return a moment in milliseconds since 1970."""
    found = to_ms(moment)
    if found is None:
        raise InvalidControlError(path, "is no moment of this era", "Write for example 2026-11-26T10:00:00Z")
    return found


def _as_sentence(error: Exception) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
