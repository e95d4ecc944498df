"""Matchers: which alerts a silence, a rule or a policy is about, with Alertmanager's semantics.

A missing field is an empty one, and a regular expression has to fit the whole value.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from pipeline.domain import patterns
from pipeline.domain.matcher_syntax import MatcherError as MatcherError
from pipeline.domain.matcher_syntax import UnreadableError, condition_text, read_classic, read_classic_one, read_utf8

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.domain.matcher_syntax import Condition
    from pipeline.domain.subject import Subject


class Operator(StrEnum):
    """How a matcher compares a field with its value."""

    EQUAL = "="
    NOT_EQUAL = "!="
    REGEX = "=~"
    NOT_REGEX = "!~"


# An enum finds its member slowly, and these are compared for every alert.
_EQUAL, _NOT_EQUAL, _REGEX, _NOT_REGEX = Operator


class Matcher(msgspec.Struct, frozen=True, order=True):
    """One condition on one field; one that cannot be used raises MatcherError when it is made."""

    field: str
    operator: Operator
    value: str

    def __post_init__(self) -> None:
        if not self.field:
            raise MatcherError(f'{self} has no label name: write one before the operator, such as job="db"')
        try:
            self.field.encode()
            self.value.encode()
        except UnicodeEncodeError:
            raise MatcherError(f"{str(self)!r} is not valid UTF-8: leave out the lone surrogate") from None
        if self.operator is _REGEX or self.operator is _NOT_REGEX:
            try:
                patterns.check(self.value)
            except patterns.PatternError as error:
                raise MatcherError(
                    f"{self} has an expression that RE2 refuses: {error}; write it in RE2's syntax, which has no "
                    "lookaround and no backreferences, and shorter if it is too large"
                ) from None

    def __str__(self) -> str:
        return condition_text(self.field, self.operator, self.value)

    def matches(self, subject: Subject) -> bool:
        """Say whether the alert's field satisfies this condition."""
        return self.accepts(subject.get(self.field))

    def accepts(self, value: str) -> bool:
        """Say whether a field with this value satisfies the condition; "" is also a field that is not there."""
        operator = self.operator
        if operator is _EQUAL:
            return value == self.value
        if operator is _NOT_EQUAL:
            return value != self.value
        return patterns.fits(self.value, value) is (operator is _REGEX)

    def tester(self) -> Callable[[str], bool]:
        """Return `accepts` for whoever asks often."""
        if self.operator is _EQUAL:
            return self.value.__eq__
        if self.operator is _NOT_EQUAL:
            return self.value.__ne__
        fits = patterns.tester(self.value)
        return fits if self.operator is _REGEX else lambda value: not fits(value)


class Matchers(msgspec.Struct, frozen=True):
    """Sets of matchers: an alert has to satisfy all matchers of at least one set; an empty set matches everything."""

    sets: tuple[tuple[Matcher, ...], ...]

    def __post_init__(self) -> None:
        # Nothing to some readers and everything to others.
        if not self.sets:
            raise MatcherError("no set of matchers: give at least one; an empty set, {}, matches everything")

    def __str__(self) -> str:
        return " or ".join(set_text(matchers) for matchers in self.sets)

    def matches(self, subject: Subject) -> bool:
        """Say whether the alert satisfies at least one set."""
        return any(all_match(matchers, subject) for matchers in self.sets)

    def could_match_name(self, name: str) -> bool:
        """Say whether an alert of this name may match, going by the matchers on alertname alone."""
        return any(
            all(matcher.accepts(name) for matcher in matchers if matcher.field == "alertname") for matchers in self.sets
        )


EVERYTHING = Matchers(((),))
"""What every alert matches."""


def all_match(matchers: tuple[Matcher, ...], subject: Subject) -> bool:
    """Say whether the alert satisfies every one of `matchers`."""
    for matcher in matchers:  # noqa: SIM110 - all() takes twice as long, and this is asked for every alert
        if not matcher.accepts(subject.get(matcher.field)):
            return False
    return True


def set_text(matchers: Sequence[Matcher]) -> str:
    """Return the canonical text of a set, which `parse_set` reads again: {a="b",c=~"d"}."""
    return "{" + ",".join(map(str, matchers)) + "}"


def parse_matcher(text: str) -> Matcher:
    """Return the one matcher of `text`, which has no braces around it."""
    if text.startswith("{") or text.endswith("}"):
        raise MatcherError(f"{text!r} begins or ends with a brace: leave them out, or quote the value they belong to")
    found = _parsed(text, lambda text: [read_classic_one(text)], read_utf8)
    if len(found) != 1:
        raise MatcherError(f"{text!r} holds {len(found)} matchers: write exactly one")
    return found[0]


def parse_set(text: str) -> tuple[Matcher, ...]:
    """Return the matchers of `text`, such as `{a="b", c=~"d"}` or `a=b,c=~d`; {} and "" are the empty set."""
    return _parsed(text, read_classic, read_utf8)


def matchers_of(matchers: str | Sequence[str] | None, any_of: Sequence[str | Sequence[str]] | None) -> Matchers:
    """Return what a record's `matchers` (all of them) or `any_of` (alternatives of such lists) say.

    Each text may hold several matchers. Neither of the two, or an empty list, matches everything.
    """
    if any_of is None:
        return Matchers((_set_of(matchers or ()),))
    if matchers is not None:
        raise MatcherError("both matchers and any_of: give one of them")
    return Matchers(tuple(_set_of(alternative) for alternative in any_of))


def _set_of(texts: str | Sequence[str]) -> tuple[Matcher, ...]:
    if isinstance(texts, str):
        return parse_set(texts)
    return tuple(matcher for text in texts for matcher in parse_set(text))


def _parsed(
    text: str, classic: Callable[[str], list[Condition]], utf8: Callable[[str], list[Condition]]
) -> tuple[Matcher, ...]:
    """Return what `text` says in the classic syntax if it can, in the UTF-8 syntax otherwise.

    That is Alertmanager's default mode: it reads both, and takes the classic reading where they differ.
    """
    try:
        return _made(classic(text))
    except MatcherError as error:
        first = error
    try:
        return _made(utf8(text))
    except MatcherError as second:
        # What could be read and was refused tells more than what could not be read.
        raise (second if isinstance(first, UnreadableError) else first) from None


def _made(conditions: list[Condition]) -> tuple[Matcher, ...]:
    return tuple(Matcher(field, Operator(operator), value) for field, operator, value in conditions)
