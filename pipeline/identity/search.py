"""A search among the cuts that could be made, for those that leave the fewest alerts.

The cut that merges most alerts is taken first, then the one that merges most of what is left. Where none alone merges
enough, all are tried together, since a restart changes several labels at once, and those without which it works as
well are given up again. A cut that would merge what was open side by side, such as hosts, is not taken: it is one to
look at, with the others that only somebody who knows the alerts can judge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pipeline.domain.normal import Normal
from pipeline.identity.groups import Group, groups_of, side_by_side
from pipeline.identity.table import AlertTable, Hashes, distinct

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.identity.cuts import Cut
    from pipeline.identity.sample import Seen

    Cuts = tuple[Cut, ...]

TO_LOOK_AT: Final = 5
# By their form these are made anew at each start, however many are open at a time.
_PLAIN: Final = {Normal.POD_HASH, Normal.REPLICA_SET_HASH, Normal.TIMESTAMP}
_TURNOVER: Final = 1.5  # alerts by how many of them were open at once, below which they live side by side
_TOGETHER: Final = 0.1  # of what cuts merge together; one that adds less is given up


@dataclass(frozen=True)
class Step:
    """Cuts to make, how many alerts there are before and after, and those that become one."""

    cuts: Cuts
    in_force: Cuts
    """All that hold then: these and those taken before."""
    before: int
    after: int
    groups: list[Group]
    doubt: str | None


class Search:
    """The cuts taken so far, and the alerts that are left after them."""

    def __init__(self, alerts: Sequence[Seen], wanted: int) -> None:
        self._alerts = alerts
        self._wanted = wanted  # alerts that must become repeats of others
        self._table = AlertTable(alerts)
        self._hashes = self._table.hashes
        self.left = distinct(self._hashes)
        self._taken: dict[str | None, Cut] = {}
        found = self._table.candidates()
        self._pool = found.sure
        self._doubtful: dict[Cuts, str] = {(cut,): why for cut, why in found.unsure.items()}

    def rules(self) -> list[Step]:
        """Return what to do without a doubt, in the order in which it was found."""
        found = []
        while cuts := self._best():
            after = self._after(cuts)
            groups = groups_of(self._alerts, self._hashes, after)
            self._pool = [cut for cut in self._pool if cut not in cuts]
            if any(not _PLAIN.issuperset(cut.kinds or [Normal.NUMBER]) for cut in cuts):
                many = side_by_side(groups, _TURNOVER)
                if many:
                    self._doubtful[cuts] = f"up to {many:,} of what it makes one were open at the same time"
                    continue
            found.append(self._step(cuts, after, groups))
            self._take(cuts, after)
        return found

    def to_look_at(self) -> list[Step]:
        """Return the rest of what would merge enough, the most first."""
        found = {cuts: why for cuts, why in self._doubtful.items() if self._merged(cuts) >= self._wanted}
        rest = {cut: why for cuts, why in self._doubtful.items() if cuts not in found for cut in cuts}
        together = self._together([*self._pool, *rest])
        if together:
            found[together] = "; ".join(dict.fromkeys(rest[cut] for cut in together if cut in rest))
        most = sorted(found, key=self._merged, reverse=True)[:TO_LOOK_AT]
        return [self._looked_at(cuts, found[cuts]) for cuts in most]

    def _looked_at(self, cuts: Cuts, doubt: str) -> Step:
        after = self._after(cuts)
        return self._step(cuts, after, groups_of(self._alerts, self._hashes, after), doubt)

    def _step(self, cuts: Cuts, after: Hashes, groups: list[Group], doubt: str | None = None) -> Step:
        in_force = self._taken | {cut.field: cut for cut in cuts}
        return Step(cuts, tuple(in_force.values()), self.left, distinct(after), groups, doubt)

    def _take(self, cuts: Cuts, after: Hashes) -> None:
        self._hashes = after
        self.left = distinct(after)
        for cut in cuts:
            self._taken[cut.field] = cut
            # What takes less of the field would give back some of it.
            self._pool = [one for one in self._pool if one.field != cut.field or one.takes_more_than(cut)]

    def _best(self) -> Cuts:
        """Return the cut that merges most, or the cuts that together merge enough; none if nothing does."""
        merged = [(self._merged((cut,)), -place) for place, cut in enumerate(self._pool)]
        most, place = max(merged, default=(0, 0))
        return (self._pool[-place],) if most >= self._wanted else self._together(self._pool)

    def _together(self, pool: Sequence[Cut]) -> Cuts:
        """Return the fewest and least of the cuts that merge enough together, none if they do not."""
        cuts = tuple({cut.field: cut for cut in pool}.values())  # of a field the one that takes most
        cuts = tuple(cut for cut in cuts if self._worth_it(cut, cuts))
        merged = self._merged(cuts)
        if merged < self._wanted:
            return ()
        for cut in sorted(cuts, key=lambda cut: bool(cut.kinds)):  # rather a part than a whole label
            less = [one for one in pool if one.field == cut.field and cut.takes_more_than(one)]
            for instead in ((), *((one,) for one in less)):
                fewer = (*_without(cut, cuts), *instead)
                if self._merged(fewer) >= merged * (1 - _TOGETHER):
                    cuts = fewer
                    break
        return cuts

    def _merged(self, cuts: Cuts) -> int:
        """Return how many alerts cuts merge; none if a label goes that is not worth it."""
        if not all(self._worth_it(cut, cuts) for cut in cuts):
            return 0
        return self.left - distinct(self._after(cuts))

    def _worth_it(self, cut: Cut, cuts: Cuts) -> bool:
        """Say whether a cut spares something, or a whole label goes that keeps apart most alerts that have it."""
        return bool(cut.kinds) or self._table.merges_most(cut, self._after(_without(cut, cuts)), self._after(cuts))

    def _after(self, cuts: Cuts) -> Hashes:
        undone = [self._taken[cut.field] for cut in cuts if cut.field in self._taken]
        return self._table.cut(self._hashes, cuts, undone)


def _without(cut: Cut, cuts: Cuts) -> Cuts:
    return tuple(one for one in cuts if one != cut)
