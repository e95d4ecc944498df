"""How alike two texts are: the cosine of their TF-IDF vectors (Salton and Buckley 1988), learned on changes only."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Final

from pipeline.domain.top_values import Frequent

PLACES: Final = 1024  # words whose frequency is known
_WORDS: Final = 24  # of a text; those that come first
_WORD: Final = re.compile(r"[a-z]+|[A-Z]+[a-z]*|[0-9]+(?=[a-z])")  # a capital after a small letter begins another

Words = tuple[str, ...]


@lru_cache(maxsize=8192)
def words_of(text: str) -> Words:
    """Return the words of a text, each once and in order: HTTPErrorRate and http_error_rate are the same."""
    return tuple(dict.fromkeys(map(str.lower, _WORD.findall(text[:512]))))[:_WORDS]


class TextLikeness:
    """How many changes each word was in, and from it how alike two texts are."""

    __slots__ = ("_frequent", "_total")

    def __init__(self) -> None:
        self._frequent: Frequent[str] = Frequent(PLACES)
        self._total = 0

    def learn(self, words: Words) -> None:
        """Count a text."""
        self._total += 1
        self._frequent.add_each(words)

    def weight(self, word: str) -> float:
        """Return the inverse document frequency, smoothed: never below 0, and 1 for what half of the texts have."""
        count = self._frequent.counts.get(word, 0) + self._frequent.error
        return math.log2((self._total + 2) / (count + 1)) if count <= self._total else 0.0

    def likeness(self, one: Words, other: Words) -> float:
        """Return the cosine of both, in [0, 1]; 0 where either has no words."""
        if one == other:
            return 1.0 if one else 0.0
        common = set(one).intersection(other)
        if not common:
            return 0.0
        squares = [[self.weight(word) ** 2 for word in words] for words in (one, other)]
        # In order, for a sum of floats depends on it.
        dot = sum([square for word, square in zip(one, squares[0], strict=True) if word in common])
        norm = math.sqrt(sum(squares[0]) * sum(squares[1]))
        return min(1.0, dot / norm) if norm else 0.0

    def snapshot(self) -> list[object]:
        """Return all there is to keep."""
        error, counts = self._frequent.snapshot()
        return [self._total, error, [list(one) for one in counts]]

    def restore(self, state: list[object]) -> None:
        """Take over what `snapshot` returned."""
        self._total, error, counts = state  # type: ignore[assignment]
        self._frequent.restore(error, [(word, count) for word, count in counts])  # type: ignore[arg-type, attr-defined]
