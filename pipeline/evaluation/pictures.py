"""An evaluation to look at: ROC and precision-recall of the scores, reliability, and when incidents were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.evaluation import classification

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.evaluation.labelled import Labelled
    from pipeline.evaluation.predictions import Prediction

_MOST_LANES: Final = 60
_OURS: Final = "#0072b2"
_TRUE: Final = "#8a8a8a"


def draw(folder: Path, alerts: Sequence[Labelled], said: Sequence[Prediction], times: Sequence[int]) -> list[Path]:
    """Write the pictures that there is something for; return their files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for need, wanted, scores in (
        ("noise", False, [one.noise for one in said]),
        ("anomaly", True, [one.anomaly for one in said]),
    ):
        known = [
            (score, alert.truth.wanted is wanted)
            for score, alert in zip(scores, alerts, strict=True)
            if score is not None
        ]
        if len({truth for _, truth in known}) == 2:
            files.append(_curves(folder / f"{need}.png", need, [one for one, _ in known], [one for _, one in known]))
    if any(alert.truth.incident for alert in alerts):
        files.append(_timeline(folder / "incidents.png", alerts, said, times))
    return files


def _figure(columns: int, width: float, height: float) -> tuple[Any, Any]:
    # Here, for it takes a second that only whoever wants a picture should wait.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def _curves(file: Path, need: str, scores: Sequence[float], truths: Sequence[bool]) -> Path:
    figure, (roc, pr, reliable) = _figure(3, 12, 4)
    points = classification.roc_points(scores, truths)
    roc.plot([x for x, _ in points], [y for _, y in points], color=_OURS)
    roc.plot([0, 1], [0, 1], color=_TRUE, linestyle=":")
    roc.set(title=f"{need}: ROC", xlabel="false positive rate", ylabel="true positive rate")
    points = classification.pr_points(scores, truths)
    pr.plot([x for x, _ in points], [y for _, y in points], color=_OURS)
    pr.set(title=f"{need}: precision and recall", xlabel="recall", ylabel="precision", ylim=(0, 1.02))
    bins = classification.reliability(scores, truths)
    reliable.plot([0, 1], [0, 1], color=_TRUE, linestyle=":")
    reliable.plot([one.mean_score for one in bins], [one.share_true for one in bins], "o-", color=_OURS)
    reliable.set(title=f"{need}: reliability", xlabel="score", ylabel="share that came true")
    figure.savefig(file)
    return file


def _timeline(file: Path, alerts: Sequence[Labelled], said: Sequence[Prediction], times: Sequence[int]) -> Path:
    """Draw a lane for each true incident: when it was, and which of our incidents its alerts were in."""
    from datetime import UTC, datetime

    lanes: dict[str, list[tuple[int, str | None]]] = {}
    for alert, one, at in zip(alerts, said, times, strict=True):
        if alert.truth.incident is not None:
            lanes.setdefault(alert.truth.incident, []).append((at, one.incident))
    shown = list(lanes.items())[:_MOST_LANES]
    figure, (axes,) = _figure(1, 12, 1.5 + 0.25 * len(shown))
    for lane, (_, points) in enumerate(shown):
        colours: dict[str | None, int] = {}
        for _, incident in points:
            colours.setdefault(incident, len(colours))
        moments = [datetime.fromtimestamp(at / 1000, UTC) for at, _ in points]
        axes.scatter(
            moments, [lane] * len(points), c=[colours[one] % 10 for _, one in points], cmap="tab10", s=9, vmin=0, vmax=9
        )
    axes.set_yticks(range(len(shown)), [name for name, _ in shown])
    axes.invert_yaxis()
    axes.set(title="True incidents; a colour for each incident that the pipeline made of one")
    figure.savefig(file)
    return file
