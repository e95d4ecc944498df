"""A backtest as a picture: changes to be seen in each hour, now and with the candidate."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from pipeline.backtest.hours import HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.backtest.run import Difference

BLOCKS: Final = "▁▂▃▄▅▆▇█"
_MOST_POINTS: Final = 2000
_NOW_COLOUR: Final = "#8a8a8a"
_CANDIDATE_COLOUR: Final = "#0072b2"
_BEGUN_COLOUR: Final = "#d55e00"
_AVOIDED_COLOUR: Final = "#009e73"


def series(rows: Sequence[tuple[int, int, int]], width: int, most: int) -> tuple[int, list[tuple[int, int, int]]]:
    """Return rows (begin in ms, now, candidate) without gaps, at most `most`, and the width (ms) of each."""
    if not rows:
        return width, []
    first, last = rows[0][0], rows[-1][0]
    wide = width * -(-((last - first) // width + 1) // most)
    count = (last - first) // wide + 1
    points = [[first + place * wide, 0, 0] for place in range(count)]
    for begin, now, candidate in rows:
        point = points[(begin - first) // wide]
        point[1] += now
        point[2] += candidate
    return wide, [(begin, now, candidate) for begin, now, candidate in points]


def sparkline(counts: Sequence[int], highest: int) -> str:
    """Return counts as one line of blocks; the highest block is `highest`, a space is nothing at all."""
    steps = len(BLOCKS) - 1
    return "".join(" " if not count else BLOCKS[round(count / highest * steps)] for count in counts)


def draw(difference: Difference, title: str, file: Path) -> None:
    """Write the picture as a PNG."""
    # Here, for it takes a second that only whoever wants a picture should wait.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
    from matplotlib.figure import Figure

    width, points = series(difference.hours.rows(), difference.hours.width, _MOST_POINTS)
    figure = Figure(figsize=(11, 4), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if points:
        edges = [*(_day(begin) for begin, _, _ in points), _day(points[-1][0] + width)]
        axes.stairs([now for _, now, _ in points], edges, fill=True, color=_NOW_COLOUR, alpha=0.45, label="now")
        candidate = [candidate for _, _, candidate in points]
        axes.stairs(candidate, edges, color=_CANDIDATE_COLOUR, linewidth=1.6, label="candidate", baseline=None)
    for spans, colour, label in (
        (difference.storms_begun, _BEGUN_COLOUR, "storm with the candidate only"),
        (difference.storms_avoided, _AVOIDED_COLOUR, "storm that is avoided"),
    ):
        for number, span in enumerate(spans):
            end = span.ended_at if span.ended_at is not None else (difference.span or (0, span.begun_at))[1]
            name = label if not number else None
            axes.axvspan(
                _day(span.begun_at), _day(max(end, span.begun_at + 60_000)), color=colour, alpha=0.3, label=name
            )
    axes.xaxis_date(UTC)
    locator = AutoDateLocator(tz=UTC)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))
    axes.set_ylabel("changes to be seen " + ("an hour" if width == HOUR else f"in {width // HOUR} hours"))
    axes.set_ylim(bottom=0)
    axes.set_title(title, loc="left")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.savefig(file, format="png", metadata={"Software": None})


def _day(ms: int) -> float:
    """Return a moment as pictures have it: days since 1970."""
    return ms / 86_400_000
