"""The spellings of severities that senders use, each looked up once."""

from __future__ import annotations

from typing import Final

from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.reasons import Rejection
from pipeline.domain.severity import LABELS, Severity, severity_of

KEPT: Final = 1000
"""Spellings that are remembered; every further one is looked up each time."""


class Spellings(dict[str | int | None, Severity]):
    """The severities of the spellings that were met; asking for one that means nothing raises."""

    def __missing__(self, spelling: str | int | None) -> Severity:
        severity = severity_of(spelling)
        if severity is None:
            raise RejectedRecordError(
                Rejection.UNKNOWN_SEVERITY, f"severity {str(spelling)[:80]!r}: wanted one of {', '.join(LABELS)}"
            )
        if len(self) < KEPT:
            self[spelling] = severity
        return severity
