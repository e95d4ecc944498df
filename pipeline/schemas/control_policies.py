"""Domain objects from the specs of the kinds that know no time of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain.budgets import BudgetPolicy
from pipeline.domain.flapping import FlapPolicy
from pipeline.domain.identity_rules import IdentityRule, IdentityRuleError, Normalisation
from pipeline.domain.inhibit_rule import InhibitRule, Source
from pipeline.domain.matchers import Matchers
from pipeline.domain.severity import LABELS, Severity
from pipeline.domain.storms import StormPolicy
from pipeline.domain.tenants import DeadMansSwitch, TenantPolicy
from pipeline.domain.throttling import ThrottlePolicy
from pipeline.schemas.control_problems import InvalidControlError, likely, shown
from pipeline.schemas.control_specs import EqualNames, LabelRewrite
from pipeline.schemas.control_values import duration_at, matchers_at, set_at

if TYPE_CHECKING:
    from pipeline.domain.rule import RuleRef
    from pipeline.schemas.control_fields import Matching
    from pipeline.schemas.control_problems import Path
    from pipeline.schemas.control_specs import (
        Equal,
        FlapPolicySpec,
        IdentityRuleSpec,
        InhibitRuleSpec,
        NameRewrite,
        StormPolicySpec,
        TenantSpec,
    )

_SPEC: Final[Path] = ("spec",)


def inhibit_rule(ref: RuleRef, spec: InhibitRuleSpec) -> InhibitRule:
    """Return the rule; a source without `equal` of its own has that of the rule."""
    if spec.source_matchers is not None or spec.target_matchers is not None:
        return _short_inhibit_rule(ref, spec)
    if spec.sources is None or spec.target is None:
        missing = "sources" if spec.sources is None else "target"
        remedy = "Write sources and target, or source_matchers and target_matchers"
        raise InvalidControlError((*_SPEC, missing), "is missing", remedy)
    of_all = _pairs(spec.equal)
    sources = tuple(
        Source(
            matchers_at((*_SPEC, "sources", at), source, required=True),
            of_all if source.equal is None else _pairs(source.equal),
        )
        for at, source in enumerate(spec.sources)
    )
    return InhibitRule(ref, sources, matchers_at((*_SPEC, "target"), spec.target, required=True))


def _short_inhibit_rule(ref: RuleRef, spec: InhibitRuleSpec) -> InhibitRule:
    if spec.sources is not None or spec.target is not None:
        other = "sources" if spec.sources is not None else "target"
        remedy = "Write either sources and target, or source_matchers and target_matchers"
        raise InvalidControlError((*_SPEC, other), "stands beside source_matchers or target_matchers", remedy)
    if spec.source_matchers is None or spec.target_matchers is None:
        missing = "source_matchers" if spec.source_matchers is None else "target_matchers"
        remedy = f"Write for example {missing}: ['severity=\"critical\"']"
        raise InvalidControlError((*_SPEC, missing), "is missing", remedy)
    source = set_at((*_SPEC, "source_matchers"), spec.source_matchers)
    target = set_at((*_SPEC, "target_matchers"), spec.target_matchers)
    return InhibitRule(ref, (Source(Matchers((source,)), _pairs(spec.equal)),), Matchers((target,)))


def _pairs(equal: Equal) -> tuple[tuple[str, str], ...]:
    return tuple((one.source, one.target) if isinstance(one, EqualNames) else (one, one) for one in equal)


def storm_policy(ref: RuleRef, spec: StormPolicySpec) -> StormPolicy:
    """Return the policy."""
    return StormPolicy(ref, spec.enabled, spec.floor, spec.factor, spec.quiet_minutes)


def flap_policy(ref: RuleRef, spec: FlapPolicySpec) -> FlapPolicy:
    """Return the policy."""
    if spec.end_at >= spec.start_at:
        what = f"is {spec.end_at}, and start_at is {spec.start_at}"
        raise InvalidControlError((*_SPEC, "end_at"), what, f"Write a number from 0 to {spec.start_at - 1}")
    window = duration_at((*_SPEC, "window"), spec.window, least=1000)
    return FlapPolicy(ref, spec.enabled, _matchers_or_all(spec), window, spec.start_at, spec.end_at)


def _matchers_or_all(spec: Matching) -> Matchers | None:
    """Return the matchers, None where there are none: then it is about every alert."""
    if spec.matchers is None and spec.any_of is None:
        return None
    return matchers_at(_SPEC, spec, required=False)


def identity_rule(ref: RuleRef, spec: IdentityRuleSpec) -> IdentityRule:
    """Return the rule; one that changes nothing is refused."""
    if not (spec.drop or spec.normalise or spec.name):
        raise InvalidControlError(_SPEC, "changes nothing", "Write drop: [LABEL], normalise: [...] or name: [...]")
    labels = tuple(_normalisation((*_SPEC, "normalise", at), one, one.label) for at, one in enumerate(spec.normalise))
    names = tuple(_normalisation((*_SPEC, "name", at), one, None) for at, one in enumerate(spec.name))
    try:
        return IdentityRule(ref, _matchers_or_all(spec), spec.drop, labels, names)
    except IdentityRuleError as error:
        raise InvalidControlError((*_SPEC, "matchers"), str(error), "") from None


def _normalisation(path: Path, spec: LabelRewrite | NameRewrite, label: str | None) -> Normalisation:
    if (spec.as_ is None) == (spec.pattern is None):
        raise InvalidControlError(path, "is neither one kind nor one pattern", "Write either as: KIND or pattern: RE2")
    if spec.as_ is not None and spec.replace is not None:
        raise InvalidControlError((*path, "replace"), "stands beside as", "Remove it; it belongs to a pattern")
    try:
        if spec.replace is None:
            return Normalisation(label, spec.as_, spec.pattern)
        return Normalisation(label, spec.as_, spec.pattern, spec.replace)
    except IdentityRuleError as error:
        raise InvalidControlError((*path, "pattern"), str(error), "") from None


def tenant_policy(ref: RuleRef, spec: TenantSpec) -> TenantPolicy:
    """Return the policy."""
    ids: set[str] = set()
    switches = []
    for at, switch in enumerate(spec.dead_mans_switches):
        path: Path = (*_SPEC, "dead_mans_switches", at)
        if switch.id in ids:
            raise InvalidControlError((*path, "id"), f"{shown(switch.id)} is there twice", "Give each an id of its own")
        ids.add(switch.id)
        matchers = set_at((*path, "matchers"), switch.matchers)
        if not matchers:
            raise InvalidControlError((*path, "matchers"), "are empty", "Write for example ['alertname=\"Watchdog\"']")
        within = duration_at((*path, "within"), switch.within, least=1000)
        switches.append(DeadMansSwitch(switch.id, Matchers((matchers,)), within))
    longest = None if spec.max_silence is None else duration_at((*_SPEC, "max_silence"), spec.max_silence)
    throttle = None if spec.throttle is None else ThrottlePolicy(*msgspec.structs.astuple(spec.throttle))
    budget = BudgetPolicy(spec.budget.suppressed_per_day, spec.budget.warn_at)
    severity = _severity(spec.never_suppress)
    hide_from = None if spec.noise is None else spec.noise.hide_from
    found = TenantPolicy(
        ref, spec.always_pass, tuple(switches), longest, severity, budget=budget, hide_noise_from=hide_from
    )
    if throttle is None:
        return found
    return msgspec.structs.replace(found, throttle=throttle, throttle_is_its_own=True)


def _severity(label: str) -> Severity:
    if label not in LABELS:
        meant = likely(label, [*LABELS])
        remedy = f"Did you mean {meant}?" if meant else f"Write one of {', '.join(LABELS)}"
        raise InvalidControlError((*_SPEC, "never_suppress"), f"{shown(label)} is no severity", remedy)
    return Severity(LABELS.index(label))
