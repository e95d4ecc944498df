"""The stages that may suppress a change of an alert, asked in order.

Silences, maintenance windows and inhibition are what people wrote, and hold for everything. Flapping, storms, noise and
throttling are adaptive: they never hide what a tenant wants to see always, nor the end of what was shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import msgspec

from agents.scoring import Likely
from agents.suppress.tenant import STORM, THROTTLE, Tenant
from pipeline.domain.alert import Alert
from pipeline.domain.change import Change
from pipeline.domain.flapping import Flap, flipped, steady_at
from pipeline.domain.reasons import Ruled, Stage
from pipeline.domain.subject import Subject
from pipeline.domain.suppressors import named, parts_of
from pipeline.schemas.rulings import NO_MATCH, PASS, SUPPRESS, UNASKED, Ruling, decision

if TYPE_CHECKING:
    from pipeline.domain.rule import RuleRef

FLAPPING: Final = Stage.FLAPPING.value
NOISE: Final = Stage.NOISE.value
_BEGINS_TO_FLAP: Final = Change.FLAPPING  # costs a quarter of what the member does, as in lifecycle
_ENDS: Final = frozenset((Change.RESOLVED, Change.EXPIRED))
_FLIPS: Final = frozenset((Change.REOPENED, *_ENDS))


class Asked(msgspec.Struct, gc=False):
    """One alert on its way through the stages."""

    _tenant: Tenant
    _alert: Alert
    change: Change
    subject: Subject
    _now: int
    _at: int  # when the change was; earlier than now where its record came late
    _likely_noise: Callable[[Alert, Mapping[str, str], str | None], Likely | None]
    _source: str | None
    _is_new_name: bool = False
    held: list[str] = []
    """What holds the alert from now on."""
    suppressed_by: list[str] = []
    """What suppresses this record: what holds the alert, but for a hold that begins with this record."""
    _parts: list[bytes] = []

    def ruling(self) -> Ruling:
        """Return what the stages said."""
        return Ruling(tuple(self.suppressed_by), tuple(self._parts)) if self._parts else UNASKED

    def ask(self) -> None:
        """Ask everybody about a change that a record or time brought: people first, then what adapts."""
        tenant = self._tenant
        policy = tenant.policy
        if tenant.silence_by_id or tenant.window_by_id or tenant.inhibitor is not None:
            self._ask_people()
        if self._alert.flips or self.change in _FLIPS:
            self._flapping()
        if tenant.pulse.storm is not None:
            self._storm()
        if policy.hide_noise_from is not None:
            self._noise(policy.hide_noise_from)
        if policy.throttle.enabled and not self.suppressed_by:
            self._throttle()

    def ask_again(self) -> None:
        """Ask about an alert of which nothing but the verdict may have changed."""
        self._ask_people()
        self._keep_adaptive()

    # -- what people wrote

    def _ask_people(self) -> None:
        """Ask silences, maintenance windows and inhibition."""
        tenant, subject, now = self._tenant, self.subject, self._now
        if tenant.silence_by_id:
            hits = [silence.ref for silence in tenant.silences.matching(subject) if tenant.silenced_by(silence, now)]
            self._explicit(Stage.SILENCE, Ruled.SILENCED, hits)
        if tenant.window_by_id:
            hits = [window.ref for window in tenant.windows.matching(subject) if tenant.is_on(window, now)]
            self._explicit(Stage.MAINTENANCE, Ruled.IN_MAINTENANCE, hits)
        if tenant.inhibitor is not None:
            rules = [rule.ref for rule, _ in tenant.inhibitor.inhibitors(self._alert.key)]
            self._explicit(Stage.INHIBITION, Ruled.INHIBITED, rules)

    def _explicit(self, stage: Stage, reason: Ruled, hits: list[RuleRef]) -> None:
        if not hits:
            self._parts.append(NO_MATCH[stage])
            return
        for ref in hits:
            self._parts.append(decision(stage, SUPPRESS, reason, ref))
            self._hold(named(stage, ref.id))

    # -- what adapts

    @property
    def _protection(self) -> Ruled | None:
        """Return why nothing adaptive may hide the alert, None if it may."""
        if self._tenant.policy.protects(self.subject, self._alert.severity):
            return Ruled.NEVER_SUPPRESSED
        return Ruled.BUDGET_EXHAUSTED if self._tenant.budget.is_exhausted(self._now) else None

    def _flapping(self) -> None:
        alert = self._alert
        policy = self._tenant.flap_policy_of(self.subject)
        if not policy.enabled:
            alert.flips, alert.steady_at = (), 0
            return
        if self.change in _FLIPS:
            alert.flips, flapping, flap = flipped(alert.flips, bool(alert.steady_at), self._at, policy)
            alert.steady_at = steady_at(alert.flips, policy) if flapping else 0
            if flap is Flap.FLAPPING:
                self.change = Change.FLAPPING
                self._pass(Stage.FLAPPING, Ruled.FLAPPING_BEGINS, policy.ref)
                if self._protection is None:
                    self.held.append(FLAPPING)
                return
        if alert.steady_at:
            self._adaptive(Stage.FLAPPING, Ruled.FLAPPING, policy.ref)
        elif policy is not self._tenant.defaults.flap:
            self._parts.append(NO_MATCH[Stage.FLAPPING])

    def _storm(self) -> None:
        alert, pulse = self._alert, self._tenant.pulse
        storm = pulse.storm
        if storm is None or not pulse.storming:
            return
        ref = pulse.policy.ref
        if self.change in _ENDS and (alert.shown or STORM not in alert.held):
            self._pass(Stage.STORM, Ruled.WAS_SHOWN, ref)
        elif storm.lets_pass(alert.name, is_new_name=self._is_new_name):
            self._pass(Stage.STORM, Ruled.NEW_NAME, ref)
        else:
            self._adaptive(Stage.STORM, Ruled.STORM, ref)

    def _noise(self, hide_from: float) -> None:
        """Hide what nobody will care about, until it ends or gets worse."""
        alert, ref, likely = self._alert, self._tenant.policy.ref, self._likely()
        if self.change in _ENDS and NOISE in alert.held and not alert.shown:
            self._adaptive(Stage.NOISE, _noise_by(likely), ref)
        elif likely is None or not likely.is_noise(hide_from):
            self._parts.append(NO_MATCH[Stage.NOISE])
        elif self.change in _ENDS:
            self._pass(Stage.NOISE, Ruled.WAS_SHOWN, ref)
        elif self.change is Change.SEVERITY_RAISED:
            self._pass(Stage.NOISE, Ruled.SEVERITY_RAISED, ref)
        else:
            self._adaptive(Stage.NOISE, _noise_by(likely), ref)

    def _likely(self) -> Likely | None:
        return self._likely_noise(self._alert, self.subject.fields, self._source)

    def _throttle(self) -> None:
        """Ask for a token; the end of an alert needs none, and follows its beginning."""
        alert, tenant, change = self._alert, self._tenant, self.change
        if change is _BEGINS_TO_FLAP:
            return
        ref = tenant.policy.ref
        if change in _ENDS:
            if THROTTLE in alert.held and not alert.shown:
                self._parts.append(decision(Stage.THROTTLE, SUPPRESS, Ruled.TENANT_RATE, ref))
                self._hold(THROTTLE)
            return
        if tenant.policy.protects(self.subject, alert.severity):
            if tenant.policy_is_its_own:
                self._pass(Stage.THROTTLE, Ruled.NEVER_SUPPRESSED, ref)
            return
        refused = tenant.throttle.take(alert.name, self._now)
        tenant.has_changed()
        if refused is None:
            if tenant.policy_is_its_own:
                self._pass(Stage.THROTTLE, Ruled.WITHIN_RATE, ref)
        elif tenant.budget.is_exhausted(self._now):
            self._pass(Stage.THROTTLE, Ruled.BUDGET_EXHAUSTED, ref)
        else:
            self._parts.append(decision(Stage.THROTTLE, SUPPRESS, Ruled(refused.value), ref))
            self._hold(THROTTLE)

    # -- what an alert is held by when nothing but its verdict may change

    def _keep_adaptive(self) -> None:
        """Let adaptive holds stand that still hold, and ask for a token where none is left."""
        alert, tenant = self._alert, self._tenant
        if self._protection is None:
            if FLAPPING in alert.held and alert.steady_at:
                self._adaptive(Stage.FLAPPING, Ruled.FLAPPING, tenant.flap_policy_of(self.subject).ref)
            if STORM in alert.held and tenant.pulse.storming:
                self._adaptive(Stage.STORM, Ruled.STORM, tenant.pulse.policy.ref)
            if NOISE in alert.held and tenant.policy.hide_noise_from is not None:
                likely = self._likely()
                if likely is not None and likely.is_noise(tenant.policy.hide_noise_from):
                    self._adaptive(Stage.NOISE, _noise_by(likely), tenant.policy.ref)
        if alert.held and not self.suppressed_by and tenant.policy.throttle.enabled:
            self._throttle()

    def _adaptive(self, stage: Stage, reason: Ruled, ref: RuleRef) -> None:
        protection = self._protection
        if protection is not None:
            self._pass(stage, protection, ref)
        else:
            self._parts.append(decision(stage, SUPPRESS, reason, ref))
            self._hold(str(stage))

    def _pass(self, stage: Stage, reason: Ruled, ref: RuleRef | None = None) -> None:
        self._parts.append(decision(stage, PASS, reason, ref))

    def _hold(self, what: str) -> None:
        self.held.append(what)
        self.suppressed_by.append(what)


def _noise_by(likely: Likely | None) -> Ruled:
    """Return by what an alert counts as noise."""
    return Ruled.NOISE_BY_RECENT_RATE if likely is not None and likely.fell_back else Ruled.LIKELY_NOISE


_HELD_BY: Final = {
    FLAPPING: Ruled.FLAPPING,
    STORM: Ruled.STORM,
    NOISE: Ruled.LIKELY_NOISE,
    THROTTLE: Ruled.TENANT_RATE,
}


def standing(tenant: Tenant, alert: Alert) -> Ruling:
    """Return the ruling on a digest of repeats: what held the alert before holds it still."""
    parts = []
    for what in alert.held:
        stage, rule_id = parts_of(what)
        if rule_id:
            parts.append(decision(Stage(stage), SUPPRESS, Ruled.UNCHANGED, tenant.ref_of(stage, rule_id)))
        else:
            parts.append(decision(Stage(stage), SUPPRESS, _HELD_BY[what]))
    return Ruling(alert.held, tuple(parts))
