"""Which of many matchers match an alert, without asking each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from pipeline.domain.match_shelf import Shelf, entry, named_values
from pipeline.domain.subject import ANNOTATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.domain.match_shelf import Entry
    from pipeline.domain.matchers import Matcher, Matchers
    from pipeline.domain.subject import Subject

T = TypeVar("T")


class MatchIndex(Generic[T]):
    """Items by their matchers; a key holds one item.

    Every set of matchers is found by one of them, its anchor: an alert meets only the sets whose anchor accepts one of
    its values. Sets without a matcher that needs a label to be there are asked each time.
    """

    def __init__(self) -> None:
        self._items: dict[str, T] = {}
        self._anchors: dict[str, list[Matcher]] = {}  # by key
        self._shelves: dict[str, Shelf] = {}  # by label
        self._others: dict[str, list[Entry]] = {}  # by key: sets without an anchor

    def __len__(self) -> int:
        return len(self._items)

    @property
    def labels(self) -> frozenset[str]:
        """The labels by whose values items are found."""
        return frozenset(self._shelves)

    def put(self, key: str, matchers: Matchers, item: T) -> None:
        """Keep `item` under `key`, instead of the one that was there."""
        self.remove(key)
        self._items[key] = item
        anchors = self._anchors[key] = []
        for wanted in matchers.sets:
            anchor = self._anchor_of(wanted)
            if anchor is None:
                self._others.setdefault(key, []).append(entry(key, wanted))
                continue
            rest = [matcher for matcher in wanted if matcher != anchor]
            self._shelves.setdefault(anchor.field, Shelf()).put(anchor, entry(key, rest))
            anchors.append(anchor)

    def remove(self, key: str) -> T | None:
        """Forget what is under `key` and return it; None if nothing is."""
        anchors = self._anchors.pop(key, [])
        for anchor in anchors:
            self._shelves[anchor.field].remove(anchor, key)
        for label in {anchor.field for anchor in anchors}:
            if self._shelves[label].is_empty:
                del self._shelves[label]
        self._others.pop(key, None)
        return self._items.pop(key, None)

    def matching(self, subject: Subject) -> list[T]:
        """Return the items whose matchers match the alert, in the order of their keys."""
        found: set[str] = set()
        fields = subject.fields
        shelves = self._shelves
        for label in shelves.keys() & fields.keys():
            entries = shelves[label].entries(fields[label])
            if entries:
                _add_matching(entries, subject, found)
        for entries in self._others.values():
            _add_matching(entries, subject, found)
        return [self._items[key] for key in sorted(found)] if found else []

    def _anchor_of(self, wanted: tuple[Matcher, ...]) -> Matcher | None:
        """Return the matcher by which a set is found: the one that is shared with the fewest others now.

        Which one it is changes how long a decision takes and nothing else.
        """
        return min(filter(_can_be_anchor, wanted), key=self._cost, default=None)

    def _cost(self, matcher: Matcher) -> tuple[bool, int, bool, int, Matcher]:
        values = named_values(matcher)
        shelf = self._shelves.get(matcher.field)
        shared = shelf.shared_by(matcher) if shelf else 0
        return values is None, shared, matcher.field != "alertname", len(values or ()), matcher


def _can_be_anchor(matcher: Matcher) -> bool:
    """Say whether only a label that is there satisfies the matcher; annotations are not read without need."""
    return not matcher.field.startswith(ANNOTATIONS) and not matcher.accepts("")


def _add_matching(entries: Iterable[Entry], subject: Subject, found: set[str]) -> None:
    for key, rest in entries:
        for field, accepts in rest:
            if not accepts(subject.get(field)):
                break
        else:
            found.add(key)
