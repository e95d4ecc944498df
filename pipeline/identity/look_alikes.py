"""Names of alerts that look alike: perhaps one alert under two names. Nothing is merged because of it."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from rapidfuzz import fuzz, process

from pipeline.domain.normal import NORMAL_FORM, Normal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COMPARED: Final = 2_000  # names, the most frequent ones: their pairs are 2 million
SHOWN: Final = 10
ALIKE: Final = 90  # of 100
_AT_ONCE: Final = 256  # names compared with all others in one go, which bounds the memory


class LookAlike(NamedTuple):
    """Two names, and how alike they are: 100 is the same letters but for case, spaces and punctuation."""

    score: int
    one: str
    other: str


def look_alikes(names: Mapping[str, int]) -> list[LookAlike]:
    """Return the pairs most alike among the most frequent of `names`, which say how often each is.

    Of names that differ in numbers only, one is compared.
    """
    frequent = sorted(names, key=lambda name: (-names[name], name))
    one_each = {NORMAL_FORM[Normal.NUMBER](name): name for name in reversed(frequent)}
    compared = [name for name in frequent if one_each[NORMAL_FORM[Normal.NUMBER](name)] == name][:COMPARED]
    best = heapq.nsmallest(SHOWN, _pairs([_bare(name) for name in compared]))
    return [LookAlike(-less, compared[one], compared[other]) for less, one, other in best]


def _pairs(texts: list[str]) -> Iterator[tuple[int, int, int]]:
    """Yield (minus the score, the place of one, the place of the other) for the pairs that are alike."""
    for start in range(0, len(texts), _AT_ONCE):
        scores = process.cdist(
            texts[start : start + _AT_ONCE], texts, scorer=fuzz.ratio, score_cutoff=ALIKE, dtype=np.uint8
        )
        for row, column in np.argwhere(scores >= ALIKE).tolist():
            if start + row < column:
                yield -int(scores[row, column]), start + row, column


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
