"""The sentence for every score: how high it is, and which features are how far from their usual.

And the one for what is expected of an alert that begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pipeline.ledger.entries import Expected, ScoreReason

_FAR: Final = 1.0  # deviations from which on a feature is worth words, beside the one that weighs most
_ONE_SIDED: Final = frozenset(("anomaly",))
"""Scores for which only more than usual counts, never less."""
_WEEK: Final = 7 * 86_400.0
_NEARLY: Final = 0.999
_UNITS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def score_sentences(scores: Mapping[str, float], reasons: Mapping[str, Sequence[ScoreReason]]) -> Iterator[str]:
    """Yield one sentence for each score that has reasons: one of 0 has none."""
    for name, score in scores.items():
        found = reasons.get(name, ())
        if found:
            told = [found[0], *(one for one in found[1:] if _counts(name, one))]
            yield f"{name} {score:.2f}: {'; '.join(_feature(name, one) for one in told)}."


def expectation(expected: Expected) -> str | None:
    """Return what was expected of an alert that began, None where nothing was known."""
    ends = expected.resolved_in_s
    if ends is None:
        return None
    half, most = _span(ends.p50), _span(ends.p90)
    return f"It was expected to end within {half} in half of the cases, within {most} in nine of ten."


def _counts(score: str, reason: ScoreReason) -> bool:
    distance = reason.distance if score in _ONE_SIDED else abs(reason.distance)
    return distance >= _FAR


def _feature(score: str, reason: ScoreReason) -> str:
    known = FEATURES.get((score, reason.feature))
    if known is None:  # a newer worker may use features that this release does not know
        text, value, usual = reason.feature.replace("_", " "), f"{reason.value:.3g}", f"{reason.usual:.3g}"
        said = f"{text} {value}, usually {usual}"
    else:
        text, unit = known
        said = text.format(value=unit(reason.value), usual=unit(reason.usual))
    return f"{said} ({reason.distance:+.1f} deviations)"


def _span(seconds: float) -> str:
    """Return a time as people say it; a week stands for any longer one, and for never."""
    if seconds >= _NEARLY * _WEEK:
        return "a week or more"
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (1.0, "s"))
    return f"{seconds / size:.3g} {unit}"


def _share(value: float) -> str:
    return f"{100 * value:.3g} %"


def _count(value: float) -> str:
    return f"{value:.3g}"


FEATURES: Final[dict[tuple[str, str], tuple[str, Callable[[float], str]]]] = {
    ("anomaly", "name_gap"): ("none of this name for {value}, usually {usual}", _span),
    ("anomaly", "series_gap"): ("none of this name on this host for {value}, usually {usual}", _span),
    ("anomaly", "novelty"): ("{value} changes that were new in the last 5 minutes, usually {usual}", _count),
    ("noise", "name"): ("people want {value} of the alerts of this name, usually {usual}", _share),
    ("noise", "instance"): ("people want {value} of those of this instance, of the others {usual}", _share),
    ("noise", "recent_rate"): ("people wanted {value} of the last ones of this name, usually {usual}", _share),
    ("flapping", "name"): ("{value} of the alerts of this name flap, of all {usual}", _share),
    ("flapping", "instance"): ("{value} of those of this instance flap, of the name {usual}", _share),
    ("flapping", "recent_rate"): ("{value} of the last ones of this name flapped, usually {usual}", _share),
}
"""By score and feature, what is said of it."""
