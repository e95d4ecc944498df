"""Which alerts of the pipeline's own bear on an alert: those that tell of what hid it, or might have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.domain.change import Change
from pipeline.domain.reasons import Ruled, Stage
from pipeline.domain.timestamps import to_ms
from pipeline.schemas import own
from pipeline.schemas.raw import FIRING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.ledger.entries import EnrichedRecord, Entry
    from pipeline.schemas.enriched import Decision

_FOR_EVER: Final = 1 << 62


def bearing_on(changes: Sequence[Entry], told: Sequence[Entry]) -> list[Entry]:
    """Return which records of the pipeline's own alerts bear on the alert that `changes` are the records of."""
    fingerprint = changes[0].record.fingerprint
    others = [entry for entry in told if entry.record.fingerprint != fingerprint]
    ends = {_spell(entry.record): entry.at for entry in others if entry.record.change == Change.RESOLVED}
    return [entry for entry in others if _bears(entry, ends.get(_spell(entry.record), _FOR_EVER), changes)]


def _spell(record: EnrichedRecord) -> tuple[str, int]:
    """Return what the records of one storm, or of one window, have in common."""
    return record.fingerprint, to_ms(record.starts_at) or 0


def _bears(entry: Entry, ended_at: int, changes: Sequence[Entry]) -> bool:
    record, labels = entry.record, entry.record.labels
    if record.name == own.RECALL:
        return labels.get("fingerprint") == changes[0].record.fingerprint
    if record.name == own.SILENCE_EXPIRES:
        before = [one.record for one in changes if one.number < entry.number]
        held = f"{Stage.SILENCE}:{labels.get('silence')}"
        return bool(before) and before[-1].status == FIRING and held in before[-1].suppressed_by
    begin = to_ms(record.starts_at) or 0
    meanwhile = [said for one in changes if begin <= one.at <= ended_at for said in one.record.decisions]
    return any(_is_about(record, said) for said in meanwhile)


def _is_about(record: EnrichedRecord, decision: Decision) -> bool:
    """Say whether a decision was made because of what the pipeline tells of there."""
    if record.name in (own.RATE, own.FORECAST):
        return False
    if record.name == own.STORM:
        return decision.stage == Stage.STORM
    if record.name == own.MAINTENANCE:
        return decision.stage == Stage.MAINTENANCE and decision.rule == record.labels.get("window")
    return decision.reason == Ruled.BUDGET_EXHAUSTED
