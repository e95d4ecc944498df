"""Which nodes caused the incidents that were most like this one: troubles come again.

An incident is known by a sketch: the smallest hashes of its pairs of node and alert name. The same pairs give the same
hashes, so two sketches share about as much as their incidents do (bottom-k sketch, Cohen and Kaplan 2007). Pairs that
were in few incidents weigh more, by the square of the log of how rare they are.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING, Final
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

SKETCH: Final = 32  # hashes
_SHARPNESS: Final = 16.0  # power of the likeness: what always goes on makes all incidents alike, only twins count
_WHOLE: Final = 1_000_000  # weights are whole numbers: their sums are the same in any order
_NOBODY: Final = 1.0  # what speaks for none of the causes, where an incident with all in common is 1


def sketch_of(names: Mapping[str, Iterable[str]]) -> frozenset[int]:
    """Return the sketch of an incident from the alert names of each node."""
    hashes = {crc32(f"{node}\0{name}".encode()) for node, those in names.items() for name in those}
    return frozenset(sorted(hashes)[:SKETCH])


def causes_of_alike(
    sketch: frozenset[int], told: Mapping[str, tuple[frozenset[int], str]], having: Mapping[int, Collection[str]]
) -> dict[str, float]:
    """Return how much the incidents like this one speak for each of their causes: a share, together below 1.

    `told` are the sketches of incidents and their causes, by any key; `having` are the keys of those with a hash.
    """
    known = len(told) + 1.0
    weights = {one: int(_WHOLE * math.log(known / (len(having.get(one, ())) + 0.5)) ** 2) + 1 for one in sketch}
    shared: dict[str, int] = defaultdict(int)
    for one, weight in weights.items():
        for key in having.get(one, ()):
            shared[key] += weight
    total, size = sum(weights.values()), len(sketch)
    votes: dict[str, float] = defaultdict(float)
    for key in sorted(shared):
        other, cause = told[key]
        votes[cause] += (shared[key] / total * size / max(size, len(other))) ** _SHARPNESS
    everything = _NOBODY + sum(votes.values())
    return {cause: vote / everything for cause, vote in votes.items()}
