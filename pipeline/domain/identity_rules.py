"""Identity rules: what of an alert's name and labels says who it is, so that restarts of one thing are one alert.

The rules of a tenant are compiled once. They see an alert as it was sent, so none changes what another matches, and
all that match apply: labels left out by any rule are gone, and the others are rewritten in the order of the rules'
ids and, within a rule, as written. Neighbouring built-in kinds have an order of their own (normal.IN_ORDER).
"""

from __future__ import annotations

from functools import reduce
from itertools import chain, groupby
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain import limits
from pipeline.domain.match_index import MatchIndex
from pipeline.domain.matchers import Matchers
from pipeline.domain.normal import IN_ORDER, NORMAL_FORM, Normal
from pipeline.domain.rewriting import RewriteError, rewriter
from pipeline.domain.rule import RuleRef
from pipeline.domain.subject import ANNOTATIONS, Subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

_PLANS: Final = 256  # combinations of matching rules whose plan is kept
_PLACE: Final = {kind: place for place, kind in enumerate(IN_ORDER)}


class IdentityRuleError(ValueError):
    """An identity rule cannot be used; the text says what and the remedy."""


class Normalisation(msgspec.Struct, frozen=True):
    r"""One way to make texts that differ in a changing part equal: a built-in kind, or a pattern of RE2.

    `label` is None where it is about the alert's name. In `replace`, \1 is the first group and \0 all that matched.
    Making one that cannot be used raises IdentityRuleError.
    """

    label: str | None
    kind: Normal | None = None
    pattern: str | None = None
    replace: str = "*"

    def __post_init__(self) -> None:
        if (self.kind is None) == (self.pattern is None):
            raise IdentityRuleError(f"{self._place} needs either a kind ({', '.join(Normal)}) or a pattern, not both")
        if self.pattern is not None:
            try:
                rewriter(self.pattern, self.replace, limits.LABEL_VALUE)
            except RewriteError as error:
                raise IdentityRuleError(f"{self._place}: {error}") from None

    @property
    def _place(self) -> str:
        return "the name" if self.label is None else f"the label {self.label!r}"


class IdentityRule(msgspec.Struct, frozen=True):
    """Which alerts count as one although they differ; None as matchers means all.

    Matchers see the name and the labels only: what else an alert has is not part of who it is.
    """

    ref: RuleRef
    matchers: Matchers | None = None
    drop: tuple[str, ...] = ()
    normalise: tuple[Normalisation, ...] = ()
    name: tuple[Normalisation, ...] = ()

    def __post_init__(self) -> None:
        for matcher in chain.from_iterable(self.matchers.sets if self.matchers is not None else ()):
            if matcher.field.startswith(ANNOTATIONS):
                raise IdentityRuleError(
                    f"{matcher} is about an annotation, which is not part of who an alert is: match labels or alertname"
                )


class Identities:
    """The identity rules of one tenant."""

    def __init__(self, rules: Iterable[IdentityRule]) -> None:
        self._rules = sorted(rules, key=lambda rule: rule.ref.id)
        self._always = tuple(index for index, rule in enumerate(self._rules) if _is_for_all(rule.matchers))
        self._sometimes = MatchIndex[int]()
        for index, rule in enumerate(self._rules):
            if rule.matchers is not None and not _is_for_all(rule.matchers):
                self._sometimes.put(rule.ref.id, rule.matchers, index)
        self._plans: dict[tuple[int, ...], _Plan] = {}

    def __bool__(self) -> bool:
        """Say whether there are any rules."""
        return bool(self._rules)

    def apply(self, name: str, labels: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        """Return the name and the labels that the fingerprint of an alert without one of its own is computed over.

        There is always a name: one of which nothing would remain stays as it was. A label of which nothing remains
        is no label. No text becomes longer than it may be in a record.
        """
        return self._plan(self._matching(name, labels)).apply(name, labels)

    def rules_of(self, name: str, labels: Mapping[str, str]) -> tuple[RuleRef, ...]:
        """Return the versions of the rules that apply to an alert, in the order of their ids."""
        return tuple(self._rules[index].ref for index in self._matching(name, labels))

    def _matching(self, name: str, labels: Mapping[str, str]) -> tuple[int, ...]:
        if len(self._always) == len(self._rules):
            return self._always
        matching = self._sometimes.matching(Subject(name, labels, severity=""))
        return tuple(sorted([*self._always, *matching])) if matching else self._always

    def _plan(self, matching: tuple[int, ...]) -> _Plan:
        plan = self._plans.get(matching)
        if plan is None:
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            plan = self._plans[matching] = _Plan([self._rules[index] for index in matching])
        return plan


def _is_for_all(matchers: Matchers | None) -> bool:
    return matchers is None or () in matchers.sets


class _Plan:
    """What several rules together do to an alert that all of them match."""

    __slots__ = ("_drop", "_name", "_rewrites")

    def __init__(self, rules: Sequence[IdentityRule]) -> None:
        self._drop = frozenset(label for rule in rules for label in rule.drop)
        steps: dict[str, list[Normalisation]] = {}
        for rule in rules:
            for step in rule.normalise:
                if step.label is not None and step.label not in self._drop:
                    steps.setdefault(step.label, []).append(step)
        self._rewrites = [(label, _in_one(some, limits.LABEL_VALUE)) for label, some in steps.items()]
        names = [step for rule in rules for step in rule.name]
        self._name = _in_one(names, limits.NAME) if names else None

    def apply(self, name: str, labels: Mapping[str, str]) -> tuple[str, dict[str, str]]:
        drop = self._drop
        kept = {label: value for label, value in labels.items() if label not in drop} if drop else dict(labels)
        for label, rewrite in self._rewrites:
            value = kept.get(label)
            if value:
                left = rewrite(value)
                if left:
                    kept[label] = left
                else:
                    del kept[label]
        return (self._name(name) or name if self._name is not None else name), kept


def _in_one(steps: Sequence[Normalisation], limit: int) -> Callable[[str], str]:
    """Return one function for several normalisations of a text, runs of built-in ones in their own order."""
    functions: list[Callable[[str], str]] = []
    for built_in, run in groupby(steps, key=lambda step: step.kind is not None):
        if built_in:
            kinds = {step.kind for step in run if step.kind is not None}
            functions += [NORMAL_FORM[kind] for kind in sorted(kinds, key=_PLACE.__getitem__)]
        else:
            functions += [rewriter(step.pattern, step.replace, limit) for step in run if step.pattern is not None]
    if len(functions) == 1:
        return functions[0]
    return lambda text: reduce(lambda left, function: function(left), functions, text)
