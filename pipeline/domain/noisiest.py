"""The noisiest (name, instance) of a minute, told from the others without counting every record by name."""

from __future__ import annotations

from pipeline.domain.top_values import Frequent, FrequentState

PLACES = 64  # how many pairs are counted at a time

Pair = tuple[str, str]
NoisiestState = tuple[Pair, int, int, FrequentState[Pair]]


class Noisiest:
    """Which pair had the most records so far, and how many at most.

    Only a record of another pair than `pair` has to be brought here: what came since the last one was of `pair`.
    """

    __slots__ = ("_attributed", "_counts", "most", "pair")

    def __init__(self) -> None:
        self.pair: Pair = "", ""
        self.most = 0  # too many by at most a 33rd of all
        self._attributed = 0  # records, to one pair or another
        self._counts: Frequent[Pair] = Frequent(PLACES)

    def meet(self, pair: Pair, number: int) -> bool:
        """Take note of the record `number` (from 1) of the minute, and say whether its pair is the noisiest now."""
        frequent = self._counts
        counts = frequent.counts  # one call less for each: this is done for records, not for changes
        of_the_noisiest = number - 1 - self._attributed
        self._attributed = number
        if of_the_noisiest:
            counts[self.pair] = counts.get(self.pair, 0) + of_the_noisiest
            self.most = max(self.most, counts[self.pair] + frequent.error)
        counts[pair] = counts.get(pair, 0) + 1
        if len(counts) > PLACES:
            frequent.cut()
        met = counts.get(pair, 0) + frequent.error
        if met < self.most:
            return False
        self.most, self.pair = met, pair
        return True

    def snapshot(self) -> NoisiestState:
        """Return all there is to keep, as what msgpack can write."""
        return self.pair, self._attributed, self.most, self._counts.snapshot()

    @classmethod
    def restored(cls, state: NoisiestState) -> Noisiest:
        """Return what `snapshot` was taken of."""
        noisiest = cls()
        (name, instance), noisiest._attributed, noisiest.most, (error, counts) = state
        noisiest.pair = name, instance
        noisiest._counts.restore(error, (((name, instance), count) for (name, instance), count in counts))
        return noisiest
