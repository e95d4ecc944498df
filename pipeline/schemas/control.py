"""The domain object that a control record stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.domain.calendars import Calendar
from pipeline.domain.flapping import FlapPolicy
from pipeline.domain.identity_rules import IdentityRule
from pipeline.domain.inhibit_rule import InhibitRule
from pipeline.domain.maintenance import MaintenanceWindow
from pipeline.domain.opinion import Opinion
from pipeline.domain.rule import RuleRef
from pipeline.domain.silences import Silence
from pipeline.domain.storms import StormPolicy
from pipeline.domain.tenants import TenantPolicy
from pipeline.domain.topology_part import TopologyPart
from pipeline.schemas import control_learning as learning
from pipeline.schemas import control_policies as policies
from pipeline.schemas import control_times as times
from pipeline.schemas.control_problems import InvalidControlError
from pipeline.schemas.control_specs import read_spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.schemas.control_records import ControlRecord

Rule = (
    Silence
    | MaintenanceWindow
    | Calendar
    | InhibitRule
    | StormPolicy
    | FlapPolicy
    | IdentityRule
    | TenantPolicy
    | TopologyPart
    | Opinion
)

BUILDERS: Final[dict[str, Callable[[RuleRef, Any], Rule]]] = {
    "silence": times.silence,
    "maintenance_window": times.maintenance_window,
    "calendar": times.calendar,
    "inhibit_rule": policies.inhibit_rule,
    "storm_policy": policies.storm_policy,
    "flap_policy": policies.flap_policy,
    "identity_rule": policies.identity_rule,
    "tenant": policies.tenant_policy,
    "topology": learning.topology,
    "feedback": learning.opinion,
}
"""By kind, what makes the domain object of its spec."""


def rule_of(record: ControlRecord) -> Rule:
    """Return what a version says, as what decides on alerts.

    Raises:
        RejectedRecordError: with the path below `spec` and the remedy; also for a version that deletes.
    """
    if record.spec is None:
        raise InvalidControlError(("deleted",), "is true: nothing is left to decide by", "Look at `deleted` first")
    ref = RuleRef(record.kind, record.id, record.version, record.author, record.comment, record.updated_at)
    return BUILDERS[record.kind](ref, read_spec(record.kind, record.spec))
