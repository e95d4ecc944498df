"""Suppression for all tenants of one partition: who is asked about a change, and what is told because of that."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Final, Protocol

from agents.suppress import tellings
from agents.suppress.agenda import Agenda
from agents.suppress.control import Control
from agents.suppress.stages import FLAPPING, Asked, standing
from agents.suppress.tenant import STORM, THROTTLE, Tenant
from pipeline.domain.alert import Body
from pipeline.domain.change import Change
from pipeline.domain.flapping import Flap, settle, steady_at
from pipeline.domain.reasons import Stage
from pipeline.domain.severity import LABELS
from pipeline.domain.storms import StormEvent
from pipeline.domain.subject import Subject
from pipeline.domain.suppressors import is_adaptive, parts_of
from pipeline.schemas import raw
from pipeline.schemas.rulings import UNASKED, Ruling
from tables import keys
from tables.control import ControlTable
from tables.tenants import names_met, tenant_row, tenant_states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from agents.scoring import Likely
    from agents.suppress.cause import Cause
    from agents.suppress.defaults import Defaults
    from pipeline.domain.alert import Alert
    from pipeline.domain.identity_rules import Identities
    from pipeline.domain.matchers import Matchers
    from pipeline.domain.opinion import Opinion
    from pipeline.domain.storms import Pulse
    from pipeline.domain.timers import TimerWheel
    from pipeline.schemas.own import OwnAlert
    from tables.alerts import AlertTable
    from tables.store import Rows, RowStore

_MINUTE: Final = 60_000
_OPENED: Final = Change.OPENED
_SAYS_WHO: Final = (_OPENED, Change.REOPENED, Change.SEVERITY_RAISED, Change.SEVERITY_LOWERED)


class Teller(Protocol):
    """Who lets records leave."""

    def tell(self, alert: Alert, change: Change, body: Body, ruling: Ruling, cause: Cause, at: int) -> None:
        """Tell of a change of an alert that its verdict brings."""

    def tell_own(self, tenant: str, own: OwnAlert, cause: Cause, at: int) -> None:
        """Tell of an alert of the pipeline's own."""


