"""The linter: rules that cannot do what they are for, and rules that do more than they seem to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.control.findings import Code, error, warning
from pipeline.control.lint_inhibition import inhibition
from pipeline.control.lint_matchers import flap_order, matching
from pipeline.control.lint_times import times
from pipeline.domain.storms import StormPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.control.findings import Finding
    from pipeline.schemas.control import Rule
    from pipeline.schemas.control_records import ControlKey


def lint(rules: Mapping[ControlKey, Rule], now: int) -> list[Finding]:
    """Return what is wrong with rules at `now`, by rule; one tenant's have nothing to do with another's."""
    tenants: dict[str, dict[ControlKey, Rule]] = {}
    for key, rule in sorted(rules.items()):
        tenants.setdefault(key.tenant_id, {})[key] = rule
    found = [finding for one in tenants.values() for finding in _of_one_tenant(one, now)]
    return sorted(found, key=lambda finding: (finding.rule, finding.code, finding.others))


def _of_one_tenant(rules: Mapping[ControlKey, Rule], now: int) -> Iterator[Finding]:
    yield from matching(rules)
    yield from flap_order(rules)
    yield from inhibition(rules)
    yield from times(rules, now)
    yield from _storm_policies(rules)
    for key, rule in rules.items():
        if not rule.ref.comment:
            yield warning(Code.NO_COMMENT, key, "has no comment", "Write why it is there: whoever asks is shown it")


def _storm_policies(rules: Mapping[ControlKey, Rule]) -> Iterator[Finding]:
    keys = [key for key, rule in rules.items() if isinstance(rule, StormPolicy)]
    for key in keys[1:]:
        what = f"stands beside {keys[0].id}: a tenant has one storm policy, the one that was written last"
        yield error(Code.ONE_TOO_MANY, key, what, "Remove one of them", keys[0])
