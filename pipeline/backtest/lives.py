"""Alerts from opening to end in two runs: which nobody gets to see any more, and which somebody does.

A life is the same in both if the same record began it. Each run is told of in its own order; in which order things
that one record or one second brings about come differs between them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.backtest.shift import Count
from pipeline.domain.severity import LABELS
from pipeline.schemas.raw import FIRING

if TYPE_CHECKING:
    from pipeline.backtest.shift import Shift
    from pipeline.ledger.told import ToldChange


class _Life:
    """One alert from opening to end, in one run."""

    __slots__ = ("by", "id", "is_shown", "name", "severity")

    def __init__(self, told: ToldChange) -> None:
        self.id = told.id
        self.name = told.name
        self.severity = 0  # the worst
        self.is_shown = False  # anything of it
        self.by: tuple[str, ...] = ()


class _Run:
    """The lives of one run."""

    def __init__(self) -> None:
        self.open: dict[tuple[str, str], _Life] = {}
        self.open_ids: set[str] = set()
        self.over: dict[str, _Life] = {}  # by the record that began them

    def see(self, told: ToldChange) -> None:
        key = told.tenant_id, told.fingerprint
        life = self.open.get(key)
        if life is None:
            if told.status != FIRING:
                return  # of a life that is over: its flapping has ended
            life = self.open[key] = _Life(told)
            self.open_ids.add(life.id)
        life.severity = max(life.severity, LABELS.index(told.severity))
        if told.is_active:
            life.is_shown = True
        elif life.by != told.suppressed_by:
            life.by = tuple(dict.fromkeys((*life.by, *told.suppressed_by)))
        if told.status != FIRING:
            self.over[life.id] = self.open.pop(key)
            self.open_ids.discard(life.id)

    def end_all(self) -> None:
        self.over |= {life.id: life for life in self.open.values()}
        self.open.clear()
        self.open_ids.clear()


@dataclass(slots=True)
class Lives:
    """The alerts that are open in either run, and what came of those that ended."""

    hidden: Shift
    released: Shift
    merged: Count = field(default_factory=Count)
    """Alerts of their own in the first run only."""
    split: Count = field(default_factory=Count)
    """Alerts of their own in the second run only."""
    _runs: tuple[_Run, _Run] = field(default_factory=lambda: (_Run(), _Run()))

    def see(self, side: int, told: ToldChange) -> None:
        """Take note of a change in one run, 0 or 1."""
        self._runs[side].see(told)

    def settle(self) -> None:
        """Count the lives that are over in both runs, which are at the same place."""
        first, second = self._runs
        for life_id in [*first.over]:
            if life_id in second.over:
                self._compare(first.over.pop(life_id), second.over.pop(life_id))
            elif life_id not in second.open_ids:  # else it goes on there, together with another one
                _count_own(self.merged, first.over.pop(life_id))
        for life_id in [*second.over]:
            if life_id not in first.open_ids:
                _count_own(self.split, second.over.pop(life_id))

    def _compare(self, life: _Life, other: _Life) -> None:
        if life.is_shown and not other.is_shown:
            self.hidden.add_alert(life.name, LABELS[life.severity], other.by)
        elif other.is_shown and not life.is_shown:
            self.released.add_alert(other.name, LABELS[other.severity], life.by)

    def finish(self) -> None:
        """Count all that are still open as well."""
        for run in self._runs:
            run.end_all()
        self.settle()


def _count_own(count: Count, life: _Life) -> None:
    if life.is_shown:
        count.add_alert(LABELS[life.severity])
