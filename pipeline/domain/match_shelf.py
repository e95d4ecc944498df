"""The part of a match index that is about one label."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pipeline.domain import patterns
from pipeline.domain.matchers import Operator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipeline.domain.matchers import Matcher

_ROOM = 16 * 1024


class Entry(NamedTuple):
    """A set of matchers that has been found by its anchor."""

    key: str
    rest: tuple[tuple[str, Callable[[str], bool]], ...]  # what has to hold besides: fields and tests of their texts


def entry(key: str, rest: Iterable[Matcher]) -> Entry:
    """Return a set of matchers without its anchor."""
    return Entry(key, tuple([(matcher.field, matcher.tester()) for matcher in rest]))


def named_values(anchor: Matcher) -> tuple[str, ...] | None:
    """Return the values that satisfy a matcher where it names them all, as `=` and `=~"a|b"` do, None otherwise."""
    if anchor.operator is Operator.EQUAL:
        return (anchor.value,)
    return patterns.literals(anchor.value) if anchor.operator is Operator.REGEX else None


class Shelf:
    """Sets of matchers by the value of one label that their anchors accept.

    Anchors that name their values are looked up. The others are asked once for each value: alerts repeat their values,
    so the answer is remembered until the shelf changes, with room for so many values and found sets together.
    """

    def __init__(self, room: int = _ROOM) -> None:
        self._named: dict[str, list[Entry]] = {}
        self._asked: list[tuple[Callable[[str], bool], Entry]] = []
        self._known: dict[str, Sequence[Entry]] = {}
        self._room = room
        self._taken = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is on the shelf."""
        return not self._named and not self._asked

    @property
    def remembered(self) -> int:
        """How many values and sets are remembered now, together."""
        return self._taken

    def put(self, anchor: Matcher, entry: Entry) -> None:
        """Put a set on the shelf."""
        self._forget()
        values = named_values(anchor)
        if values is None:
            self._asked.append((anchor.tester(), entry))
            return
        for value in values:
            self._named.setdefault(value, []).append(entry)

    def remove(self, anchor: Matcher, key: str) -> None:
        """Take the sets of `key` off the places where this anchor put one."""
        self._forget()
        values = named_values(anchor)
        if values is None:
            self._asked = [(accepts, entry) for accepts, entry in self._asked if entry.key != key]
            return
        for value in values:
            left = [entry for entry in self._named.pop(value, ()) if entry.key != key]
            if left:
                self._named[value] = left

    def shared_by(self, anchor: Matcher) -> int:
        """Return how many sets are met already by an alert with a value that `anchor` accepts, at most."""
        values = named_values(anchor)
        if values is None:
            return len(self._asked)
        return max(len(self._named.get(value, ())) for value in values)

    def entries(self, value: str) -> Sequence[Entry]:
        """Return the sets whose anchors accept `value`."""
        if not self._asked:
            return self._named.get(value, ())
        entries = self._known.get(value)
        if entries is None:
            accepting = [entry for accepts, entry in self._asked if accepts(value)]
            entries = (*self._named.get(value, ()), *accepting)
            self._remember(value, entries)
        return entries

    def _remember(self, value: str, entries: Sequence[Entry]) -> None:
        if len(value) > patterns.SHORT:
            return
        size = 1 + len(entries)
        if self._taken + size > self._room:
            self._forget()
        self._known[value] = entries
        self._taken += size

    def _forget(self) -> None:
        self._known.clear()
        self._taken = 0
