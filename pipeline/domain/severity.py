"""Severity: five ranks, and every spelling that senders use for them."""

from __future__ import annotations

from enum import IntEnum


class Severity(IntEnum):
    """How bad it is; a higher number is worse."""

    NONE = 0
    INFO = 1
    WARNING = 2
    ERROR = 3
    CRITICAL = 4

    @property
    def label(self) -> str:
        """Return the lower-case name that records and metrics carry."""
        return LABELS[self]


LABELS: tuple[str, ...] = ("none", "info", "warning", "error", "critical")

# The one table. Words first; P1-P5 count down as PagerDuty and Opsgenie do; bare digits count up as
# Zabbix (0 not classified … 5 disaster) and Keep (5 critical … 1 low) do.
_SPELLINGS: dict[str, Severity] = {
    **{label: Severity(rank) for rank, label in enumerate(LABELS)},
    "page": Severity.CRITICAL,
    "high": Severity.ERROR,
    "major": Severity.ERROR,
    "medium": Severity.WARNING,
    "minor": Severity.WARNING,
    "low": Severity.INFO,
    "p1": Severity.CRITICAL,
    "p2": Severity.ERROR,
    "p3": Severity.WARNING,
    "p4": Severity.INFO,
    "p5": Severity.NONE,
    "5": Severity.CRITICAL,
    "4": Severity.ERROR,
    "3": Severity.WARNING,
    "2": Severity.WARNING,
    "1": Severity.INFO,
    "0": Severity.NONE,
}

DEFAULT = Severity.WARNING


def severity_of(spelling: str | int | None) -> Severity | None:
    """Return the severity that `spelling` means, the default for None, and None for an unknown word."""
    if spelling is None:
        return DEFAULT
    return _SPELLINGS.get(str(spelling).strip().lower())


def known_spellings() -> dict[str, Severity]:
    """Return every accepted spelling with its severity."""
    return dict(_SPELLINGS)
