"""The distinct alerts of a tenant by field, and how many of them cuts leave.

Each alert has a hash that is the sum of those of its fields, so that a cut is an addition, and how many alerts are
left is how many different sums there are.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.identity.cuts import Candidates, look_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.identity.cuts import Cut
    from pipeline.identity.sample import Seen

Hashes = NDArray[np.uint64]
FIELDS: Final = 64  # looked at: those that most alerts have
_MASK: Final = 0xFFFFFFFFFFFFFFFF


class _Column:
    """One field: which alerts have it, and the value of each."""

    def __init__(self) -> None:
        self.rows = array("i")
        self.codes = array("i")
        self.values: dict[str, int] = {}

    def add(self, row: int, value: str) -> None:
        self.rows.append(row)
        self.codes.append(self.values.setdefault(value, len(self.values)))


class AlertTable:
    """The distinct alerts of one tenant, by field."""

    def __init__(self, alerts: Sequence[Seen]) -> None:
        columns: defaultdict[str | None, _Column] = defaultdict(_Column)
        for row, seen in enumerate(alerts):
            name, labels, values = seen.key
            columns[None].add(row, name)
            for label, value in zip(labels, values, strict=True):
                columns[label].add(row, value)
        self.count = len(alerts)
        self.hashes: Hashes = np.zeros(self.count, dtype=np.uint64)
        for field, column in columns.items():
            _add(self.hashes, column, _array(_hash(field, value) for value in column.values))
        most = sorted(columns, key=lambda field: (-len(columns[field].rows), field or ""))
        self._columns = {field: columns[field] for field in most[:FIELDS]}
        self._shifts: dict[Cut, Hashes] = {}

    def cut(self, hashes: Hashes, made: Sequence[Cut], undone: Sequence[Cut] = ()) -> Hashes:
        """Return the hashes after cuts are made, and others undone."""
        hashes = hashes.copy()
        for cut in undone:
            _add(hashes, self._columns[cut.field], np.negative(self._shift(cut)))
        for cut in made:
            _add(hashes, self._columns[cut.field], self._shift(cut))
        return hashes

    def merges_most(self, cut: Cut, before: Hashes, after: Hashes) -> bool:
        """Say whether less than half remain of the alerts that have the field, between these hashes."""
        rows = np.asarray(self._columns[cut.field].rows)
        return distinct(after[rows]) * 2 <= distinct(before[rows])

    def candidates(self) -> Candidates:
        """Return what could be cut, judged by how the values of each field look."""
        found = Candidates([], {})
        for field, column in self._columns.items():
            look_at(field, list(column.values), len(column.rows), found)
        return found

    def _shift(self, cut: Cut) -> Hashes:
        """Return by how much a cut changes the hash of each value of its field."""
        shift = self._shifts.get(cut)
        if shift is None:
            pairs = ((value, cut.of(value)) for value in self._columns[cut.field].values)
            shift = self._shifts[cut] = _array(
                0 if left == value else _hash(cut.field, left) - _hash(cut.field, value) & _MASK
                for value, left in pairs
            )
        return shift


def _add(hashes: Hashes, column: _Column, by_value: Hashes) -> None:
    """Add to the hash of each alert that has a field what its value counts; no alert is in a column twice."""
    hashes[np.asarray(column.rows)] += by_value[np.asarray(column.codes)]


def _array(numbers: Iterable[int]) -> Hashes:
    return np.fromiter(numbers, dtype=np.uint64)


def distinct(hashes: Hashes) -> int:
    """Return how many alerts are told apart."""
    in_order = np.sort(hashes)  # several times as fast as np.unique, which makes a table of them
    return int(np.count_nonzero(in_order[1:] != in_order[:-1])) + min(1, len(in_order))


def _hash(field: str | None, value: str) -> int:
    """Return what a value adds to the hash of an alert; its key is this process's, so nobody can make two collide."""
    return hash((field, value)) & _MASK if value else 0
