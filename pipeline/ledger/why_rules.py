"""The rule behind a decision: which version of it, by whom, and with what comment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain.reasons import Stage
from pipeline.domain.rule import BUILT_IN
from pipeline.schemas.control_records import ControlKey

if TYPE_CHECKING:
    from pipeline.ledger.rule_versions import RuleVersions
    from pipeline.schemas.control_records import ControlRecord
    from pipeline.schemas.enriched import Decision

KINDS: Final[dict[Stage, str]] = {
    Stage.SILENCE: "silence",
    Stage.MAINTENANCE: "maintenance_window",
    Stage.INHIBITION: "inhibit_rule",
    Stage.FLAPPING: "flap_policy",
    Stage.STORM: "storm_policy",
    Stage.NOISE: "tenant",
    Stage.THROTTLE: "tenant",
}
"""The kind of the control records that each stage goes by."""

_POLICIES: Final = {
    Stage.FLAPPING: "flap policy",
    Stage.STORM: "storm policy",
    Stage.NOISE: "tenant policy",
    Stage.THROTTLE: "tenant policy",
}
_NOBODY: Final = "-"  # the author that a replay has for the rules of a folder
_SHOWN: Final = 200  # characters of a comment


def version_of(decision: Decision, tenant: str, versions: RuleVersions) -> ControlRecord | None:
    """Return the version that a decision went by, None if it is not there."""
    if decision.rule is None or decision.version is None or decision.stage not in KINDS:
        return None
    return versions.find(ControlKey(tenant, KINDS[Stage(decision.stage)], decision.rule), decision.version)


def by(decision: Decision, tenant: str, versions: RuleVersions) -> str:
    """Return " (version 3, by ada: why)", for a policy with its name, and nothing where there is no rule."""
    stage, rule, version = Stage(decision.stage), decision.rule, decision.version
    if rule is None or version is None:
        return ""
    policy = _POLICIES.get(stage)
    if rule == BUILT_IN.id and version == BUILT_IN.version:
        return f" (built-in {policy or 'rule'})"
    named = f"{policy} {rule}, " if policy else ""
    record = version_of(decision, tenant, versions)
    if record is not None:
        return f" ({named}version {version}{signed(record)})"
    author = "" if decision.author in (msgspec.UNSET, _NOBODY) else f", by {decision.author}"
    gone = "; that version is no longer on the topic control" if versions.are_known else ""
    return f" ({named}version {version}{author}{gone})"


def signed(record: ControlRecord) -> str:
    """Return ", by ada: why", without the parts that are not known."""
    comment = " ".join(record.comment.split())
    cut = comment if len(comment) <= _SHOWN else f"{comment[:_SHOWN]}…"
    who = "" if record.author == _NOBODY else f", by {record.author}"
    return f"{who}: {cut}" if cut else who
