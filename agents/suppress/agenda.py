"""What time alone does to a tenant's suppression: windows begin and end, tokens come, switches fall silent, days end.

One timer for each tenant rings at the earliest of these. What is done then follows from how things stand, so that
looking once too often changes nothing.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

from agents.suppress import tellings
from pipeline.domain import maintenance, silences
from pipeline.domain.budgets import DAY
from pipeline.domain.maintenance import HiddenCounts
from pipeline.domain.reasons import Stage
from pipeline.domain.suppressors import named
from pipeline.domain.throttling import NEVER
from pipeline.domain.timers import second_of
from tables import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.suppress.cause import Cause
    from agents.suppress.suppression import Suppression, Teller
    from agents.suppress.tenant import Tenant
    from pipeline.domain.alert import Alert
    from pipeline.domain.maintenance import MaintenanceWindow
    from pipeline.domain.silences import Silence
    from pipeline.domain.subject import Subject
    from pipeline.domain.timers import TimerWheel

_SILENCE: Final = "silence"
_WINDOW: Final = "maintenance"
_REMINDER: Final = "reminder"
_LOOK_FOR_MISSING: Final = 30_000  # ms: how often somebody looks whether a switch that was missed is back


class Agenda:
    """When to look at each tenant again, and what to do then."""

    def __init__(
        self, timers: TimerWheel, suppression: Suppression, teller: Teller, stream_ms: Callable[[], int]
    ) -> None:
        self._timers = timers
        self._stream_ms = stream_ms  # how far time is, which a late record is behind
        self._suppression = suppression
        self._teller = teller

    # -- looking

    def ring(self, tenant: Tenant, second: int, cause: Cause) -> None:
        """Look at a tenant whose timer rings, unless that timer was moved on."""
        if tenant.due == second:
            tenant.due = 0
            self.look(tenant, cause, second * 1000)

    def look(self, tenant: Tenant, cause: Cause, now: int) -> None:
        """Do what is due by `now`, and see to it that somebody looks again in time."""
        self._close_day(tenant, cause, now)
        affected = self._pass_edges(tenant, cause, now)
        if affected:
            self._suppression.recheck(tenant, affected, cause, now)
        self._let_go(tenant, cause, now)
        self._check_switches(tenant, cause, now)
        self.arm(tenant, now)

    def arm(self, tenant: Tenant, now: int) -> None:
        """Let the tenant's timer ring when something is due next."""
        due = self._due_at(tenant, now)
        if due is not None:
            self.look_at(tenant, due, now)

    def look_at(self, tenant: Tenant, due: int, now: int) -> None:
        """Let the tenant's timer ring at `due`, or in a moment if that has passed."""
        if due >= NEVER:
            return
        second = max(second_of(due), second_of(max(now, self._stream_ms()) + 1))
        if not tenant.due or second < tenant.due:
            tenant.due = second
            self._timers.arm(second, keys.tenant(tenant.name))

    def open_day(self, tenant: Tenant, now: int) -> None:
        """See to it that what is hidden today is told of at its end."""
        if not tenant.hidden:
            tenant.hidden.close(now // DAY)
            self.look_at(tenant, (now // DAY + 1) * DAY, now)

    def _due_at(self, tenant: Tenant, now: int) -> int | None:
        times = [tenant.edges[0][0]] if tenant.edges else []
        for name, waiting in tenant.waiting.items():
            if waiting:
                times.append(tenant.throttle.ready_at(name, now))
        times += [
            self._switch_due(tenant, switch.id, switch.within, now) for switch in tenant.policy.dead_mans_switches
        ]
        if tenant.hidden:
            times.append((tenant.hidden.day + 1) * DAY)
        return min(times, default=None)

    # -- silences and windows

    def _watch_silence(self, tenant: Tenant, silence: Silence, now: int) -> None:
        """Look at a silence when it begins, ends, or somebody is to be reminded of its end."""
        rule_id = silence.ref.id
        calendar, ended_at = tenant.calendar_of(silence), tenant.ended.get(rule_id)
        self._watch(tenant, _SILENCE, rule_id, silences.next_edge(silence, now, calendar, ended_at))
        if rule_id not in tenant.reminded:
            self._watch(tenant, _REMINDER, rule_id, silences.reminder_at(silence, now, calendar, ended_at))

    def follow_silence(self, tenant: Tenant, silence: Silence, now: int) -> set[bytes]:
        """Look at a silence from `now` on; return the open alerts that it may hide, or hides."""
        self._watch_silence(tenant, silence, now)
        return self._suppression.concerned(tenant, silence.matchers, named(Stage.SILENCE, silence.ref.id))

    def follow_window(self, tenant: Tenant, window: MaintenanceWindow, cause: Cause, now: int) -> set[bytes]:
        """Do the same for a maintenance window, and tell of it if it begins or ends."""
        self._watch_window(tenant, window, now)
        self._turn(tenant, window, cause, now)
        return self._suppression.concerned(tenant, window.matchers, named(Stage.MAINTENANCE, window.ref.id))

    def _watch_window(self, tenant: Tenant, window: MaintenanceWindow, now: int) -> None:
        """Look at a maintenance window when it begins and ends."""
        rule_id = window.ref.id
        self._watch(tenant, _WINDOW, rule_id, maintenance.next_edge(window, now, tenant.calendar_of(window)))

    def _watch(self, tenant: Tenant, kind: str, rule_id: str, at: int | None) -> None:
        if at is None:
            tenant.edge_of.pop((kind, rule_id), None)
            return
        tenant.edge_of[kind, rule_id] = at
        heappush(tenant.edges, (at, kind, rule_id))
        if len(tenant.edges) > 100 + 4 * len(tenant.edge_of):  # most are of versions that hold no more
            tenant.edges = [edge for edge in set(tenant.edges) if tenant.edge_of.get(edge[1:]) == edge[0]]
            heapify(tenant.edges)

    def forget(self, tenant: Tenant, kind: str, rule_id: str) -> None:
        """Look no more at a rule that is gone."""
        kinds = (_SILENCE, _REMINDER) if kind == _SILENCE else (_WINDOW,)
        for one in kinds:
            tenant.edge_of.pop((one, rule_id), None)

    def resume(self, tenant: Tenant, now: int) -> None:
        """Look on from `now`, the last whole second that has had its effect."""
        for silence in tenant.silence_by_id.values():
            self._watch_silence(tenant, silence, now)
        for window in tenant.window_by_id.values():
            self._watch_window(tenant, window, now)
        self._find_switches(tenant)
        self.arm(tenant, now)

    def _pass_edges(self, tenant: Tenant, cause: Cause, now: int) -> set[bytes]:
        """Go past every beginning and end until `now`; return the alerts that may be concerned."""
        concerned: set[bytes] = set()
        while tenant.edges and tenant.edges[0][0] <= now:
            at, kind, rule_id = heappop(tenant.edges)
            if tenant.edge_of.get((kind, rule_id)) != at:
                continue
            if kind == _REMINDER:
                self._remind(tenant, rule_id, cause, now)
            elif kind == _SILENCE:
                concerned |= self.follow_silence(tenant, tenant.silence_by_id[rule_id], now)
            else:
                concerned |= self.follow_window(tenant, tenant.window_by_id[rule_id], cause, now)
        return concerned

    def _remind(self, tenant: Tenant, rule_id: str, cause: Cause, now: int) -> None:
        silence = tenant.silence_by_id[rule_id]
        tenant.edge_of.pop((_REMINDER, rule_id), None)
        calendar = tenant.calendar_of(silence)
        last = silence.schedule.last_window(calendar)
        if last is None or silences.reminder_at(silence, now, calendar, tenant.ended.get(rule_id)) is None:
            return
        tenant.reminded[rule_id] = last[1]
        tenant.has_changed()
        self._teller.tell_own(tenant.name, tellings.silence_expires(silence, last[1], now), cause, now)

    def _turn(self, tenant: Tenant, window: MaintenanceWindow, cause: Cause, now: int) -> None:
        """Tell of a window that has begun or ended since anybody looked."""
        rule_id = window.ref.id
        span = maintenance.window_at(window, now, tenant.calendar_of(window))
        on = tenant.in_window.get(rule_id)
        if on is not None and (span is None or span[0] > on[0]):
            self.end_window(tenant, window, cause, now)
        if span is not None and rule_id not in tenant.in_window:
            tenant.in_window[rule_id] = span[0], HiddenCounts()
            tenant.has_changed()
            self._teller.tell_own(tenant.name, tellings.window_began(window, span, now), cause, now)

    def end_window(self, tenant: Tenant, window: MaintenanceWindow, cause: Cause, now: int) -> None:
        """Tell of the end of a window, if it was on."""
        rule_id = window.ref.id
        on = tenant.in_window.pop(rule_id, None)
        if on is not None:
            tenant.has_changed()
            still = len(self._suppression.held_by(tenant, named(Stage.MAINTENANCE, rule_id)))
            self._teller.tell_own(tenant.name, tellings.window_ended(window, on[0], now, on[1], still), cause, now)

    # -- tokens

    def _let_go(self, tenant: Tenant, cause: Cause, now: int) -> None:
        """Let alerts go that wait for a token, as far as there are tokens."""
        for name in sorted(tenant.waiting):
            waiting = tenant.waiting[name]
            while waiting and tenant.throttle.ready_at(name, now) <= now:
                _, key = heappop(waiting)
                alert = self._suppression.alerts.find(key)
                if alert is None or not alert.open or "throttle" not in alert.held or alert.name != name:
                    continue
                self._suppression.recheck(tenant, (key,), cause, now)
            if not waiting:
                del tenant.waiting[name]

    # -- dead man's switches

    def take_switches(self, tenant: Tenant, cause: Cause, now: int) -> None:
        """Watch the switches of a policy that has just come into force."""
        wanted = {switch.id for switch in tenant.policy.dead_mans_switches}
        for switch_id in sorted(set(tenant.missing) - wanted):
            self._is_back(tenant, switch_id, cause, now)
        tenant.seen_switch = {one: tenant.seen_switch.get(one, now) for one in sorted(wanted)}
        self._find_switches(tenant)

    def _find_switches(self, tenant: Tenant) -> None:
        tenant.switch_keys = {
            switch.id: self._suppression.matching(tenant, switch.matchers)
            for switch in tenant.policy.dead_mans_switches
        }

    def take_sign(self, tenant: Tenant, alert: Alert, subject: Subject, cause: Cause, now: int) -> None:
        """Take note of an alert that may be a dead man's switch, as it opens or ends."""
        for switch in tenant.policy.dead_mans_switches:
            if not switch.matchers.matches(subject):
                continue
            tenant.has_changed()
            tenant.seen_switch[switch.id] = max(tenant.seen_switch.get(switch.id, 0), alert.last_seen)
            if not alert.open:
                tenant.switch_keys[switch.id].discard(alert.key)
                continue
            tenant.switch_keys[switch.id].add(alert.key)
            if switch.id in tenant.missing:
                self._is_back(tenant, switch.id, cause, now)
            self.look_at(tenant, self._switch_due(tenant, switch.id, switch.within, now), now)

    def _is_back(self, tenant: Tenant, switch_id: str, cause: Cause, now: int) -> None:
        since = tenant.missing.pop(switch_id)
        tenant.has_changed()
        self._teller.tell_own(tenant.name, tellings.switch_back(switch_id, since, now), cause, now)

    def _last_seen(self, tenant: Tenant, switch_id: str) -> int:
        seen = tenant.seen_switch.get(switch_id, 0)
        for key in tenant.switch_keys.get(switch_id, ()):
            alert = self._suppression.alerts.find(key)
            if alert is not None and alert.open:
                seen = max(seen, alert.last_seen)
        return seen

    def _switch_due(self, tenant: Tenant, switch_id: str, within: int, now: int) -> int:
        if switch_id in tenant.missing:
            return (now // _LOOK_FOR_MISSING + 1) * _LOOK_FOR_MISSING
        return self._last_seen(tenant, switch_id) + within

    def _check_switches(self, tenant: Tenant, cause: Cause, now: int) -> None:
        for switch in tenant.policy.dead_mans_switches:
            seen = self._last_seen(tenant, switch.id)
            since = tenant.missing.get(switch.id)
            if since is None and seen + switch.within <= now:
                tenant.missing[switch.id] = seen
                tenant.has_changed()
                self._teller.tell_own(tenant.name, tellings.switch_missing(switch, seen, now), cause, now)
            elif since is not None and seen > since and now % _LOOK_FOR_MISSING == 0:
                self._is_back(tenant, switch.id, cause, now)

    # -- days

    def _close_day(self, tenant: Tenant, cause: Cause, now: int) -> None:
        if not tenant.hidden:
            return
        day = tenant.hidden.day
        counts = tenant.hidden.close(now // DAY)
        if not counts:
            return
        tenant.has_changed()
        self._teller.tell_own(tenant.name, tellings.hidden_in_day(day, counts, now), cause, now)
        if tenant.budget_told:
            self._teller.tell_own(tenant.name, tellings.budget_renewed(tenant.budget_told, now), cause, now)
            tenant.budget_told = 0
