"""What a replay counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Summary:
    """Counts of one replay."""

    alerts: int = 0
    """Records processed, dead letters included."""
    changes: Counter[str] = field(default_factory=Counter)
    unchanged: Counter[str] = field(default_factory=Counter)
    """Alerts that changed nothing and are no plain repeats, by reason."""
    dead_letters: Counter[str] = field(default_factory=Counter)
    forwarded: int = 0
    """Records of a recording that lay on a wrong partition; what counts is their copy on the right one."""
    again: int = 0
    """Recorded records that were in the file before."""
    open_at_the_end: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the counts by name, reasons in alphabetical order."""
        return {
            "alerts": self.alerts,
            "changes": dict(sorted(self.changes.items())),
            "unchanged": dict(sorted(self.unchanged.items())),
            "dead_letters": dict(sorted(self.dead_letters.items())),
            "forwarded": self.forwarded,
            "again": self.again,
            "open_at_the_end": self.open_at_the_end,
        }

    def __str__(self) -> str:
        """Give the counts in one sentence."""
        parts = [f"{self.alerts:,} alerts in, {self.changes.total():,} changes out{_listed(self.changes)}"]
        if self.unchanged:
            parts.append(f"{self.unchanged.total():,} changed nothing{_listed(self.unchanged)}")
        if self.dead_letters:
            parts.append(f"{self.dead_letters.total():,} dead letters{_listed(self.dead_letters)}")
        if self.forwarded:
            parts.append(f"{self.forwarded:,} lay on a wrong partition")
        if self.again:
            parts.append(f"{self.again:,} were in the file twice")
        parts.append(f"{self.open_at_the_end:,} open at the end")
        return "; ".join(parts) + "."


def _listed(counts: Counter[str]) -> str:
    return f" ({', '.join(f'{name} {count:,}' for name, count in sorted(counts.items()))})" if counts else ""