class Suppression:
    """Everything that suppresses alerts in one partition."""

    def __init__(
        self,
        store: RowStore,
        timers: TimerWheel,
        teller: Teller,
        defaults: Defaults,
        stream_ms: Callable[[], int],
        *,
        partition: int,
        partitions: int,
    ) -> None:
        self.tenants: dict[str, Tenant] = {}
        self.alerts: AlertTable  # set by whoever has both: each needs the other
        self.on_opinion: Callable[[str, Opinion | None, Opinion | None], None] = lambda tenant, before, now: None
        self.likely_noise: Callable[[Alert, Mapping[str, str], str | None], Likely | None] = lambda *_: None
        self.on_minute: Callable[[str, int, int], None] = lambda tenant, minute, count: None  # since 1970, records
        self.hid: Counter[tuple[str, str]] = Counter()  # records since the last report, by tenant and suppressor
        self.table = ControlTable(store)
        self.agenda = Agenda(timers, self, teller, stream_ms)
        self.control = Control(self.table, self, self.agenda, partition=partition, partitions=partitions)
        self._store = store
        self._timers = timers
        self._teller = teller
        self._defaults = defaults
        self._changed: Rows = {}
        self._changed_tenants: set[str] = set()
        self._minute = 0  # that pulses count, since 1970
        self._is_concerned = cache(self._may_inhibit)  # asked for every alert that is restored, and names are few
        self._minute_ends: int | None = None  # the second at which that is looked at; None: no timer is armed

    # -- tenants

    def tenant(self, name: str) -> Tenant:
        """Return a tenant, a new one if it is not known yet."""
        tenant = self.tenants.get(name)
        if tenant is None:
            tenant = self.tenants[name] = Tenant(name, self._defaults, self._minute, self._changed_tenants)
        return tenant

    def pulse_of(self, name: str) -> Pulse:
        """Return what counts a tenant's alerts."""
        return self.tenant(name).pulse

    def identities_of(self, name: str) -> Identities | None:
        """Return what makes a tenant's alerts the same, None if it has no rules for that."""
        tenant = self.tenants.get(name)
        return None if tenant is None else tenant.identities

    def may_remember(self, name: str) -> bool:
        """Say whether the text of a tenant's alert, as it was when the alert last changed, is that alert still."""
        tenant = self.tenants.get(name)
        return tenant is None or not tenant.had_identity_rules

    def subject_of(self, alert: Alert, body: Body) -> Subject:
        """Return an alert as matchers see it."""
        return Subject(alert.name, raw.labels_in(body.labels), LABELS[alert.severity], body.source, body.texts)

    # -- a change of an alert, by a record or by time

    def rule(
        self, alert: Alert, change: Change, body: Body, labels: Mapping[str, str], cause: Cause, now: int, at: int
    ) -> tuple[Change, Ruling, Iterable[bytes]]:
        """Return what is to be told of `change`, the ruling on it, and the alerts whose verdict it may change.

        `at` is when the change was, `now` when it is ruled on: later, where a record comes late.
        """
        tenant = self.tenants.get(alert.tenant) or self.tenant(alert.tenant)
        subject = Subject(alert.name, labels, LABELS[alert.severity], body.source, body.texts)
        is_new_name = change is _OPENED and tenant.meet_name(alert.name)
        if is_new_name:
            self._changed[keys.name(tenant.name, alert.name)] = now.to_bytes(8, "big")
        affected: Iterable[bytes] = ()
        if alert.open:
            tenant.open.add(alert.key)
            if tenant.inhibitor is not None and change in _SAYS_WHO:
                affected = tenant.inhibitor.opened(alert.key, subject)
        asked = Asked(tenant, alert, change, subject, now, at, self.likely_noise, body.source, is_new_name)
        asked.ask()
        if not alert.open:
            tenant.open.discard(alert.key)
            if tenant.inhibitor is not None:
                affected = tenant.inhibitor.closed(alert.key)
        if tenant.policy.dead_mans_switches:
            self.agenda.take_sign(tenant, alert, subject, cause, now)
        ruling = asked.ruling()
        if ruling.suppressed_by or asked.held or alert.held:
            self._settle(tenant, alert, asked, ruling, cause, now)
        else:
            alert.shown = alert.open
        return asked.change, ruling, affected

    def standing(self, alert: Alert) -> Ruling:
        """Return the ruling on a digest of repeats: as it was before."""
        return standing(self.tenant(alert.tenant), alert) if alert.held else UNASKED

    def _settle(self, tenant: Tenant, alert: Alert, asked: Asked, ruling: Ruling, cause: Cause, now: int) -> None:
        if not alert.open:
            tenant.end_with(alert, now)
        self._hold(tenant, alert, asked, now)
        if not ruling.suppressed_by:
            alert.shown = alert.open
        elif not alert.open:
            alert.shown = False
        if ruling.suppressed_by:
            self._count(tenant, alert, asked.subject, ruling.suppressed_by, cause, now)

    def _hold(self, tenant: Tenant, alert: Alert, asked: Asked, now: int) -> None:
        held = tuple(asked.held) if alert.open else (FLAPPING,) if FLAPPING in asked.held else ()
        tenant.holds(alert, held)
        if THROTTLE in held:
            tenant.has_changed()
            self.agenda.look_at(tenant, tenant.throttle.ready_at(alert.name, now), now)

    def _count(
        self, tenant: Tenant, alert: Alert, subject: Subject, suppressed_by: tuple[str, ...], cause: Cause, now: int
    ) -> None:
        """Count a record that is suppressed, and tell where that is too many."""
        tenant.has_changed()
        self.agenda.open_day(tenant, now)
        for what in suppressed_by:
            stage, rule_id = parts_of(what)
            self.hid[tenant.name, stage] += 1
            tenant.hidden.hide(what)
            if rule_id and stage == Stage.MAINTENANCE and (on := tenant.in_window.get(rule_id)) is not None:
                on[1].count(alert.name, alert.severity)
        if STORM in suppressed_by and tenant.pulse.storm is not None:
            tenant.pulse.storm.hide(subject.fields)
        if all(map(is_adaptive, suppressed_by)) and (event := tenant.budget.spend(now)) is not None:
            tenant.budget_told = tenant.budget_told or now
            own = tellings.budget_spent(event, tenant.budget.policy, tenant.budget.spent, tenant.budget_told)
            self._teller.tell_own(tenant.name, own, cause, now)

    # -- changes of verdicts alone

    def recheck(self, tenant: Tenant, affected: Iterable[bytes], cause: Cause, now: int) -> None:
        """Ask the stages again about open alerts, and tell where the verdict is another one."""
        for key in sorted(affected):
            alert = self.alerts.find(key)
            if alert is not None and alert.open:
                self._recheck(tenant, alert, cause, now)

    def _recheck(self, tenant: Tenant, alert: Alert, cause: Cause, now: int) -> None:
        body = self.alerts.body(alert.key)
        subject = self.subject_of(alert, body)
        asked = Asked(tenant, alert, Change.UNSUPPRESSED, subject, now, now, self.likely_noise, body.source)
        asked.ask_again()
        if tuple(asked.held) == alert.held:
            return
        self.alerts.put_body(alert, body)
        if bool(alert.held) == bool(asked.held):
            self._hold(tenant, alert, asked, now)
            return
        ruling = asked.ruling()
        self._settle(tenant, alert, asked, ruling, cause, now)
        change = Change.SUPPRESSED if ruling.suppressed_by else Change.UNSUPPRESSED
        self._teller.tell(alert, change, body, ruling, cause, now)

    def settle_flapping(self, alert: Alert, body: Body, cause: Cause, now: int, at: int) -> bool:
        """Tell of an alert that is steady again since `at`; say whether it is. Rules are asked as of `now`."""
        tenant = self.tenant(alert.tenant)
        subject = self.subject_of(alert, body)
        policy = tenant.flap_policy_of(subject)
        alert.flips, still, flap = settle(alert.flips, flapping=True, now=at, policy=policy)
        alert.steady_at = steady_at(alert.flips, policy) if still else 0
        self.alerts.put_body(alert, body)
        if flap is not Flap.STEADY:
            return False
        asked = Asked(tenant, alert, Change.STEADY, subject, now, at, self.likely_noise, body.source)
        asked.ask_again()
        ruling = asked.ruling()
        self._settle(tenant, alert, asked, ruling, cause, now)
        self._teller.tell(alert, Change.STEADY, body, ruling, cause, at)
        return True

    # -- storms

    def begin_storm(self, pulse: Pulse, tenant: str, cause: Cause, now: int) -> None:
        """Tell that a storm has begun."""
        self.tenant(tenant).has_changed()
        self._teller.tell_own(tenant, tellings.storm_began(pulse, now), cause, now)

    def count_minutes(self, stream_ms: int) -> None:
        """See to it that the minute of `stream_ms` is counted, and ends."""
        if self._minute_ends is not None:
            return
        self._minute = stream_ms // _MINUTE
        self._minute_ends = (self._minute + 1) * 60
        for tenant in self.tenants.values():
            tenant.pulse.roll(self._minute)
        self._timers.arm(self._minute_ends, keys.MINUTE)

    def end_minute(self, second: int, cause: Cause) -> None:
        """Close the minute that ends at `second`, and count the next one if there was anything in this one."""
        if second != self._minute_ends:
            return
        self._minute = second // 60
        goes_on = False
        for tenant in sorted(self.tenants.values(), key=lambda one: one.name):
            pulse = tenant.pulse
            storm = pulse.storm
            if pulse.count or storm is not None:
                goes_on = True
                tenant.has_changed()
            if pulse.count:
                self.on_minute(tenant.name, pulse.minute, pulse.count)
            for news in pulse.roll(self._minute):
                if storm is None:  # a storm that has ended has no news
                    break
                self._teller.tell_own(tenant.name, tellings.storm_news(news, storm.started_at), cause, second * 1000)
                if news.event is StormEvent.ENDED:
                    self.recheck(tenant, set(tenant.in_storm), cause, second * 1000)
        self._minute_ends = second + 60 if goes_on else None
        if self._minute_ends is not None:
            self._timers.arm(self._minute_ends, keys.MINUTE)

    # -- which alerts a rule may concern

    def held_by(self, tenant: Tenant, what: str) -> set[bytes]:
        """Return the open alerts that something holds."""
        return self._open_ones(tenant, lambda alert: what in alert.held)

    def adaptively_held(self, tenant: Tenant) -> set[bytes]:
        """Return the open alerts that something holds which nobody wrote."""
        return self._open_ones(tenant, lambda alert: any(map(is_adaptive, alert.held)))

    def concerned(self, tenant: Tenant, matchers: Matchers, what: str) -> set[bytes]:
        """Return the open alerts that something holds, or may by their names."""
        may = cache(matchers.could_match_name)
        return self._open_ones(tenant, lambda alert: may(alert.name) or what in alert.held)

    def matching(self, tenant: Tenant, matchers: Matchers) -> set[bytes]:
        """Return the open alerts that matchers are about."""
        subjects = self.subjects(tenant, matchers.could_match_name)
        return {key for key, subject in subjects if matchers.matches(subject)}

    def subjects(self, tenant: Tenant, wanted: Callable[[str], bool]) -> Iterator[tuple[bytes, Subject]]:
        """Yield the open alerts whose names are wanted, by key, as matchers see them."""
        wanted = cache(wanted)
        for key in sorted(self._open_ones(tenant, lambda alert: wanted(alert.name))):
            alert = self.alerts.find(key)
            if alert is not None:
                yield key, self.subject_of(alert, self.alerts.body(key))

    def _open_ones(self, tenant: Tenant, wanted: Callable[[Alert], bool]) -> set[bytes]:
        find = self.alerts.find
        return {key for key in tenant.open if (alert := find(key)) is not None and wanted(alert)}

    # -- state

    def load(self, stream_ms: int) -> None:
        """Read the rules and how tenants stand with them. The alerts come next, each brought to `note`."""
        self._minute = stream_ms // _MINUTE
        self.control.load()
        for name, state in tenant_states(self._store):
            self.tenant(name).restore(state)
        for name, alert_name in names_met(self._store):
            self.tenant(name).names.add(alert_name)

    def note(self, alert: Alert, labels: bytes, annotations: bytes, source: str | None) -> None:
        """Take note of an alert that was restored."""
        if not alert.open:
            return
        tenant = self.tenant(alert.tenant)
        tenant.open.add(alert.key)
        if alert.held:
            tenant.note_held(alert)
        inhibitor = tenant.inhibitor
        if inhibitor is not None and self._is_concerned(tenant.name, alert.name):
            inhibitor.opened(alert.key, self.subject_of(alert, Body(labels, annotations, source)))

    def _may_inhibit(self, tenant: str, name: str) -> bool:
        """Say whether inhibition may be about a tenant's alerts of a name."""
        inhibitor = self.tenant(tenant).inhibitor
        return inhibitor is not None and inhibitor.could_concern(name)

    def resume(self, stream_ms: int) -> None:
        """Go on where the state stands, once all alerts are there."""
        self._is_concerned.cache_clear()
        counted = [
            tenant.pulse.minute
            for tenant in self.tenants.values()
            if tenant.pulse.count or tenant.pulse.storm is not None
        ]
        if counted:
            self._minute = max(counted)
            self._minute_ends = (self._minute + 1) * 60
            self._timers.arm(self._minute_ends, keys.MINUTE)
        for tenant in self.tenants.values():
            tenant.pulse.roll(self._minute)
            self.agenda.resume(tenant, stream_ms // 1000 * 1000)

    def snapshot(self, rows: Rows, counted: set[str]) -> None:
        """Add to `rows` everything that changed since the last snapshot; of `counted` tenants there were records.

        Most of many tenants are quiet, so nobody looks at all of them.
        """
        rows.update(self._changed)
        self._changed = {}
        self.table.snapshot(rows)
        for name in self._changed_tenants | {one for one in counted if self.tenant(one).has_counted}:
            rows[keys.tenant(name)] = tenant_row(self.tenants[name].state())
        self._changed_tenants.clear()
