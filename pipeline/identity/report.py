"""Suggested identity rules as YAML for the control folder, what they would bring as comments; and the same as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from pipeline.control.yaml import write_document
from pipeline.identity.look_alikes import ALIKE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pipeline.domain.identity_rules import IdentityRule
    from pipeline.identity.sample import Recording
    from pipeline.identity.suggest import Example, Suggestion, TenantSuggestions

_VALUES: Final = 4  # of a field in an example
_LONGEST: Final = 100  # characters of a text in an example


def head(file: str, recording: Recording) -> Iterator[str]:
    """Yield what the file holds, and what of it was left out."""
    tenants = len(recording.alerts)
    yield (
        f"{file}: {recording.records:,} records of {recording.distinct:,} distinct alerts, "
        f"{tenants} tenant{'' if tenants == 1 else 's'}."
    )
    if recording.refused:
        yield f"{recording.refused:,} lines are no alerts, the first: {recording.first_refusal}"
    if recording.own:
        yield f"{recording.own:,} records have a fingerprint of their own, which no identity rule changes."
    if recording.beyond:
        yield (
            f"Only the first {recording.distinct:,} distinct alerts were looked at: more are not held in memory. "
            f"{recording.beyond:,} records of others were left out; for their rules take a part of the file."
        )


def result(found: TenantSuggestions) -> str:
    """Return what the rules for a tenant would bring, in one sentence."""
    if not found.rules:
        at_all = " without a doubt" if found.to_look_at else ""
        return (
            f"{found.tenant}: nothing to suggest{at_all}. No label, and no part of one or of a name, keeps enough of "
            f"its {found.before:,} distinct alerts apart that are otherwise the same."
        )
    rules = "1 rule" if len(found.rules) == 1 else f"{len(found.rules)} rules"
    return f"{found.tenant}: {rules}, {_reduction(found.before, found.after)}."


def yaml_lines(found: TenantSuggestions) -> Iterator[str]:
    """Yield the rules for a tenant as YAML documents; everything else is a comment."""
    yield f"# {result(found)}"
    for suggestion in found.rules:
        yield "---"
        yield from _notes(suggestion)
        yield from _document(found.tenant, suggestion)
    if found.to_look_at:
        yield "---"
        yield f"# {found.tenant}: to look at before use, and no rules until the # before their lines is removed."
        for suggestion in found.to_look_at:
            yield "#"
            yield from _notes(suggestion)
            yield "# ---"
            yield from (f"# {line}" for line in _document(found.tenant, suggestion))
    if found.alike:
        yield "#"
        yield f"# {found.tenant}: names that look alike ({ALIKE} or more of 100). Nothing is merged by likeness."
        for pair in found.alike:
            yield f"#   {pair.score:>3}  {_short(pair.one)}  |  {_short(pair.other)}"


def as_json(file: str, recording: Recording, found: Sequence[TenantSuggestions]) -> dict[str, Any]:
    """Return everything for a program."""
    return {
        "file": file,
        "records": recording.records,
        "distinct": recording.distinct,
        "refused": recording.refused,
        "first_refusal": recording.first_refusal,
        "own_fingerprint": recording.own,
        "left_out": recording.beyond,
        "tenants": [
            {
                "tenant": one.tenant,
                "records": one.records,
                "before": one.before,
                "after": one.after,
                "rules": [_suggestion_json(suggestion) for suggestion in one.rules],
                "to_look_at": [_suggestion_json(suggestion) for suggestion in one.to_look_at],
                "look_alike": [pair._asdict() for pair in one.alike],
            }
            for one in found
        ],
    }


def _suggestion_json(suggestion: Suggestion) -> dict[str, Any]:
    return {
        "id": suggestion.id,
        "comment": _comment(suggestion),
        "spec": spec_of(suggestion.rule),
        "before": suggestion.before,
        "after": suggestion.after,
        "records": suggestion.records,
        "at_once": suggestion.at_once,
        "doubt": suggestion.doubt,
        "examples": [
            {"name": one.name, "labels": one.labels, "alerts": one.alerts, "differ": one.differ}
            for one in suggestion.examples
        ],
    }


def spec_of(rule: IdentityRule) -> dict[str, Any]:
    """Return the spec of a rule of built-in kinds, as a control record has it."""
    said = {
        "drop": [*rule.drop],
        "normalise": [{"label": one.label, "as": str(one.kind)} for one in rule.normalise],
        "name": [{"as": str(one.kind)} for one in rule.name],
    }
    return {field: value for field, value in said.items() if value}


def _document(tenant: str, suggestion: Suggestion) -> Iterator[str]:
    document = {
        "tenant": tenant,
        "kind": "identity_rule",
        "id": suggestion.id,
        "comment": _comment(suggestion),
        "spec": spec_of(suggestion.rule),
    }
    text = write_document(document)
    if not text.replace("\n", "").isprintable():
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=False)  # with escapes for what cannot be shown
    yield from text.splitlines()


def _comment(suggestion: Suggestion) -> str:
    cuts = ", ".join(map(str, suggestion.cuts))
    return f"{cuts[:400]}: {_reduction(suggestion.before, suggestion.after)} when it was suggested"


def _notes(suggestion: Suggestion) -> Iterator[str]:
    at_once = f", at most {suggestion.at_once:,} open at once" if suggestion.at_once else ""
    yield (
        f"# {_reduction(suggestion.before, suggestion.after)}: "
        f"{suggestion.records:,} records are of alerts that become one{at_once}."
    )
    if suggestion.doubt:
        yield f"# Doubt: {suggestion.doubt}."
    for example in suggestion.examples:
        yield from _example(example)


def _example(example: Example) -> Iterator[str]:
    labels = ", ".join(f'{label}="{_short(value)}"' for label, value in sorted(example.labels.items()))
    yield f"#   {example.alerts:,} become {_short(example.name)} {{{labels}}}"
    for field, values in example.differ.items():
        more = f" and {len(values) - _VALUES:,} more" if len(values) > _VALUES else ""
        yield f"#     {field}: {', '.join(_short(value) or '(none)' for value in values[:_VALUES])}{more}"


def _reduction(before: int, after: int) -> str:
    return f"{before:,} -> {after:,} distinct alerts (-{100 * (before - after) / before:.1f} %)"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
