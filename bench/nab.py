"""How well anomalies of metric series are found: the Numenta Anomaly Benchmark, one setting for all its 58 series.

python -m bench.nab [FOLDER]    # NAB as it is published: data/**/*.csv and labels/combined_windows.json

First the scorer: two detectors whose scores are published must get them. Then the model beside simpler ones, what it
costs, and what it gets on each group of series when its level was chosen on the others.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench import report
from bench.machine import ROOT
from bench.nab_peers import knn_cad, sad_with_gate, windowed_gaussian
from models.series_anomaly import LEVELS, Point, SeriesAnomaly
from models.series_gate import CALM, CLEARLY, QUIET, Gate
from models.snapshot import pack
from pipeline.evaluation.nab import PROFILES, STANDARD, Corpus
from pipeline.evaluation.nab_files import Series, read_series
from pipeline.evaluation.series import chance, constant, run, scored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FOLDER = ROOT.parent / "shared" / "data" / "nab"
_LEVELS = tuple(step / 20 for step in range(14, 29))  # 0.7 to 1.4 times what is set
_EVERY = 600
PUBLISHED = {"windowed Gaussian": (39.65, 20.87, 47.41), "KNN-CAD": (57.99, 43.41, 64.81)}
OTHERS: Mapping[str, Callable[[Sequence[float]], list[float]]] = {
    "windowed Gaussian": windowed_gaussian,
    "KNN-CAD": knn_cad,
    "SAD with gate": sad_with_gate,
}


def corpus(folder: Path) -> list[Series]:
    """Return NAB's series with their windows."""
    path = folder / "labels" / "combined_windows.json"
    windows = json.loads(path.read_text()) if path.exists() else {}
    return [read_series(folder / "data" / name, name, windows[name]) for name in sorted(windows)]


def values_of(series: Series) -> list[float]:
    """Return the values; NAB has one for every point."""
    return [value for value in series.values if value is not None]


