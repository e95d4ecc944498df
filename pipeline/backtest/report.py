"""A backtest in words, tables and JSON."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.backtest.picture import series, sparkline
from pipeline.domain.timestamps import to_text
from pipeline.durations import format_duration
from pipeline.replay_outcome import listed

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping

    from pipeline.backtest.run import Difference
    from pipeline.backtest.shift import Count, Example, Shift
    from pipeline.backtest.storms import StormSpan
    from pipeline.replay_summary import Summary

COLUMNS: Final = ("alerts", "of which critical", "changes", "of which critical")
ROWS_SHOWN: Final = 20
_MARKS: Final = 72  # of a sparkline
_decode_labels = msgspec.json.Decoder(dict[str, str]).decode
_MILLISECOND: Final = timedelta(milliseconds=1)

Row = tuple[object, ...]


# -- in words


def span_text(difference: Difference) -> str:
    """Return from when to when the alerts were, and how long that is."""
    if difference.span is None:
        return "no time at all"
    first, last = difference.span
    return f"{to_text(first)} to {to_text(last)} ({format_duration((last - first) // 1000 * 1000 * _MILLISECOND)})"


def radius(difference: Difference, when: str) -> str:
    """Return in one sentence what one more rule would have hidden; `when` begins it."""
    hidden = difference.hidden.total
    if not hidden.changes:
        return f"{when} it would have hidden nothing."
    whole = f"{hidden.alerts:,} alerts, of which {hidden.critical_alerts:,} critical"
    changes = f"{hidden.changes:,} changes, of which {hidden.critical_changes:,} critical"
    return f"{when} it would have hidden {whole} ({changes})."


def sentences(difference: Difference) -> Iterator[str]:
    """Yield what differs beside what is hidden and released, where it does."""
    if difference.told_more:
        yield f"{difference.told_more.total():,} changes more are told{listed(difference.told_more)}."
    if difference.told_less:
        yield f"{difference.told_less.total():,} changes are no longer there{listed(difference.told_less)}."
    if difference.merged.alerts:
        yield f"{difference.merged.alerts:,} alerts are part of others, {difference.merged.critical_alerts:,} critical."
    if difference.split.alerts:
        yield f"{difference.split.alerts:,} alerts are new ones of their own."
    for what, spans in (("begun", difference.storms_begun), ("avoided", difference.storms_avoided)):
        if spans:
            shown = ", ".join(map(_span_text, spans[:ROWS_SHOWN]))
            more = f" and {len(spans) - ROWS_SHOWN:,} more" if len(spans) > ROWS_SHOWN else ""
            yield f"{len(spans):,} storms {what}: {shown}{more}."


def _span_text(span: StormSpan) -> str:
    end = "the end" if span.ended_at is None else to_text(span.ended_at)
    return f"{span.tenant_id} {to_text(span.begun_at)} to {end}"


def picture(difference: Difference) -> list[str]:
    """Return the changes to be seen in each hour as two lines of blocks, and what a block is; nothing without any."""
    width, points = series(difference.hours.rows(), difference.hours.width, _MARKS)
    if not points:
        return []
    highest = max(max(now, candidate) for _, now, candidate in points)
    mark = format_duration(width * _MILLISECOND)
    return [
        f"Changes to be seen from {to_text(points[0][0])} on; a mark is {mark}, the highest {highest:,}:",
        f"  now        {sparkline([now for _, now, _ in points], highest)}",
        f"  candidate  {sparkline([candidate for _, _, candidate in points], highest)}",
    ]


def example_text(example: Example) -> str:
    """Return when, what and why, in one line."""
    told = example.told
    labels = ", ".join(f'{name}="{text}"' for name, text in sorted(_decode_labels(told.labels).items()))
    by = ", ".join(example.by)
    return (
        f"{to_text(example.at)}  {told.tenant_id}  {told.change}  {told.severity}  {told.name}  {{{labels}}}  by {by}"
    )


# -- in tables


def totals(difference: Difference) -> list[Row]:
    """Return (what, now, with the candidate) of both runs."""
    now, candidate = difference.now, difference.candidate
    rows: list[Row] = [
        ("changes to be seen", f"{now.outcome.active:,}", f"{candidate.outcome.active:,}"),
        ("suppressed", f"{now.outcome.suppressed:,}", f"{candidate.outcome.suppressed:,}"),
    ]
    for stage in {**now.outcome.by_stage(), **candidate.outcome.by_stage()}:
        rows.append((f"  by {stage}", *(f"{run.outcome.suppressed_by[stage]:,}" for run in (now, candidate))))
    rows += [
        ("storms", f"{now.outcome.storms:,}", f"{candidate.outcome.storms:,}"),
        ("flapping begun", f"{now.outcome.flapping:,}", f"{candidate.outcome.flapping:,}"),
        ("noise reduction", _percent(now), _percent(candidate)),
    ]
    if now.dead_letters or candidate.dead_letters:
        rows.append(("dead letters", f"{now.dead_letters.total():,}", f"{candidate.dead_letters.total():,}"))
    return rows


def _percent(run: Summary) -> str:
    return "-" if run.noise_reduction is None else f"{100 * run.noise_reduction:.2f} %"


def by_rule(shift: Shift) -> list[Row]:
    """Return (rule, counts) by what it hides most."""
    return [(rule, *_cells(count)) for rule, count in _most(shift.by_rule)]


def by_name(shift: Shift) -> list[Row]:
    """Return (name, severity, counts), the most first."""
    return [(*key, *_cells(count)) for key, count in _most(shift.by_name)]


def _most(counts: Mapping[Any, Count]) -> list[tuple[Any, Count]]:
    return sorted(counts.items(), key=lambda one: (-one[1].changes, -one[1].alerts, one[0]))


def _cells(count: Count) -> tuple[str, ...]:
    return tuple(f"{one:,}" for one in msgspec.to_builtins(count).values())


# -- as JSON


def as_json(difference: Difference) -> dict[str, Any]:
    """Return all of it by name."""
    first, last = difference.span or (None, None)
    return {
        "first_at": None if first is None else to_text(first),
        "last_at": None if last is None else to_text(last),
        "now": difference.now.as_json(),
        "candidate": difference.candidate.as_json(),
        "hidden": _shift(difference.hidden),
        "released": _shift(difference.released),
        "merged": msgspec.to_builtins(difference.merged),
        "split": msgspec.to_builtins(difference.split),
        "told_more": _sorted(difference.told_more),
        "told_less": _sorted(difference.told_less),
        "storms_begun": _spans(difference.storms_begun),
        "storms_avoided": _spans(difference.storms_avoided),
        "hours": {
            "width_ms": difference.hours.width,
            "counts": [
                {"at": to_text(at), "now": now, "candidate": candidate}
                for at, now, candidate in difference.hours.rows()
            ],
        },
    }


def _shift(shift: Shift) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(shift.total),
        "by_rule": [{"rule": rule, **msgspec.to_builtins(count)} for rule, count in _most(shift.by_rule)],
        "by_name": [
            {"name": name, "severity": severity, **msgspec.to_builtins(count)}
            for (name, severity), count in _most(shift.by_name)
        ],
        "examples": [
            {
                "at": to_text(example.at),
                "tenant_id": example.told.tenant_id,
                "fingerprint": example.told.fingerprint,
                "name": example.told.name,
                "severity": example.told.severity,
                "change": example.told.change,
                "labels": _decode_labels(example.told.labels),
                "by": list(example.by),
            }
            for example in shift.examples()
        ],
    }


def _spans(spans: Iterable[StormSpan]) -> list[dict[str, Any]]:
    return [
        {
            "tenant_id": span.tenant_id,
            "begun_at": to_text(span.begun_at),
            "ended_at": None if span.ended_at is None else to_text(span.ended_at),
        }
        for span in spans
    ]


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items()))
