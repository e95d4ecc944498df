"""One tenant of one partition: its rules, and how it stands with each of them."""

from __future__ import annotations

from heapq import heappush
from typing import TYPE_CHECKING, Final

from pipeline.domain import maintenance, silences
from pipeline.domain.budgets import Budget, HiddenPerDay
from pipeline.domain.maintenance import HiddenCounts
from pipeline.domain.match_index import MatchIndex
from pipeline.domain.reasons import Stage
from pipeline.domain.schedules import Recurring
from pipeline.domain.storms import Pulse
from pipeline.domain.suppressors import parts_of
from pipeline.domain.throttling import Throttle
from tables.tenants import TenantState

if TYPE_CHECKING:
    from agents.suppress.defaults import Defaults
    from pipeline.domain.alert import Alert
    from pipeline.domain.calendars import Calendar
    from pipeline.domain.flapping import FlapPolicy
    from pipeline.domain.identity_rules import Identities, IdentityRule
    from pipeline.domain.inhibition import Inhibitor
    from pipeline.domain.maintenance import MaintenanceWindow
    from pipeline.domain.rule import RuleRef
    from pipeline.domain.silences import Silence
    from pipeline.domain.storms import StormPolicy
    from pipeline.domain.subject import Subject

SILENCE: Final = Stage.SILENCE.value
STORM: Final = Stage.STORM.value
THROTTLE: Final = Stage.THROTTLE.value
_NAMES_KEPT = 10_000  # a tenant with more has names that are made up as it goes: a new one means nothing


