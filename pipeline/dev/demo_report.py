"""What the demonstration measured, as JSON and for the eye."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from pipeline.dev.incidents import Judged, Said
    from pipeline.dev.outcome import Chapter


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one demonstration."""

    processing_guarantee: str
    hours: float
    digest_minutes: float
    alerts_in: int
    unique_alerts: int
    changes_out: int
    changes: dict[str, int]
    noise_reduction: float
    """1 - changes out / alerts in."""
    alerts_per_second: float
    """From the first record produced until the last change could be read."""
    live_rate: float
    live_alerts: int
    latency_p50_ms: float
    latency_p99_ms: float
    dead_letters: dict[str, int]
    seen_twice: int
    """Outputs read a second time with the same id, which at_least_once allows."""
    incidents: int
    large_incidents: int
    """Those of five alerts and more."""
    causes_named_first: int
    """Large incidents whose likeliest root cause is what the recorded fault was injected into."""
    causes_named_in_three: int

    def as_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)

    def show(self, console: Console, story: Sequence[Chapter], judged: Judged) -> None:
        """Print the figures, what happened to one alert, and one incident."""
        table = Table(show_header=False, box=None, pad_edge=False)
        table.add_column(justify="left")
        table.add_column(justify="right")
        table.add_column(justify="left", style="dim")
        for name, value, note in self._rows():
            table.add_row(name, value, note)
        console.print()
        console.print(table)
        if story:
            _show_story(console, story)
        if judged.example is not None:
            _show_incident(console, judged.example, judged.truth)

    def _rows(self) -> list[tuple[str, str, str]]:
        dead = ", ".join(f"{name} {count:,}" for name, count in self.dead_letters.items())
        return [
            ("alerts in", f"{self.alerts_in:,}", f"{self.hours:g} h of two systems, sent again each minute while open"),
            ("unique alerts", f"{self.unique_alerts:,}", ""),
            ("changes out", f"{self.changes_out:,}", f"repeats told once in {self.digest_minutes:g} min"),
            *[(f"  {name}", f"{count:,}", "") for name, count in self.changes.items()],
            ("incidents", f"{self.incidents:,}", "alerts that belong together; each change on alerts.correlated"),
            ("  of 5 alerts and more", f"{self.large_incidents:,}", "compared with the faults that were injected"),
            (
                "  true cause first",
                f"{self.causes_named_first:,}",
                f"among the first 3: {self.causes_named_in_three:,}",
            ),
            ("noise reduction", f"{self.noise_reduction:.1%}", "1 - changes out / alerts in"),
            ("throughput", f"{self.alerts_per_second:,.0f}/s", "first produce to last change readable, one worker"),
            ("latency p50", f"{self.latency_p50_ms:.1f} ms", f"produce to readable, at {self.live_rate:g} changes/s"),
            ("latency p99", f"{self.latency_p99_ms:.1f} ms", f"of {self.live_alerts:,} changes"),
            ("dead letters", f"{sum(self.dead_letters.values()):,}", dead),
            ("read twice", f"{self.seen_twice:,}", f"{self.processing_guarantee}; the same ids, counted once"),
        ]


def _show_story(console: Console, story: Sequence[Chapter]) -> None:
    first = story[0].told
    labels = ", ".join(f'{name}="{value}"' for name, value in sorted(first.labels.items()))
    console.print(f"\nOne of them: {first.name} {{{labels}}} of {first.tenant_id}")
    for chapter in story:
        told = chapter.told
        console.print(f"  {chapter.at:<24}  {told.change:<16} {told.severity:<8} fired {told.count} times")


def _show_incident(console: Console, incident: Said, truth: str) -> None:
    console.print(f"\nAn incident of {incident.tenant_id}: {incident.title}, {incident.member_count} alerts")
    for cause in incident.root_causes[:3]:
        console.print(f"  {cause['confidence']:>5.0%}  {cause['node']:<24} {'; '.join(cause['evidence'][:2])}")
    console.print(f"  The fault was injected into {truth}.")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
