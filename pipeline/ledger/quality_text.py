"""The running quality of a tenant as rows and sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.domain.quality import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.ledger.quality import Measure, Quality

_NOTHING: Final = "-"


def row(measure: Measure) -> tuple[str, ...]:
    """Return a measure in columns."""
    one = measure
    value = _NOTHING if one.value is None else f"{one.value:.2f}"
    interval = _NOTHING if one.low is None or one.high is None else f"{one.low:.2f} to {one.high:.2f}"
    return one.what, one.measure, value, interval, f"{one.hits:,}", f"{one.of:,}", one.counts


def notes(found: Quality) -> Iterator[str]:
    """Yield what the table does not say."""
    if not found.opinions:
        back = f", or took back what they had said ({found.taken_back})" if found.taken_back else ""
        yield (
            f"Nobody has said anything of the alerts of {found.tenant_id}{back}. Write control records of kind "
            "feedback, such as {says: noise, name: HighCPU, source: prometheus}."
        )
        return
    yield f"{_count(found.opinions, 'opinion')}, {found.taken_back:,} taken back. {_threshold(found)}"
    for one in found.not_judged:
        yield f"Not judged, {one.what}: {one.because}: {one.count:,}."
    short = found.too_little
    if short:
        named = ", ".join(f"{one.what} {one.measure} ({one.of})" for one in short)
        yield f"Too little feedback to go by, fewer than {ENOUGH} cases: {named}."


def _threshold(found: Quality) -> str:
    return f"An alert counts as noise from a score of {found.threshold:g} on ({found.threshold_from})."


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