class Tenant:
    """What suppresses the alerts of one tenant."""

    def __init__(self, name: str, defaults: Defaults, minute: int = 0, changed: set[str] | None = None) -> None:
        self.name = name
        self.defaults = defaults
        self._changed = set() if changed is None else changed  # the tenants whose rows have to be written
        self._counted = 0, 0  # the minute and the count in its row
        # What was written
        self.silences: MatchIndex[Silence] = MatchIndex()
        self.silence_by_id: dict[str, Silence] = {}
        self.windows: MatchIndex[MaintenanceWindow] = MatchIndex()
        self.window_by_id: dict[str, MaintenanceWindow] = {}
        self.calendars: dict[str, Calendar] = {}
        self.inhibitor: Inhibitor | None = None
        self.storm_policies: dict[str, StormPolicy] = {}
        self.flap_policies: dict[str, FlapPolicy] = {}
        self.identity_rules: dict[str, IdentityRule] = {}
        self.identities: Identities | None = None
        self.policy = defaults.tenant
        # How things stand
        self.pulse = Pulse(defaults.storm, minute)
        self.throttle = Throttle(defaults.tenant.throttle)
        self.budget = Budget(defaults.tenant.budget)
        self.budget_told = 0  # since when it is known that the budget is nearly spent; 0: it is not
        self.hidden = HiddenPerDay()
        self.had_identity_rules = False  # ever: texts may have been other alerts then
        self.names: set[str] = set()  # of its alerts, ever
        self.ended: dict[str, int] = {}  # silences that ended with the last alert they were for -> when
        self.reminded: dict[str, int] = {}  # silence -> the end that somebody was reminded of
        self.in_window: dict[str, tuple[int, HiddenCounts]] = {}  # windows that are on -> since when, what they hid
        self.seen_switch: dict[str, int] = {}  # dead man's switches -> when one that is not open was last seen
        self.missing: dict[str, int] = {}  # those that are missed -> when they were last seen
        # Follows from the above and from the alerts
        self.open: set[bytes] = set()
        self.in_storm: set[bytes] = set()  # alerts that a storm holds
        self.waiting: dict[str, list[tuple[int, bytes]]] = {}  # name -> a heap of those that wait for a token
        self.matched: dict[str, set[bytes]] = {}  # silences that end on resolve -> the open alerts they hold
        self.switch_keys: dict[str, set[bytes]] = {}  # dead man's switches -> their open alerts
        self.edges: list[tuple[int, str, str]] = []  # a heap: when a silence or a window begins or ends next
        self.edge_of: dict[tuple[str, str], int] = {}  # of these, what holds
        self.due = 0  # the second at which time is looked at again; 0: never

    # -- questions of the stages

    def calendar_of(self, rule: Silence | MaintenanceWindow) -> Calendar | None:
        """Return the calendar that a rule follows."""
        schedule = rule.schedule
        return self.calendars.get(schedule.calendar or "") if isinstance(schedule, Recurring) else None

    def silenced_by(self, silence: Silence, now: int) -> bool:
        """Say whether a silence is active."""
        return silences.window_at(silence, now, self.calendar_of(silence), self.ended.get(silence.ref.id)) is not None

    def is_on(self, window: MaintenanceWindow, now: int) -> bool:
        """Say whether a maintenance window is on."""
        return maintenance.window_at(window, now, self.calendar_of(window)) is not None

    @property
    def policy_is_its_own(self) -> bool:
        """Say whether the tenant wrote its policy."""
        return self.policy.ref is not self.defaults.tenant.ref

    def flap_policy_of(self, subject: Subject) -> FlapPolicy:
        """Return the policy for an alert: the first by id that is for it, else the built-in one."""
        for policy in self.flap_policies.values():
            if policy.matchers is None or policy.matchers.matches(subject):
                return policy
        return self.defaults.flap

    def meet_name(self, name: str) -> bool:
        """Take note of an alert's name; say whether it is new."""
        if name in self.names or len(self.names) >= _NAMES_KEPT:
            return False
        self.names.add(name)
        return True

    def ref_of(self, stage: str, rule_id: str) -> RuleRef | None:
        """Return the newest version of a rule, None if it is gone."""
        rule: Silence | MaintenanceWindow | None
        if stage == SILENCE:
            rule = self.silence_by_id.get(rule_id)
        elif stage == Stage.MAINTENANCE:
            rule = self.window_by_id.get(rule_id)
        else:
            rules = self.inhibitor.rules if self.inhibitor is not None else []
            return next((one.ref for one in rules if one.ref.id == rule_id), None)
        return None if rule is None else rule.ref

    # -- alerts that are held

    def holds(self, alert: Alert, held: tuple[str, ...]) -> None:
        """Keep in mind what holds an alert from now on."""
        before, alert.held = alert.held, held
        for what in before:
            stage, rule_id = parts_of(what)
            if stage == STORM:
                self.in_storm.discard(alert.key)
            elif stage == SILENCE and (matched := self.matched.get(rule_id)) is not None:
                matched.discard(alert.key)
        if alert.open:
            self.note_held(alert, again=THROTTLE in before)

    def end_with(self, alert: Alert, now: int) -> None:
        """End the silences that were to end with the last alert they hid, where this one, which ended, was the last."""
        for what in alert.held:
            stage, rule_id = parts_of(what)
            silence = self.silence_by_id.get(rule_id) if stage == SILENCE else None
            if silence is None:
                continue
            still_open = len(self.matched.get(rule_id, set()) - {alert.key})
            if silences.ends_on_resolve(silence, now, still_open, self.calendar_of(silence), self.ended.get(rule_id)):
                self.ended[rule_id] = now
                self.has_changed()

    def note_held(self, alert: Alert, *, again: bool = False) -> None:
        """Keep in mind what holds an open alert, as it says itself; `again`: it waits for a token already."""
        for what in alert.held:
            stage, rule_id = parts_of(what)
            if stage == STORM:
                self.in_storm.add(alert.key)
            elif stage == THROTTLE:
                if not again:
                    heappush(self.waiting.setdefault(alert.name, []), (alert.starts_at, alert.key))
            elif stage == SILENCE:
                silence = self.silence_by_id.get(rule_id)
                if silence is not None and silence.expire_on_resolve:
                    self.matched.setdefault(rule_id, set()).add(alert.key)

    # -- state

    def has_changed(self) -> None:
        """Take note that its row has to be written."""
        self._changed.add(self.name)

    @property
    def has_counted(self) -> bool:
        """Say whether it was counted since its row was written."""
        return self._counting() != self._counted

    def _counting(self) -> tuple[int, int]:
        """Return the minute and its count; a minute without any is as good as another."""
        pulse = self.pulse
        return (pulse.minute, pulse.count) if pulse.count or pulse.storm is not None else (0, 0)

    def state(self) -> TenantState:
        """Return what has to be kept, and take it for written."""
        self._counted = self._counting()
        _, *counted = self.pulse.snapshot()
        return TenantState(
            (self._counted[0], *counted),
            self.throttle.snapshot(),
            self.budget.snapshot(),
            self.hidden.snapshot(),
            self.ended,
            self.reminded,
            {rule_id: (since, hidden.snapshot()) for rule_id, (since, hidden) in self.in_window.items()},
            self.seen_switch,
            self.missing,
            self.budget_told,
            self.had_identity_rules,
        )

    def restore(self, state: TenantState) -> None:
        """Take over what was kept; the rules come before that."""
        self.pulse = Pulse.restored(state.pulse, self.pulse.policy)
        self.throttle = Throttle.restored(state.throttle, self.policy.throttle)
        self.budget = Budget.restored(state.budget, self.policy.budget)
        self.hidden = HiddenPerDay.restored(state.hidden)
        self.ended, self.reminded = state.ended, state.reminded
        self.in_window = {
            rule_id: (since, HiddenCounts.restored(hidden)) for rule_id, (since, hidden) in state.in_window.items()
        }
        self.seen_switch, self.missing = state.seen_switch, state.missing
        self.budget_told = state.budget_told
        self.had_identity_rules = state.had_identity_rules
        self._counted = self._counting()
