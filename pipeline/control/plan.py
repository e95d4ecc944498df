"""What applying a folder comes to: the versions to write, or why it cannot be applied."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.control.diff import changes, removals
from pipeline.control.folder import ControlProblem
from pipeline.control.silences import KIND, Successors, silence_changes
from pipeline.domain.calendars import Calendar
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.recurring import Recurring
from pipeline.domain.silences import Silence, SilenceError, check_length
from pipeline.domain.tenants import TenantPolicy
from pipeline.schemas.control import rule_of
from pipeline.schemas.control_records import ControlKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.control.diff import ControlChange, Writer
    from pipeline.control.folder import ControlFolder, RuleDocument
    from pipeline.schemas.control import Rule
    from pipeline.schemas.control_records import ControlRecord


@dataclass
class Plan:
    """What to write, and why not to."""

    changes: list[ControlChange] = field(default_factory=list)
    unchanged: int = 0
    """Rules of the folder that are in force as it has them."""
    problems: list[ControlProblem] = field(default_factory=list)


def plan(
    folder: ControlFolder, newest: Mapping[ControlKey, ControlRecord], writer: Writer, *, prune: bool = False
) -> Plan:
    """Return what makes the topic, of which `newest` are the newest versions, what the folder says.

    With `prune` the tenants of the folder have no other rules afterwards.
    """
    made = Plan()
    successors = Successors(folder.rules, newest)
    for key, document in sorted(folder.rules.items(), key=_in_order):
        try:
            found = _steps(folder, newest, document, successors, writer)
        except RejectedRecordError as error:  # the version would have too large a number, or too long an id
            found = ControlProblem(document.place, str(key), error.detail, "")
        if isinstance(found, ControlProblem):
            made.problems.append(found)
        else:
            made.changes += found
            made.unchanged += not found
    if prune:
        kept = {*folder.rules, *(one for key in folder.rules if key.kind == KIND for one in successors.of(key))}
        made.changes += removals(kept, folder.tenants, newest, writer)
    return made


def _in_order(one: tuple[ControlKey, RuleDocument]) -> tuple[str, bool, ControlKey]:
    """Order rules as workers are to learn of them: what others are judged by comes before these."""
    key, _ = one
    return key.tenant_id, key.kind not in ("tenant", "calendar"), key


def _steps(
    folder: ControlFolder,
    newest: Mapping[ControlKey, ControlRecord],
    document: RuleDocument,
    successors: Successors,
    writer: Writer,
) -> list[ControlChange] | ControlProblem:
    if not isinstance(document.rule, Silence):
        return changes([document], newest, writer)
    if (problem := _too_long(folder, newest, document)) is not None:
        return problem
    calendar = _calendar(folder, newest, document.key, document.rule)
    return silence_changes(document, newest, successors, calendar, writer)


def _calendar(
    folder: ControlFolder, newest: Mapping[ControlKey, ControlRecord], key: ControlKey, silence: Silence
) -> Calendar | None:
    if not isinstance(silence.schedule, Recurring) or silence.schedule.calendar is None:
        return None
    found = _rule(folder, newest, ControlKey(key.tenant_id, "calendar", silence.schedule.calendar))
    return found if isinstance(found, Calendar) else None


def _too_long(
    folder: ControlFolder, newest: Mapping[ControlKey, ControlRecord], document: RuleDocument
) -> ControlProblem | None:
    """Return why a silence is longer than its tenant's may be: every worker would refuse it."""
    tenant = document.key.tenant_id
    policy = _rule(folder, newest, ControlKey(tenant, "tenant", tenant))
    if isinstance(policy, TenantPolicy) and policy.max_silence is not None and isinstance(document.rule, Silence):
        try:
            check_length(document.rule, policy.max_silence)
        except SilenceError as error:
            return ControlProblem(document.place, str(document.key), str(error), "")
    return None


def _rule(folder: ControlFolder, newest: Mapping[ControlKey, ControlRecord], key: ControlKey) -> Rule | None:
    """Return a rule as it will be: what the folder says, or else what the topic does."""
    if key in folder.rules:
        return folder.rules[key].rule
    record = newest.get(key)
    try:
        return None if record is None or record.deleted else rule_of(record)
    except RejectedRecordError:
        return None
