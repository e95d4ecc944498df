"""How well anomalies of metric series are found: NAB's scores, and windows found and missed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from models.series_anomaly import Point, SeriesAnomaly
from pipeline.evaluation.nab import PROFILES, Corpus, Result, probation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pipeline.evaluation.nab_files import Series

_RARE = 0.999  # of what a random detector says nothing
_SEED = 42


@dataclass(frozen=True, slots=True)
class Said:
    """What a detector said of one point; of one without a finite value: nothing, and 0."""

    series: str
    timestamp: str  # as the file has it
    score: float
    detection: bool


class Detector(Protocol):
    """Anything that says something of every point of a series, in their order and without looking ahead."""

    def __call__(self, series: Series) -> list[Said]:
        """Return one for each point."""


def model(series: Series) -> list[Said]:
    """Return what a new `SeriesAnomaly` says, which learns each point after it."""
    judge = SeriesAnomaly()
    said = []
    for stamp, at, value in zip(series.stamps, series.times, series.values, strict=True):
        if value is None:
            said.append(Said(series.name, stamp, 0.0, detection=False))
            continue
        point = Point(at, value)
        judged = judge.score(point)
        judge.learn(point)
        said.append(Said(series.name, stamp, judged.score, judged.detected))
    return said


def constant(series: Series) -> list[Said]:
    """Return the same score for every point and no detection: what NAB calls the null detector."""
    return [Said(series.name, stamp, 0.5, detection=False) for stamp in series.stamps]


def chance(series: Series) -> list[Said]:
    """Return random scores, the same on every run, and a detection every thousand points."""
    draw = random.Random(f"{_SEED} {series.name}").random  # noqa: S311 - a baseline, no secret
    scores = [draw() for _ in series.stamps]
    return [
        Said(series.name, stamp, score, detection=score > _RARE)
        for stamp, score in zip(series.stamps, scores, strict=True)
    ]


BASELINES: Mapping[str, Detector] = {"constant": constant, "random": chance}


@dataclass(frozen=True, slots=True)
class WindowCount:
    """Windows with a detection and without, and detections outside; the probation of a series counts for nothing."""

    found: int = 0
    missed: int = 0
    false_alarms: int = 0

    @property
    def precision(self) -> float:
        """Return the share of detections, one for each window found, that are right; 1 if there was none."""
        alarms = self.found + self.false_alarms
        return self.found / alarms if alarms else 1.0

    @property
    def recall(self) -> float:
        """Return the share of windows that were found; 1 if there was none."""
        windows = self.found + self.missed
        return self.found / windows if windows else 1.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of both."""
        both = 2 * self.found + self.missed + self.false_alarms
        return 2 * self.found / both if both else 1.0


@dataclass(frozen=True, slots=True)
class SeriesScore:
    """What a detector gets on a set."""

    best: tuple[Result, ...]  # a profile each, at the threshold that is best for the set, as NAB does
    told: tuple[Result, ...]  # a profile each, of the detections that were told
    windows: WindowCount  # of the detections that were told


def run(series: Iterable[Series], detector: Detector = model) -> list[list[Said]]:
    """Return what `detector` says of each series."""
    return [detector(one) for one in series]


def scored(series: Sequence[Series], said: Sequence[Sequence[Said]]) -> SeriesScore:
    """Compare what was said with the windows."""
    scores = [[one.score for one in points] for points in said]
    told = [[float(one.detection) for one in points] for points in said]
    corpora = [Corpus([one.labelled for one in series], profile) for profile in PROFILES]
    return SeriesScore(
        best=tuple(corpus.best(scores) for corpus in corpora),
        told=tuple(corpus.at(told, 1.0) for corpus in corpora),
        windows=_counted(series, said),
    )


def _counted(series: Sequence[Series], said: Sequence[Sequence[Said]]) -> WindowCount:
    found = missed = false_alarms = 0
    for one, points in zip(series, said, strict=True):
        learning = probation(one.labelled.rows)
        rows = {row for row, point in enumerate(points) if point.detection and row >= learning}
        for begin, end in one.labelled.windows:
            if end < learning:
                continue
            inside = {row for row in rows if begin <= row <= end}
            found, missed = found + bool(inside), missed + (not inside)
            rows -= inside
        false_alarms += len(rows)
    return WindowCount(found, missed, false_alarms)


def evaluate(
    series: Sequence[Series], said_so: Callable[[list[Said]], None] = lambda said: None
) -> dict[str, SeriesScore]:
    """Return the scores of the model and of the baselines by name; `said_so` gets what the model says of each."""
    ours = []
    for one in series:
        said = model(one)
        said_so(said)
        ours.append(said)
    return {"model": scored(series, ours), **{name: scored(series, run(series, it)) for name, it in BASELINES.items()}}