def best_of(series: Sequence[Series], scores: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return the score under each profile, at the threshold that is best for all series."""
    labelled = [one.labelled for one in series]
    return {profile.name: round(Corpus(labelled, profile).best(scores).normalised, 2) for profile in PROFILES}


def at_level(unusual: Sequence[float], level: float) -> list[float]:
    """Return 1 for each point that would be a detection if all levels were `level` times as high, else 0."""
    gate = Gate()
    return [float(gate.learn(one / level)) for one in unusual]


def by_group(series: Sequence[Series], unusual: Sequence[Sequence[float]]) -> dict[str, dict[str, float]]:
    """Return what each group gets as it is set, at the level that is best for it, and at the others' best."""
    groups = [one.name.partition("/")[0] for one in series]
    corpora = {
        group: Corpus([one.labelled for one, name in zip(series, groups, strict=True) if name == group])
        for group in sorted(set(groups))
    }
    raw: dict[float, dict[str, float]] = {}
    for level in _LEVELS:
        told = [at_level(one, level) for one in unusual]
        raw[level] = {
            group: corpus.at([one for one, name in zip(told, groups, strict=True) if name == group], 1.0).raw
            for group, corpus in corpora.items()
        }
    found = {}
    for group, corpus in corpora.items():
        others = max(_LEVELS, key=lambda level, group=group: sum(raw[level].values()) - raw[level][group])  # type: ignore[misc]
        found[group] = {
            "windows": corpus.windows,
            "as_set": _normalised(raw[1.0][group], corpus.windows),
            "at_its_own_level": _normalised(max(one[group] for one in raw.values()), corpus.windows),
            "level_of_the_others": others,
            "at_the_level_of_the_others": _normalised(raw[others][group], corpus.windows),
            "raw": raw[others][group],
        }
    return found


def left_out(groups: Mapping[str, Mapping[str, float]]) -> float:
    """Return the score of all groups together, each at the level that is best for the others."""
    windows = sum(int(one["windows"]) for one in groups.values())
    return _normalised(sum(one["raw"] for one in groups.values()), windows)


def _normalised(raw: float, windows: int) -> float:
    return 100.0 * (raw + windows * STANDARD.miss) / (windows * (STANDARD.hit + STANDARD.miss)) if windows else raw


def cost(series: Sequence[Series]) -> tuple[dict[str, float], list[list[float]]]:
    """Return microseconds a point, score and learn together, and the largest snapshot; and how unusual points are."""
    seconds = points = largest = 0.0
    unusual = []
    for one in series:
        judge = SeriesAnomaly()
        given = [Point(at, value) for at, value in zip(one.times, values_of(one), strict=True)]
        told = []
        began = time.process_time()
        for point in given:
            told.append(judge.score(point).unusual)
            judge.learn(point)
        seconds += time.process_time() - began
        unusual.append(told)
        points += len(given)
        largest = max(largest, len(pack(judge.NAME, judge.VERSION, judge.snapshot())))
    return {"microseconds_a_point": round(seconds / points * 1e6, 2), "largest_state_bytes": largest}, unusual


def main(folder: Path | None = None) -> None:
    """Measure and report; two to three minutes, nearly all of it KNN-CAD's."""
    folder = folder or (Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    series = corpus(folder)
    if not series:
        print(f"No labels of NAB in {folder}: nothing was measured. Name the folder with data/ and labels/.")
        return
    detectors = {}
    for name, detect in OTHERS.items():
        began = time.process_time()
        scores = [detect(values_of(one)) for one in series]
        took = time.process_time() - began
        detectors[name] = {**best_of(series, scores), "microseconds_a_point": _each(took, series)}
    said = run(series)
    ours = [[one.score for one in points] for points in said]
    costs, unusual = cost(series)
    detectors["SeriesAnomaly"] = {**best_of(series, ours), "microseconds_a_point": costs["microseconds_a_point"]}
    for name, baseline in {"constant": constant, "random": chance}.items():
        detectors[name] = best_of(series, [[one.score for one in points] for points in run(series, baseline)])
    detectors[f"every {_EVERY} points"] = best_of(
        series, [[float(row % _EVERY == 0) for row in range(len(one.values))] for one in series]
    )
    told = scored(series, said)
    groups = by_group(series, unusual)
    _print(detectors, groups)
    result = {
        "published": {
            name: dict(zip((one.name for one in PROFILES), them, strict=True)) for name, them in PUBLISHED.items()
        },
        "detectors": detectors,
        "model": {
            **costs,
            "detections_as_told": {one.profile.name: round(one.normalised, 2) for one in told.told},
            "setting": {**LEVELS, "quiet": QUIET, "calm": CALM, "clearly": CLEARLY},
            "windows": {
                one: getattr(told.windows, one) for one in ("found", "missed", "false_alarms", "precision", "recall")
            },
            "groups": groups,
            "leave_one_group_out": left_out(groups),
        },
    }
    report.write_result("nab", result)


def _each(seconds: float, series: Sequence[Series]) -> float:
    return round(seconds / sum(len(one.values) for one in series) * 1e6, 2)


def _print(detectors: Mapping[str, Mapping[str, float]], groups: Mapping[str, Mapping[str, float]]) -> None:
    names = [profile.name for profile in PROFILES]
    rows: list[tuple[object, ...]] = []
    for name, them in detectors.items():
        rows.append((name, *(them[one] for one in names), them.get("microseconds_a_point")))
        if name in PUBLISHED:
            rows.append((f"{name}, published", *PUBLISHED[name], None))
    report.print_table("NAB 1.1", ("detector", *names, "us a point"), rows)
    report.print_table(
        "SeriesAnomaly by group, standard profile: how much hangs on the level (without windows: raw)",
        ("group", "windows", "as set", "own level", "level of the others"),
        [
            (
                group,
                int(one["windows"]),
                one["as_set"],
                one["at_its_own_level"],
                one["at_the_level_of_the_others"],
            )
            for group, one in groups.items()
        ],
    )


if __name__ == "__main__":
    main()
