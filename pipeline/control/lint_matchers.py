"""What matchers alone say of a rule: that it is about no alert, about all, or about more than it seems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.control.findings import Code, error, warning
from pipeline.domain.flapping import FlapPolicy
from pipeline.domain.identity_rules import IdentityRule
from pipeline.domain.inhibit_rule import InhibitRule
from pipeline.domain.maintenance import MaintenanceWindow
from pipeline.domain.matcher_logic import contradiction, matches_empty, matches_everything, subsumes
from pipeline.domain.matchers import EVERYTHING, Operator
from pipeline.domain.silences import Silence
from pipeline.domain.tenants import TenantPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pipeline.control.findings import Finding
    from pipeline.domain.matchers import Matchers
    from pipeline.schemas.control import Rule
    from pipeline.schemas.control_records import ControlKey


_ALWAYS_THERE: Final = ("alertname", "severity")
_ANYTHING: Final = ((Operator.REGEX, ".+"), (Operator.REGEX, ".*"), (Operator.NOT_EQUAL, ""))


def matching(rules: Mapping[ControlKey, Rule]) -> Iterator[Finding]:
    """Yield what is wrong with the matchers of each rule."""
    for key, rule in rules.items():
        for name, matchers in parts_of(rule):
            yield from _contradictions(key, name, matchers)
            yield from _empty(key, name, matchers)
        if isinstance(rule, Silence | MaintenanceWindow) and _everything(rule.matchers):
            remedy = "Name what it is about, for example by an alertname or a team"
            what = "matches every alert of the tenant"
            yield (error if isinstance(rule, Silence) else warning)(Code.MATCHES_EVERYTHING, key, what, remedy)


def parts_of(rule: Rule) -> Iterator[tuple[str, Matchers]]:
    """Yield (what they are called in a message, matchers) for all the matchers of a rule."""
    if isinstance(rule, Silence | MaintenanceWindow):
        yield "", rule.matchers
    elif isinstance(rule, FlapPolicy | IdentityRule):
        if rule.matchers is not None:
            yield "", rule.matchers
    elif isinstance(rule, InhibitRule):
        for source in rule.sources:
            yield "source ", source.matchers
        yield "target ", rule.target
    elif isinstance(rule, TenantPolicy):
        for switch in rule.dead_mans_switches:
            yield f"dead man's switch {switch.id} ", switch.matchers


def _everything(matchers: Matchers) -> bool:
    """Say whether one of the sets excludes no alert, also in the words for that: alertname=~".+"."""
    return matches_everything(matchers) or any(
        all(matcher.field in _ALWAYS_THERE and (matcher.operator, matcher.value) in _ANYTHING for matcher in one)
        for one in matchers.sets
    )


def _contradictions(key: ControlKey, name: str, matchers: Matchers) -> Iterator[Finding]:
    reasons = [contradiction(one) for one in matchers.sets]
    found = [reason for reason in reasons if reason is not None]
    if len(found) == len(reasons):
        yield error(Code.NEVER_MATCHES, key, f"{name}can never match: {found[0]}", "Remove one of the matchers")
        return
    for reason in found:
        what = f"{name}has an alternative that can never match: {reason}"
        yield warning(Code.ALTERNATIVE_NEVER_MATCHES, key, what, "Remove one of its matchers, or the alternative")


def _empty(key: ControlKey, name: str, matchers: Matchers) -> Iterator[Finding]:
    told = {}
    for one in matchers.sets:
        told.update({str(matcher): matcher for matcher in one if matches_empty(matcher)})
    for text, matcher in told.items():
        what = f"{name}{text} also matches alerts without {matcher.field}"
        yield warning(Code.FITS_NOTHING_TOO, key, what, f'Add {matcher.field}!="", or remove the matcher')


def flap_order(rules: Mapping[ControlKey, Rule]) -> Iterator[Finding]:
    """Yield the flap policies that no alert reaches, for the first that matches, by id, decides."""
    before: list[tuple[ControlKey, Matchers]] = []
    for key, rule in sorted(rules.items()):
        if not isinstance(rule, FlapPolicy):
            continue
        mine = rule.matchers or EVERYTHING
        first = next((other for other, matchers in before if subsumes(matchers, mine)), None)
        if first is not None:
            what = f"is never reached: {first.id} comes before it and matches all that it does"
            remedy = f"Give it an id that sorts before {first.id}, or remove it"
            yield error(Code.UNREACHABLE, key, what, remedy, first)
        before.append((key, mine))
