"""What a step counted: the figures behind its metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.domain.change import Change
    from pipeline.domain.reasons import Rejection, Unchanged
    from pipeline.domain.severity import Severity


@dataclass(slots=True)
class Tally:
    """What was counted since the last look."""

    processed: Counter[tuple[str, Severity, str]] = field(default_factory=Counter)  # by tenant, severity, status
    told: list[tuple[str, Change]] = field(default_factory=list)  # tenant and change, one for each record that left
    unchanged: Counter[Unchanged] = field(default_factory=Counter)
    rejected: Counter[Rejection] = field(default_factory=Counter)
    forwarded: int = 0
    clamped: int = 0

    @property
    def changes(self) -> Counter[tuple[str, Change]]:
        """Return how many records told of each change of each tenant's."""
        return Counter(self.told)
