"""What the linter can find: one code each, which stays the same for ever."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.schemas.control_records import ControlKey


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """What was found; docs and pipelines refer to it, so that a number is never used for anything else."""

    UNREADABLE = "CA000"
    NEVER_MATCHES = "CA001"
    ALTERNATIVE_NEVER_MATCHES = "CA002"
    MATCHES_EVERYTHING = "CA003"
    FITS_NOTHING_TOO = "CA004"
    INSIDE_ANOTHER = "CA005"
    OVERLAPS = "CA006"
    UNREACHABLE = "CA007"
    NEVER_OCCURS = "CA008"
    EXPIRED = "CA009"
    TOO_LONG = "CA010"
    MISSING_CALENDAR = "CA011"
    UNUSED_CALENDAR = "CA012"
    INHIBITION_CYCLE = "CA013"
    INHIBITS_NOTHING = "CA014"
    ONE_TOO_MANY = "CA015"
    NO_COMMENT = "CA016"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or most likely is, with one rule."""

    code: Code
    severity: Severity
    rule: ControlKey
    what: str
    remedy: str
    others: tuple[ControlKey, ...] = ()
    """Rules that have to do with it."""


def error(code: Code, rule: ControlKey, what: str, remedy: str, *others: ControlKey) -> Finding:
    """Return a finding that makes a rule useless or dangerous."""
    return Finding(code, Severity.ERROR, rule, what, remedy, others)


def warning(code: Code, rule: ControlKey, what: str, remedy: str, *others: ControlKey) -> Finding:
    """Return a finding that is worth a second look."""
    return Finding(code, Severity.WARNING, rule, what, remedy, others)
