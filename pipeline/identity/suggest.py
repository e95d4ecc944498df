"""Which identity rules would make fewer alerts of recorded ones, with what each would bring and examples."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.domain.identity_rules import Identities, IdentityRule, Normalisation
from pipeline.domain.rule import RuleRef
from pipeline.identity.look_alikes import LookAlike, look_alikes
from pipeline.identity.search import Search

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.identity.cuts import Cut
    from pipeline.identity.groups import Group
    from pipeline.identity.sample import Seen
    from pipeline.identity.search import Step

EXAMPLES: Final = 3
_LONGEST: Final = 100  # characters of an id
_NO_ID: Final = re.compile(r"[^A-Za-z0-9._:-]+")


@dataclass(frozen=True)
class Example:
    """An alert that several would become: its name and labels then, how many, and what they differ in now."""

    name: str
    labels: dict[str, str]
    alerts: int
    differ: dict[str, list[str]]


@dataclass(frozen=True)
class Suggestion:
    """A rule and what it would bring; those above it in the list are taken to be in force."""

    id: str
    cuts: tuple[Cut, ...]
    before: int
    after: int
    records: int
    """Of the alerts that it merges."""
    at_once: int
    """How many that it would make one were open at a time, at most; 0 where no record says when."""
    examples: list[Example]
    doubt: str | None = None
    """Why somebody who knows the alerts should look at it first."""

    @property
    def rule(self) -> IdentityRule:
        """Return the rule."""
        return rule_of(self.id, self.cuts)


@dataclass(frozen=True)
class TenantSuggestions:
    """What is suggested to one tenant."""

    tenant: str
    records: int
    before: int
    after: int
    rules: list[Suggestion]
    to_look_at: list[Suggestion]
    """Not among the rules, and each told as if it were the only one beside them."""
    alike: list[LookAlike]


def suggestions(tenant: str, alerts: Sequence[Seen], min_reduction: float) -> TenantSuggestions:
    """Return the rules that each make at least `min_reduction` (0.01 is 1 %) of a tenant's alerts others' repeats."""
    search = Search(alerts, max(1, math.ceil(min_reduction * len(alerts))))
    ids: set[str] = set()
    rules = [_suggestion(step, ids) for step in search.rules()]
    to_look_at = [_suggestion(step, ids) for step in search.to_look_at()]
    identities = Identities([suggestion.rule for suggestion in rules])
    names = Counter[str]()
    for seen in alerts:
        names[identities.apply(seen.name, {})[0]] += seen.records
    records = sum(seen.records for seen in alerts)
    return TenantSuggestions(tenant, records, len(alerts), search.left, rules, to_look_at, look_alikes(names))


def rule_of(rule_id: str, cuts: Iterable[Cut]) -> IdentityRule:
    """Return the rule that makes these cuts."""
    drop, normalise, name = list[str](), list[Normalisation](), list[Normalisation]()
    for cut in cuts:
        if cut.field is None:
            name += [Normalisation(None, kind) for kind in cut.kinds]
        elif cut.kinds:
            normalise += [Normalisation(cut.field, kind) for kind in cut.kinds]
        else:
            drop.append(cut.field)
    return IdentityRule(
        RuleRef("identity_rule", rule_id, 1), drop=tuple(drop), normalise=tuple(normalise), name=tuple(name)
    )


def _suggestion(step: Step, ids: set[str]) -> Suggestion:
    """Return what a step is as a rule, whose id no other has."""
    identities = Identities([rule_of("-", step.in_force)])
    return Suggestion(
        _new_id(step.cuts, ids),
        step.cuts,
        step.before,
        step.after,
        sum(group.records for group in step.groups),
        max((group.at_once for group in step.groups), default=0),
        [_example(group, step.cuts, identities) for group in step.groups[:EXAMPLES]],
        step.doubt,
    )


def _new_id(cuts: Sequence[Cut], ids: set[str]) -> str:
    fields = "-".join("name" if cut.field is None else cut.field for cut in cuts)
    rule_id = base = f"suggested-{_NO_ID.sub('-', fields)[:_LONGEST]}"
    number = 1
    while rule_id in ids:
        number += 1
        rule_id = f"{base}-{number}"
    ids.add(rule_id)
    return rule_id


def _example(group: Group, cuts: Sequence[Cut], identities: Identities) -> Example:
    first = group.alerts[0]
    name, labels = identities.apply(first.name, first.labels)
    differ = {}
    for cut in cuts:
        values = dict.fromkeys(
            seen.name if cut.field is None else seen.labels.get(cut.field, "") for seen in group.alerts
        )
        if len(values) > 1:
            differ["name" if cut.field is None else cut.field] = [*values]
    return Example(name, labels, group.identities, differ)
