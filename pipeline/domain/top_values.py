"""What most of many alerts have in common: the most frequent values of their labels, in bounded memory.

The counts are those of Misra and Gries, cut in batches as Anderson et al. do ("A High-Performance Algorithm for
Identifying Frequent Items in Data Streams", 2017): cheap, the same in whatever order a cut finds its keys, and
two of them add up to one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

LABELS = 16  # how many labels are looked at; those that come first
PLACES = 128  # how many values of each are held
SHOWN = 10  # how many values of each are told
VALUE_LENGTH = 200  # characters; longer values are told apart by these only

K = TypeVar("K", bound="Hashable")
FrequentState = tuple[int, list[tuple[K, int]]]
TopValuesState = tuple[bool, list[tuple[str, FrequentState[str]]]]


class Frequent(Generic[K]):
    """Counts of the most frequent keys: each is too low by at most `error`, which is at most n / (places / 2 + 1)."""

    __slots__ = ("_places", "counts", "error")

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        self.counts: dict[K, int] = {}
        self.error = 0

    def add(self, key: K, times: int = 1) -> int:
        """Count `key` and return the most that it can have been counted."""
        counts = self.counts
        count = counts[key] = counts.get(key, 0) + times
        if len(counts) > self._places:
            self.cut()
            count = counts.get(key, 0)
        return count + self.error

    def add_each(self, keys: Iterable[K]) -> None:
        """Count each of the keys once."""
        counts, places = self.counts, self._places
        for key in keys:
            counts[key] = counts.get(key, 0) + 1
            if len(counts) > places:
                self.cut()

    def merge(self, other: Frequent[K]) -> None:
        """Count everything that `other` has counted."""
        counts = self.counts
        for key, count in other.counts.items():
            counts[key] = counts.get(key, 0) + count
        self.error += other.error
        if len(counts) > self._places:
            self.cut()

    def cut(self) -> None:
        """Let go of the smaller half."""
        # As much is taken from at least places / 2 + 1 counts at once: that is where the bound comes from.
        less = sorted(self.counts.values(), reverse=True)[self._places // 2]
        kept = [(key, count - less) for key, count in self.counts.items() if count > less]
        self.counts.clear()
        self.counts.update(kept)
        self.error += less

    def snapshot(self) -> FrequentState[K]:
        """Return all there is to keep."""
        return self.error, list(self.counts.items())

    def restore(self, error: int, counts: Iterable[tuple[K, int]]) -> None:
        """Take over what `snapshot` returned."""
        self.error, self.counts = error, dict(counts)


class TopValues:
    """The most frequent values of each label of the alerts that were added."""

    __slots__ = ("_more_labels", "_values")

    def __init__(self) -> None:
        self._values: dict[str, Frequent[str]] = {}
        self._more_labels = False

    def add(self, fields: Mapping[str, str]) -> None:
        """Count the values of one alert."""
        values = self._values
        unknown = []
        for label, value in fields.items():
            known = values.get(label)
            if known is None:
                unknown.append(label)
            elif (count := known.counts.get(value)) is not None:  # the usual case, without a call: as `add` does it
                known.counts[value] = count + 1
            else:
                known.add(value[:VALUE_LENGTH])
        if unknown and not self._more_labels:
            for label in sorted(unknown):  # an alert's labels come in any order
                if self._has_room_for(label):
                    values[label].add(fields[label][:VALUE_LENGTH])

    def _has_room_for(self, label: str) -> bool:
        if label in self._values:
            return True
        if len(self._values) == LABELS:
            self._more_labels = True
            return False
        self._values[label] = Frequent()
        return True

    def merge(self, other: TopValues) -> None:
        """Count everything that `other` has counted."""
        for label, values in other._values.items():
            if self._has_room_for(label):
                self._values[label].merge(values)
        self._more_labels |= other._more_labels

    def told(self) -> dict[str, object]:
        """Return the top values, most frequent first, for people: JSON in a fixed order.

        A count with an `error` is an estimate: that many more may have been there, never fewer than it says.
        """
        labels = [
            {
                "label": label,
                "values": [{"value": value, "count": count} for value, count in _top(values.counts)],
                "error": values.error,
            }
            for label, values in sorted(self._values.items())
        ]
        estimate = self._more_labels or any(values.error for values in self._values.values())
        return {"estimate": estimate, "labels": labels, "more_labels": self._more_labels}

    def snapshot(self) -> TopValuesState:
        """Return all there is to keep, as what msgpack can write."""
        return self._more_labels, [(label, values.snapshot()) for label, values in self._values.items()]

    @classmethod
    def restored(cls, state: TopValuesState) -> TopValues:
        """Return what `snapshot` was taken of."""
        top = cls()
        top._more_labels, labels = state
        for label, values in labels:
            top._values[label] = Frequent()
            top._values[label].restore(*values)
        return top


def _top(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:SHOWN]
