"""What somebody says of an alert or an incident, for the models to learn from. Deleting it takes it back."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from pipeline.domain.rule import RuleRef
from pipeline.domain.severity import Severity


class Says(StrEnum):
    """What is said."""

    BELONGS = "belongs"
    DOES_NOT_BELONG = "does_not_belong"
    ROOT_CAUSE = "root_cause"
    NOISE = "noise"
    WANTED = "wanted"


OF_ALERTS = frozenset((Says.NOISE, Says.WANTED))
"""What is said of alerts of a name; the rest is said of incidents."""


class Opinion(msgspec.Struct, frozen=True):
    """One opinion."""

    ref: RuleRef
    says: Says
    incident: str = ""
    fingerprint: str = ""
    node: str = ""
    # Of noise and wanted: which alerts.
    name: str = ""
    source: str = ""
    instance: str = ""
    severity: Severity = Severity.WARNING
