"""What becomes of the changes of a replay: which are to be seen, which are hidden and by what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.domain.change import Change
from pipeline.domain.reasons import Stage
from pipeline.domain.suppressors import stage_of
from pipeline.ledger.told import read_told
from pipeline.schemas.own import STORM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pipeline.ledger.told import ToldChange
    from pipeline.schemas.records import Output


class _StormFacts(msgspec.Struct):
    """What the end of a storm tells of all of it."""

    minutes: int
    suppressed: int


_storm_facts: Final = msgspec.json.Decoder(_StormFacts).decode


@dataclass(slots=True)
class Outcome:
    """Counts of records of alerts.enriched, by what becomes of them."""

    active: int = 0
    own: int = 0
    """Those of the active that the pipeline says itself, of what it hides."""
    suppressed: int = 0
    suppressed_by: Counter[str] = field(default_factory=Counter)
    """By stage; a record that two stages hide is in both."""
    storms: int = 0
    storm_minutes: int = 0
    storm_hidden: int = 0
    """Changes that storms hid, as they are told of."""
    flapping: int = 0
    """How often an alert began to flap."""
    steady: int = 0
    """How often one was steady again."""
    flapping_now: set[tuple[str, str]] = field(default_factory=set)
    """Alerts (tenant, fingerprint) that nobody called steady since they began to flap."""

    def take(self, outputs: Iterable[Output]) -> None:
        """Count some more."""
        for output in outputs:
            told = read_told(output.value or b"")
            if told.is_own:
                self._take_own(told)
            elif told.change == Change.FLAPPING:
                self.flapping += 1
                self.flapping_now.add((told.tenant_id, told.fingerprint))
            elif told.change == Change.STEADY:
                self.steady += 1
                self.flapping_now.discard((told.tenant_id, told.fingerprint))
            if told.is_active:
                self.active += 1
                continue
            self.suppressed += 1
            self.suppressed_by.update({stage_of(one) for one in told.suppressed_by})

    def _take_own(self, told: ToldChange) -> None:
        self.own += 1
        if told.name != STORM:
            return
        if told.change == Change.OPENED:
            self.storms += 1
        elif told.change == Change.RESOLVED:
            facts = _storm_facts(told.extra)
            self.storm_goes_on(facts.minutes, facts.suppressed)

    def storm_goes_on(self, minutes: int, hidden: int) -> None:
        """Count the minutes of a storm, and what it hid in them."""
        self.storm_minutes += minutes
        self.storm_hidden += hidden

    def add(self, other: Outcome) -> None:
        """Count what another partition counted."""
        self.active += other.active
        self.own += other.own
        self.suppressed += other.suppressed
        self.suppressed_by += other.suppressed_by
        self.storms += other.storms
        self.storm_goes_on(other.storm_minutes, other.storm_hidden)
        self.flapping += other.flapping
        self.steady += other.steady
        self.flapping_now |= other.flapping_now

    def as_json(self) -> dict[str, Any]:
        """Return the counts by name; stages in the order in which they are asked."""
        return {
            "active": self.active,
            "own": self.own,
            "suppressed": self.suppressed,
            "suppressed_by": self.by_stage(),
            "storms": {"begun": self.storms, "minutes": self.storm_minutes, "hidden": self.storm_hidden},
            "flapping": {"begun": self.flapping, "ended": self.steady, "hidden": self.suppressed_by[Stage.FLAPPING]},
        }

    def sentences(self) -> Iterator[str]:
        """Yield what there is to say of what is hidden."""
        if self.suppressed:
            yield f"{self.suppressed:,} suppressed{listed(self.by_stage())}"
        if self.storms:
            yield f"{self.storms:,} storms, {self.storm_minutes:,} minutes that hid {self.storm_hidden:,} changes"
        if self.flapping:
            yield f"{self.flapping:,} times an alert began to flap, {self.steady:,} times it was steady again"

    def by_stage(self) -> dict[str, int]:
        """Return how many records each stage hid, in the order in which they are asked."""
        return {stage.value: self.suppressed_by[stage] for stage in Stage if self.suppressed_by[stage]}


def listed(counts: Mapping[str, int]) -> str:
    """Return counts in brackets, by name unless they have an order of their own; nothing if there are none."""
    if not counts:
        return ""
    named = sorted(counts.items()) if isinstance(counts, Counter) else counts.items()
    return f" ({', '.join(f'{name} {count:,}' for name, count in named)})"
