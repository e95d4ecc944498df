"""Changes: what can happen to an alert that anyone should hear of."""

from __future__ import annotations

from enum import StrEnum


class Change(StrEnum):
    """What happened to an alert; the value of `change` in alerts.enriched."""

    OPENED = "opened"
    REOPENED = "reopened"
    SEVERITY_RAISED = "severity_raised"
    SEVERITY_LOWERED = "severity_lowered"
    SUPPRESSED = "suppressed"
    UNSUPPRESSED = "unsuppressed"
    FLAPPING = "flapping"
    STEADY = "steady"
    RESOLVED = "resolved"
    EXPIRED = "expired"
    REPEATED = "repeated"
