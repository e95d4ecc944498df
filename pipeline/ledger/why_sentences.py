"""The sentence for every reason: why an alert was told of, what hid it, and what deliberately did not.

In the texts {stage}, {rule} and {by} stand for who was asked, the id of the rule, and which version of it by whom.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.domain.reasons import Ruled, Stage, Told
from pipeline.domain.suppressors import parts_of
from pipeline.ledger.why_rules import KINDS, by, signed
from pipeline.schemas.control_records import ControlKey
from pipeline.schemas.rulings import SUPPRESS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.ledger.rule_versions import RuleVersions
    from pipeline.schemas.enriched import Decision

TOLD: Final[dict[Told, str]] = {
    Told.FIRST_SEEN: "It began to fire, and had not fired shortly before.",
    Told.FIRED_AGAIN: "It fires again, soon after its end.",
    Told.SEVERITY_CHANGED: "Its sender gives it another severity.",
    Told.DIGEST_DUE: "It still fires; its repeats are told together.",
    Told.RESOLVED_BY_SENDER: "Its sender says that it is over.",
    Told.ENDS_AT_PASSED: "The end that its sender gave for it has passed.",
    Told.NOT_SEEN_AGAIN: "Nobody repeated it in time, so it counts as over.",
    Told.SUPPRESSION_BEGAN: "It was shown before; it is hidden from now on.",
    Told.SUPPRESSION_ENDED: "It was hidden before; it is shown from now on, for it still fires.",
    Told.STATE_CHANGED_OFTEN: "It goes back and forth between firing and resolved too often: it flaps.",
    Told.STATE_CHANGES_CEASED: "It no longer goes back and forth: this is its state.",
    Told.OWN_ALERT: "The pipeline says this of itself.",
}

SUPPRESSES: Final[dict[Ruled, str]] = {
    Ruled.SILENCED: "Hidden by silence {rule}{by}.",
    Ruled.IN_MAINTENANCE: "Hidden by maintenance window {rule}{by}.",
    Ruled.INHIBITED: "Hidden by inhibition rule {rule}{by}: the alerts that it names as the cause fire.",
    Ruled.FLAPPING: "Hidden while it flaps{by}.",
    Ruled.STORM: "Hidden in a storm of alerts{by}.",
    Ruled.LIKELY_NOISE: "Hidden as noise: by what was said of alerts like it, hardly anybody will care{by}.",
    Ruled.NOISE_BY_RECENT_RATE: "Hidden as noise by what was said of its name of late: the noise model did worse{by}.",
    Ruled.TENANT_RATE: "Hidden until there is room: the tenant's alerts changed too often{by}.",
    Ruled.NAME_RATE: "Hidden until there is room: alerts of this name changed too often{by}.",
    Ruled.UNCHANGED: "Still hidden by {stage} {rule}{by}.",
}

PASSES: Final[dict[Ruled, str]] = {
    Ruled.NEVER_SUPPRESSED: "Let pass by {stage}: alerts of this severity or name are never hidden by it{by}.",
    Ruled.NEW_NAME: "Let pass by {stage}: before it, the tenant had never sent an alert of this name{by}.",
    Ruled.WAS_SHOWN: "Let pass by {stage}: its firing was shown, so its end is shown too{by}.",
    Ruled.SEVERITY_RAISED: "Let pass by {stage}: it got worse{by}.",
    Ruled.FLAPPING_BEGINS: "Let pass by {stage}: that it begins to flap is told once{by}.",
    Ruled.STEADY_AGAIN: "Let pass by {stage}: it is steady again{by}.",
    Ruled.BUDGET_EXHAUSTED: "Let pass by {stage}: as much as may be hidden in a day is hidden already{by}.",
}

IN_PASSING: Final = frozenset({Ruled.NO_MATCH, Ruled.WITHIN_RATE})
"""Reasons to let pass that need no sentence of their own: nothing was special."""

OVER: Final[dict[Stage, str]] = {
    Stage.SILENCE: "Silence {rule} no longer holds it: it is over, or the alert is another one now.",
    Stage.MAINTENANCE: "Maintenance window {rule} no longer holds it: it is over.",
    Stage.INHIBITION: "Inhibition rule {rule} no longer holds it: what it names as the cause does not fire any more.",
    Stage.FLAPPING: "It does not flap any more.",
    Stage.STORM: "The storm no longer holds it: it is over.",
    Stage.NOISE: "It no longer counts as noise.",
    Stage.THROTTLE: "There is room for it now.",
}
"""What ended where something held an alert that is shown again."""

_NAMES: Final = {Stage.MAINTENANCE: "maintenance window", Stage.INHIBITION: "inhibition rule"}
_NEARLY: Final = 60_000  # ms by which the clocks of those who write rules and of those who send alerts may differ


def told(reason: str) -> str:
    """Return why a change was told of at all."""
    return next((text for known, text in TOLD.items() if known == reason), f"It was told of for the reason {reason}.")


def ruled(decision: Decision, tenant: str, versions: RuleVersions) -> str | None:
    """Return what a stage said of a change; None where it let it pass and nothing was special."""
    stage, reason = decision.stage, decision.reason
    texts = SUPPRESSES if decision.verdict == SUPPRESS else PASSES
    if texts is PASSES and reason in IN_PASSING:
        return None
    if stage not in KINDS or reason not in texts:  # a newer worker may say what this release does not know
        return f"Stage {stage} said {decision.verdict}, for the reason {reason}."
    asked = _name(stage) if reason == Ruled.UNCHANGED else stage
    rule = decision.rule or "that is gone"
    return texts[Ruled(reason)].format(stage=asked, rule=rule, by=by(decision, tenant, versions))


def passed_by(decisions: Sequence[Decision]) -> str | None:
    """Return who was asked and had nothing special to say; None if nobody."""
    stages = [one.stage for one in decisions if one.verdict != SUPPRESS and one.reason in IN_PASSING]
    return f"Asked and let pass: {', '.join(stages)}." if stages else None


def over(what: str, version: int | None, at: int, tenant: str, versions: RuleVersions) -> str:
    """Return why `what`, such as silence:db-upgrade in that version, holds an alert no longer at `at` (ms)."""
    stage, rule = parts_of(what)
    if stage not in KINDS:
        return f"{what} no longer holds it."
    if rule and version is not None:
        key = ControlKey(tenant, KINDS[Stage(stage)], rule)
        newest = versions.newest(key, after=version, until=at + _NEARLY)
        if newest is not None and (newest.deleted or newest.updated_at >= at - _NEARLY):
            done = "deleted" if newest.deleted else "changed"
            return f"{_name(stage).capitalize()} {rule} was {done} (version {newest.version}{signed(newest)})."
    return OVER[Stage(stage)].format(rule=rule)


def _name(stage: str) -> str:
    return _NAMES.get(Stage(stage), stage)
