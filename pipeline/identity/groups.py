"""The alerts that a cut would make one, and how many of them were open at a time."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.identity.sample import Seen
    from pipeline.identity.table import Hashes


@dataclass(frozen=True)
class Group:
    """Alerts that would become one."""

    alerts: list[Seen]
    identities: int
    """How many they are before; several may be one already."""
    at_once: int
    """How many of those were open at a time, at most; 0 where no record says when."""
    timed: int
    """How many of those have a time."""

    @property
    def records(self) -> int:
        """Return how many records they are."""
        return sum(seen.records for seen in self.alerts)


def groups_of(alerts: Sequence[Seen], before: Hashes, after: Hashes) -> list[Group]:
    """Return the groups that are several alerts by the hashes before, and one by those after; the largest first."""
    order = np.argsort(after, kind="stable")
    sorted_ = after[order]
    edges = [0, *(np.flatnonzero(sorted_[1:] != sorted_[:-1]) + 1).tolist(), len(order)]
    several = [order[start:end].tolist() for start, end in pairwise(edges) if end - start > 1]
    # By their first alerts, since the order of hashes is another in each process.
    groups = [_group(alerts, before, rows) for rows in sorted(several)]
    return sorted((group for group in groups if group.identities > 1), key=lambda group: -group.identities)


def side_by_side(groups: Sequence[Group], turnover: float) -> int:
    """Return how many were open at once, at most, if few of the alerts came when another had gone; else 0."""
    timed = [group for group in groups if group.at_once]
    if sum(group.timed for group in timed) >= turnover * sum(group.at_once for group in timed):
        return 0
    return max(group.at_once for group in timed)


def _group(alerts: Sequence[Seen], before: Hashes, rows: Sequence[int]) -> Group:
    spans: dict[int, tuple[int, int]] = {}
    for row in rows:
        seen, identity = alerts[row], int(before[row])
        if seen.first is not None and seen.last is not None:
            first, last = spans.get(identity, (seen.first, seen.last))
            spans[identity] = min(first, seen.first), max(last, seen.last)
    identities = len({int(before[row]) for row in rows})
    return Group([alerts[row] for row in rows], identities, _most_at_once([*spans.values()]), len(spans))


def _most_at_once(spans: Sequence[tuple[int, int]]) -> int:
    """Return how many spans share a moment, at most; both ends belong to a span."""
    changes = sorted([(first, 0) for first, _ in spans] + [(last, 1) for _, last in spans])
    most = running = 0
    for _, ends in changes:
        running += -1 if ends else 1
        most = max(most, running)
    return most
