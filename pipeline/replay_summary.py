"""What a replay counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.replay_outcome import Outcome, listed

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(slots=True)
class Summary:
    """Counts of one replay."""

    alerts: int = 0
    """Records processed, dead letters included."""
    control: int = 0
    """Control records that had their effect, dead letters included."""
    changes: Counter[str] = field(default_factory=Counter)
    outcome: Outcome = field(default_factory=Outcome)
    """Which of the changes anybody gets to see."""
    unchanged: Counter[str] = field(default_factory=Counter)
    """Records that changed nothing and are no plain repeats, by reason."""
    dead_letters: Counter[str] = field(default_factory=Counter)
    forwarded: int = 0
    """Records of a recording that lay on a wrong partition; what counts is their copy on the right one."""
    again: int = 0
    """Recorded records that were in the file before."""
    open_at_the_end: int = 0

    @property
    def noise_reduction(self) -> float | None:
        """Return which share of the alerts nobody has to look at; negative where more is told than came in."""
        return 1 - self.outcome.active / self.alerts if self.alerts else None

    def as_json(self) -> dict[str, Any]:
        """Return the counts by name, reasons in alphabetical order."""
        reduction = self.noise_reduction
        return {
            "alerts": self.alerts,
            "control": self.control,
            "changes": dict(sorted(self.changes.items())),
            **self.outcome.as_json(),
            "noise_reduction": None if reduction is None else round(reduction, 6),
            "unchanged": dict(sorted(self.unchanged.items())),
            "dead_letters": dict(sorted(self.dead_letters.items())),
            "forwarded": self.forwarded,
            "again": self.again,
            "open_at_the_end": self.open_at_the_end,
        }

    def __str__(self) -> str:
        """Give the counts in one sentence."""
        return "; ".join(self._parts()) + "."

    def _parts(self) -> Iterator[str]:
        yield f"{self.alerts:,} alerts in, {self.changes.total():,} changes out{listed(self.changes)}"
        yield from self.outcome.sentences()
        reduction = self.noise_reduction
        if reduction is not None:
            than = "less" if reduction >= 0 else "more"
            yield f"{self.outcome.active:,} to look at, {abs(100 * reduction):.2f} % {than} than came in"
        if self.unchanged:
            yield f"{self.unchanged.total():,} changed nothing{listed(self.unchanged)}"
        if self.dead_letters:
            yield f"{self.dead_letters.total():,} dead letters{listed(self.dead_letters)}"
        if self.control:
            yield f"{self.control:,} control records taken in"
        if self.forwarded:
            yield f"{self.forwarded:,} lay on a wrong partition"
        if self.again:
            yield f"{self.again:,} were in the file twice"
        yield f"{self.open_at_the_end:,} open at the end"
