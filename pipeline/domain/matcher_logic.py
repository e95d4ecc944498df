"""What can be said of matchers without an alert: that they never match, always match, or match more than others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.domain import patterns
from pipeline.domain.matchers import Matcher, Operator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.domain.matchers import Matchers


def matches_everything(matchers: Matchers) -> bool:
    """Say whether one of the sets excludes no alert: it is empty, or says nothing but `=~".*"`."""
    return any(
        all(matcher.operator is Operator.REGEX and patterns.is_anything(matcher.value) for matcher in one)
        for one in matchers.sets
    )


def matches_empty(matcher: Matcher) -> bool:
    """Say whether this is a regular expression that also accepts alerts without the field, as `=~".*"` does."""
    return matcher.operator is Operator.REGEX and matcher.accepts("")


def contradiction(matchers: Iterable[Matcher]) -> str | None:
    """Return why no alert can satisfy all of `matchers`, or None where no reason was found.

    A value with a line feed in it, which `.*` does not fit, is not thought of.
    """
    by_field: dict[str, list[Matcher]] = {}
    for matcher in matchers:
        by_field.setdefault(matcher.field, []).append(matcher)
    reasons = (_contradiction_on(field, on_field) for field, on_field in by_field.items())
    return next((reason for reason in reasons if reason), None)


def subsumes(wide: Matchers, narrow: Matchers) -> bool:
    """Say whether every alert that `narrow` matches is surely matched by `wide` too; False means: not surely."""
    return all(any(_implies(inner, outer) for outer in wide.sets) for inner in narrow.sets)


def _contradiction_on(field: str, matchers: list[Matcher]) -> str | None:
    for matcher in matchers:
        values = _accepted(matcher)
        if values is not None:
            values = [value for value in values if value or field != "alertname"]
            if not values:
                return f"{matcher} never holds: every alert has a name"
            if not any(_all_accept(matchers, value) for value in values):
                return f"{_listed(matchers)} never hold together"
        if matcher.operator is Operator.NOT_REGEX and patterns.is_anything(matcher.value):
            return f"{matcher} never holds: the expression fits every value"
        if matcher.operator is Operator.REGEX and Matcher(field, Operator.NOT_REGEX, matcher.value) in matchers:
            return f"{_listed(matchers)} never hold together"
    return None


def _implies(inner: tuple[Matcher, ...], outer: tuple[Matcher, ...]) -> bool:
    """Say whether an alert that satisfies all of `inner` surely satisfies all of `outer`."""
    return all(wanted in inner or _follows(wanted, [m for m in inner if m.field == wanted.field]) for wanted in outer)


def _follows(wanted: Matcher, given: list[Matcher]) -> bool:
    """Say whether `wanted` surely holds where all of `given`, on the same field, do."""
    rejected = _rejected(wanted)
    if rejected is not None and not any(_all_accept(given, value) for value in rejected):
        return True
    for matcher in given:
        values = _accepted(matcher)
        if values is not None:
            return all(wanted.accepts(value) for value in values if _all_accept(given, value))
    return False


def _accepted(matcher: Matcher) -> list[str] | None:
    """Return all values that satisfy the matcher, or None if they cannot be listed."""
    if matcher.operator is Operator.EQUAL:
        return [matcher.value]
    return _spelled_out(matcher) if matcher.operator is Operator.REGEX else None


def _rejected(matcher: Matcher) -> list[str] | None:
    """Return all values that do not satisfy the matcher, or None if they cannot be listed."""
    if matcher.operator is Operator.NOT_EQUAL:
        return [matcher.value]
    return _spelled_out(matcher) if matcher.operator is Operator.NOT_REGEX else None


def _spelled_out(matcher: Matcher) -> list[str] | None:
    texts = patterns.literals(matcher.value)
    return None if texts is None else list(texts)


def _all_accept(matchers: Iterable[Matcher], value: str) -> bool:
    return all(matcher.accepts(value) for matcher in matchers)


def _listed(matchers: Iterable[Matcher]) -> str:
    return " and ".join(str(matcher) for matcher in matchers)
