"""Control records as they come: which version holds from now on, and what that changes for open alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.domain.calendars import Calendar
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.flapping import FlapPolicy
from pipeline.domain.identity_rules import Identities, IdentityRule
from pipeline.domain.inhibit_rule import InhibitRule
from pipeline.domain.inhibition import Inhibitor
from pipeline.domain.maintenance import MaintenanceWindow
from pipeline.domain.opinion import Opinion
from pipeline.domain.partitioner import partition_of
from pipeline.domain.reasons import Rejection, Stage, Unchanged
from pipeline.domain.schedules import Once
from pipeline.domain.silences import Silence, SilenceError, check_length
from pipeline.domain.storms import StormPolicy
from pipeline.domain.suppressors import named
from pipeline.domain.tenants import TenantPolicy
from pipeline.schemas.control import rule_of
from pipeline.schemas.control_records import ControlRecord, Tombstone, as_bytes, is_outdated, parse_control
from tables.unreadable import unreadable

if TYPE_CHECKING:
    from agents.suppress.agenda import Agenda
    from agents.suppress.cause import Cause
    from agents.suppress.suppression import Suppression
    from agents.suppress.tenant import Tenant
    from pipeline.schemas.control_records import ControlKey
    from pipeline.schemas.records import Record
    from tables.control import ControlTable


class Control:
    """The rules of all tenants of one partition."""

    def __init__(
        self, table: ControlTable, suppression: Suppression, agenda: Agenda, *, partition: int, partitions: int
    ) -> None:
        self._table = table
        self._suppression = suppression
        self._agenda = agenda
        self._partition = partition
        self._partitions = partitions

    def load(self) -> None:
        """Put all rules in force again; nothing is told of that."""
        for tenant, key, at, value in self._table.rules():
            try:
                record = parse_control(key, value)
                if isinstance(record, ControlRecord) and not record.deleted:
                    self._put(self._suppression.tenant(tenant), rule_of(record), at, None)
            except RejectedRecordError as error:
                raise unreadable(key, str(error)) from None

    def apply(self, record: Record, cause: Cause, now: int) -> Unchanged | None:
        """Put one record in force.

        Raises:
            RejectedRecordError: for one that is not valid; the version before stays in force.
        """
        given = parse_control(record.key, record.value)
        key = given.key
        if partition_of(key.tenant_id, self._partitions) != self._partition:
            raise RejectedRecordError(
                Rejection.WRONG_PARTITION,
                f"{key.tenant_id} belongs to partition {partition_of(key.tenant_id, self._partitions)}: choose it by "
                "the tenant's name alone, as `core-alerts control apply` does",
            )
        known = self._table.value(*key)
        if isinstance(given, Tombstone):
            if known is None:
                return Unchanged.UNKNOWN_RULE
            self._table.put(*key, now, None)
            self._remove(*key, cause, now)
            self._heed(key, known, None, cause, now)
            return None
        if is_outdated(given, known):
            return Unchanged.OLDER_VERSION
        if given.deleted:
            self._table.put(*key, now, given.value)
            self._remove(*key, cause, now)
            self._heed(key, known, None, cause, now)
            return None
        rule = _built(given)
        tenant = self._suppression.tenant(key.tenant_id)
        if isinstance(rule, Silence):
            self._check_length(tenant, rule)
        self._table.put(*key, now, given.value)
        self._put(tenant, rule, now, cause)
        self._heed(key, known, rule if isinstance(rule, Opinion) else None, cause, now)
        return None

    def _heed(self, key: ControlKey, known: bytes | None, said: Opinion | None, cause: Cause, now: int) -> None:
        """Let what somebody says be learned from, in the place of what the same record said before."""
        before = None
        if key.kind == "feedback" and known is not None:
            record = parse_control(as_bytes(key), known)
            if isinstance(record, ControlRecord) and not record.deleted:
                rule = rule_of(record)
                before = rule if isinstance(rule, Opinion) else None
        if before is not None or said is not None:
            self._suppression.on_opinion(key.tenant_id, before, said)
            tenant = self._suppression.tenant(key.tenant_id)
            if tenant.policy.hide_noise_from is not None:
                self._suppression.recheck(tenant, self._suppression.held_by(tenant, Stage.NOISE), cause, now)

    def _check_length(self, tenant: Tenant, silence: Silence) -> None:
        if tenant.policy.max_silence is None:
            return
        try:
            check_length(silence, tenant.policy.max_silence)
        except SilenceError as error:
            raise RejectedRecordError(Rejection.INVALID_CONTROL, f"spec: {error}") from None

    # -- what a rule changes

    def _put(self, tenant: Tenant, rule: Any, now: int, cause: Cause | None) -> None:
        """Put a rule in force; without a cause it was in force before, and nothing is told."""
        rule_id = rule.ref.id
        before: set[bytes] = set()
        if isinstance(rule, Silence):
            rule = _from_now_on(rule, now)
            tenant.silence_by_id[rule_id] = rule
            tenant.silences.put(rule_id, rule.matchers, rule)
            if cause is not None:
                for kept in (tenant.ended, tenant.reminded, tenant.matched):
                    kept.pop(rule_id, None)
                before = self._agenda.follow_silence(tenant, rule, now)
        elif isinstance(rule, MaintenanceWindow):
            tenant.window_by_id[rule_id] = rule
            tenant.windows.put(rule_id, rule.matchers, rule)
            if cause is not None:
                before = self._agenda.follow_window(tenant, rule, cause, now)
        elif isinstance(rule, InhibitRule):
            if tenant.inhibitor is None:
                tenant.inhibitor = Inhibitor()
            subjects = () if cause is None else self._suppression.subjects(tenant, rule.could_concern)
            before = tenant.inhibitor.put(rule, subjects)
        elif isinstance(rule, Calendar):
            tenant.calendars[rule_id] = rule
            before = self._on_schedule(tenant, cause, now)
        elif isinstance(rule, FlapPolicy):
            tenant.flap_policies = dict(sorted({**tenant.flap_policies, rule_id: rule}.items()))
        elif isinstance(rule, StormPolicy):
            tenant.storm_policies[rule_id] = rule
            self._choose_storm_policy(tenant)
        elif isinstance(rule, IdentityRule):
            tenant.identity_rules = dict(sorted({**tenant.identity_rules, rule_id: rule}.items()))
            self._identities(tenant, cause)
        elif isinstance(rule, TenantPolicy):
            before = self._policy(tenant, rule, cause, now)
        if cause is not None:
            self._after(tenant, before, cause, now)

    def _remove(self, tenant_id: str, kind: str, rule_id: str, cause: Cause, now: int) -> None:
        tenant = self._suppression.tenant(tenant_id)
        before: set[bytes] = set()
        if kind == "silence":
            before = self._suppression.held_by(tenant, named(Stage.SILENCE, rule_id))
            self._agenda.forget(tenant, "silence", rule_id)
            tenant.silence_by_id.pop(rule_id, None)
            tenant.silences.remove(rule_id)
            for kept in (tenant.ended, tenant.reminded, tenant.matched):
                kept.pop(rule_id, None)
        elif kind == "maintenance_window":
            before = self._suppression.held_by(tenant, named(Stage.MAINTENANCE, rule_id))
            self._agenda.forget(tenant, "maintenance", rule_id)
            if (window := tenant.windows.remove(rule_id)) is not None:
                self._agenda.end_window(tenant, window, cause, now)
            tenant.window_by_id.pop(rule_id, None)
        elif kind == "inhibit_rule" and tenant.inhibitor is not None:
            before = tenant.inhibitor.remove(rule_id)
            if not tenant.inhibitor.rules:
                tenant.inhibitor = None
        elif kind == "calendar":
            tenant.calendars.pop(rule_id, None)
            before = self._on_schedule(tenant, cause, now)
        elif kind == "flap_policy":
            tenant.flap_policies.pop(rule_id, None)
        elif kind == "storm_policy":
            tenant.storm_policies.pop(rule_id, None)
            self._choose_storm_policy(tenant)
        elif kind == "identity_rule":
            tenant.identity_rules.pop(rule_id, None)
            self._identities(tenant, cause)
        elif kind == "tenant":
            before = self._policy(tenant, tenant.defaults.tenant, cause, now)
        self._after(tenant, before, cause, now)

    def _after(self, tenant: Tenant, before: set[bytes], cause: Cause, now: int) -> None:
        tenant.has_changed()
        self._agenda.look(tenant, cause, now)
        self._suppression.recheck(tenant, before, cause, now)

    def _policy(self, tenant: Tenant, policy: TenantPolicy, cause: Cause | None, now: int) -> set[bytes]:
        if not policy.throttle_is_its_own:
            policy = msgspec.structs.replace(policy, throttle=tenant.defaults.tenant.throttle)
        tenant.policy = policy
        if cause is None:
            tenant.throttle.policy = policy.throttle
        else:
            tenant.throttle.follow(policy.throttle, now)
        tenant.budget.policy = policy.budget
        if cause is None:
            return set()
        self._agenda.take_switches(tenant, cause, now)
        return self._suppression.adaptively_held(tenant)

    def _choose_storm_policy(self, tenant: Tenant) -> None:
        """Let the first by id hold; there is one storm at a time."""
        policies = tenant.storm_policies
        tenant.pulse.policy = policies[min(policies)] if policies else tenant.defaults.storm

    def _identities(self, tenant: Tenant, cause: Cause | None) -> None:
        rules = list(tenant.identity_rules.values())
        tenant.identities = Identities(rules) if rules else None
        if cause is not None:
            tenant.had_identity_rules = True
            self._suppression.alerts.forget_texts(tenant.name)

    # -- which alerts a rule may concern

    def _on_schedule(self, tenant: Tenant, cause: Cause | None, now: int) -> set[bytes]:
        """Return the alerts that silences and windows may concern, all of which may follow a calendar."""
        concerned: set[bytes] = set()
        if cause is None:
            return concerned
        for silence in tenant.silence_by_id.values():
            concerned |= self._agenda.follow_silence(tenant, silence, now)
        for window in tenant.window_by_id.values():
            concerned |= self._agenda.follow_window(tenant, window, cause, now)
        return concerned


def _built(record: ControlRecord) -> Any:
    """Return the rule of a record.

    Raises:
        RejectedRecordError: whatever it is that cannot be made of it: no rule of one tenant stops a partition.
    """
    try:
        return rule_of(record)
    except RejectedRecordError:
        raise
    except Exception as error:
        raise RejectedRecordError(
            Rejection.INVALID_CONTROL, f"spec: {error!r}. Nobody foresaw this: please report it with the record"
        ) from error


def _from_now_on(silence: Silence, now: int) -> Silence:
    """Return a silence that was not made for later as it holds from the moment it is taken in.

    The alerts that come now may be some time old: whoever made it means these too.
    """
    schedule = silence.schedule
    if isinstance(schedule, Once) and now < schedule.starts_at <= silence.ref.updated_at:
        return msgspec.structs.replace(silence, schedule=Once(now, schedule.ends_at))
    return silence
