"""How well noise is told from what is wanted, and attacks from the routine: AIT-ADS, one setting for all.

python -m bench.noise [FOLDER]    # of .jsonl or .jsonl.gz, one scenario a file, by time

Noise: a model learns one scenario and judges another, frozen or going on with labels that come an hour late. Beside it
stands the smoothed rate of each rule. Outcomes: what became of an alert counts a little of an opinion. Alert stream:
every change is scored before it is learned. Beside it stand the z-score of the rate and half-space trees over the
features that are usual for them.
"""

from __future__ import annotations

import math
import random
import sys
import time
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from datetime import datetime
from itertools import permutations, product
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from river import anomaly

from agents.tenant_models import TenantModels
from bench import report
from bench.labelled_sets import ait_scenario
from bench.machine import ROOT
from models import noise
from models.alert_stream import UNUSUAL, AlertStreamAnomaly
from models.features import StreamInput
from models.noise import GuardedNoise, NoiseInput, NoiseModel
from pipeline.domain.severity import Severity, severity_of
from pipeline.domain.timestamps import to_ms
from pipeline.evaluation.classification import auc, bootstrap_interval, expected_calibration_error, log_loss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FOLDER = ROOT.parent / "shared" / "data" / "ait_ads"
LATE_MS = 3_600_000
PRIOR, THRESHOLD = 0.01, 0.001  # of the baseline
MINUTES = 5
OUTCOME_WEIGHT = 0.05  # of an opinion

Told = tuple[float, bool]  # the score, and whether it is hidden or stands out


class Line(msgspec.Struct, frozen=True):
    """One alert, with the truth about it."""

    at: int
    name: str
    source: str
    host: str
    severity: Severity
    step: str | None  # of the attack that caused it; None for noise
    change: int  # the number of the line that opened it: its own, or that of the change it repeats
    changes: bool
    anomaly: float  # of that change

    def noise_input(self) -> NoiseInput:
        """Return what the noise model sees."""
        return NoiseInput(self.at, self.name, self.source, self.host, self.severity)


class Figures(msgspec.Struct, frozen=True):
    """How much noise is hidden, and what of the attack with it."""

    auc: float
    auc_interval: tuple[float, float]
    noise_hidden: float
    attack_hidden: float
    steps: int
    steps_kept: int
    log_loss: float
    calibration_error: float


class Judge(Protocol):
    """What tells noise from what is wanted."""

    def told(self, line: Line) -> Told:
        """Return the probability that `line` is noise, and whether it is hidden."""

    def learn(self, line: Line) -> None:
        """Learn the truth about `line`."""


class RatePerRule:
    """The baseline: the smoothed rate of wanted alerts of each name."""

    def __init__(self) -> None:
        self._labels: Counter[str] = Counter()
        self._wanted: Counter[str] = Counter()

    def told(self, line: Line) -> Told:
        """Return one minus the rate; what was never seen is not hidden."""
        labels = self._labels[line.name]
        rate = (self._wanted[line.name] + PRIOR) / (labels + 1)
        return 1 - rate, labels > 0 and rate < THRESHOLD

    def learn(self, line: Line) -> None:
        """Count it."""
        self._labels[line.name] += 1
        self._wanted[line.name] += line.step is not None


class Model:
    """The noise model, with or without its guard, told of what stands out or not."""

    def __init__(self, model: NoiseModel | GuardedNoise, *, unusual_passes: bool = False) -> None:
        self.model = model
        self._unusual_passes = unusual_passes

    def told(self, line: Line) -> Told:
        """Return the score, and whether it does not pass."""
        x = line.noise_input()
        if self._unusual_passes:
            x = msgspec.structs.replace(x, anomaly=line.anomaly)
        return self.model.score(x).score, not self.model.passes(x)

    def learn(self, line: Line) -> None:
        """Learn 1 for a step of an attack and 0 for noise."""
        self.model.learn(line.noise_input(), float(line.step is not None))


class NoiseStage:
    """The stage that hides, as the ingest agent asks it."""

    def __init__(self, hide_from: float) -> None:
        self._models = TenantModels()
        self._hide_from = hide_from

    def told(self, line: Line) -> Told:
        """Return the score, and whether it is hidden."""
        x = line.noise_input()
        likely = self._models.likely_noise(x)
        is_noise = likely is not None and likely.is_noise(self._hide_from)
        return self._models.noise.score(x).score, is_noise and line.severity < Severity.CRITICAL

    def learn(self, line: Line) -> None:
        """Learn 1 for a step of an attack and 0 for noise."""
        self._models.noise.learn(line.noise_input(), float(line.step is not None))


JUDGES: dict[str, Callable[[], Judge]] = {
    "rate per rule": RatePerRule,
    "noise model": lambda: Model(NoiseModel()),
    "noise model, unusual passes": lambda: Model(NoiseModel(), unusual_passes=True),
    "guarded noise model": lambda: Model(GuardedNoise()),
    "noise stage, from 0.98": lambda: NoiseStage(0.98),
    "noise stage, from 0.999": lambda: NoiseStage(0.999),
}
# What is learned from, and what is judged. The pipeline learns from changes, and what it says of one holds for repeats.
WAYS = (("alerts", "alerts"), ("changes", "alerts"), ("changes", "changes"))


def scenario(path: Path) -> list[Line]:
    """Return the alerts of one file; what comes while its like is active repeats it."""
    lines: list[Line] = []
    active: dict[tuple[str, ...], tuple[int, int]] = {}  # until when, and by which line
    stream = AlertStreamAnomaly()
    for number, alert in enumerate(ait_scenario(path)):
        starts, ends = (to_ms(datetime.fromisoformat(alert[name])) or 0 for name in ("starts_at", "ends_at"))
        key = (alert["name"], *alert["labels"].values())
        until, change = active.get(key, (-1, number))
        step, host = alert["extra"]["truth"]["step"], alert["labels"]["host"]
        if until < starts:
            x, change = StreamInput(starts, alert["name"], host), number
            anomaly_of_change = stream.score(x).score
            stream.learn(x)
        else:
            anomaly_of_change = lines[change].anomaly
        active[key] = ends, change
        severity = severity_of(alert["severity"]) or Severity.WARNING
        told = (starts, alert["name"], alert["source"], host, severity, step)
        lines.append(Line(*told, change, change == number, anomaly_of_change))
    return lines


def chosen(lines: Sequence[Line], what: str) -> list[Line]:
    """Return all alerts, or the changes among them."""
    return [line for line in lines if line.changes or what == "alerts"]


def judged(judge: Judge, lines: Sequence[Line], learns: Sequence[Line] = ()) -> list[Told]:
    """Return what `judge` says of each line, having the labels of those of `learns` that are an hour old by then."""
    told, labelled = [], 0
    known: dict[tuple[object, ...], Told] = {}
    for line in lines:
        while labelled < len(learns) and learns[labelled].at <= line.at - LATE_MS:
            judge.learn(learns[labelled])
            labelled += 1
            known.clear()
        like = (line.name, line.source, line.host, line.severity, line.anomaly >= UNUSUAL)
        if like not in known:
            known[like] = judge.told(line)
        told.append(known[like])
    return told


def taught(judge: Judge, lines: Iterable[Line]) -> Judge:
    """Return `judge` after it learned all of `lines`."""
    for line in lines:
        judge.learn(line)
    return judge


def by_step(scores: Sequence[float], lines: Sequence[Line]) -> list[tuple[float, int]]:
    """Return for each attack step how many noise alerts its alerts score above, as a share, summed; and its alerts."""
    others = sorted(score for score, line in zip(scores, lines, strict=True) if line.step is None)
    above: dict[str, list[float]] = defaultdict(list)
    for score, line in zip(scores, lines, strict=True):
        if line.step is not None:
            above[line.step].append((bisect_left(others, score) + bisect_right(others, score)) / 2 / len(others))
    return [(math.fsum(shares), len(shares)) for _, shares in sorted(above.items())]


def pooled(steps: Sequence[tuple[float, int]]) -> float:
    """Return the area under the ROC curve of the alerts of these steps against all noise."""
    return math.fsum(above for above, _ in steps) / sum(count for _, count in steps)


def hidden_share(told: Sequence[Told], lines: Sequence[Line]) -> tuple[float, float]:
    """Return which shares of the noise and of the attack are hidden."""
    counts = Counter((line.step is not None, hides) for line, (_, hides) in zip(lines, told, strict=True))
    noise_hidden, attack_hidden = (counts[of, True] / (counts[of, True] + counts[of, False]) for of in (False, True))
    return noise_hidden, attack_hidden


def steps_of(lines: Iterable[Line]) -> set[str]:
    """Return the steps of the attack that are there."""
    return {line.step for line in lines if line.step is not None}


def steps_kept(told: Sequence[Told], lines: Sequence[Line]) -> int:
    """Return of how many steps at least one alert is not hidden."""
    return len(steps_of(line for line, (_, hides) in zip(lines, told, strict=True) if not hides))


def noise_figures(told: Sequence[Told], lines: Sequence[Line]) -> Figures:
    """Return how well what was told agrees with the truth."""
    wanted = [line.step is not None for line in lines]
    likely = [1 - score for score, _ in told]
    noise_hidden, attack_hidden = hidden_share(told, lines)
    return Figures(
        auc=auc(likely, wanted),
        auc_interval=bootstrap_interval(by_step(likely, lines), pooled),
        noise_hidden=noise_hidden,
        attack_hidden=attack_hidden,
        steps=len(steps_of(lines)),
        steps_kept=steps_kept(told, lines),
        log_loss=log_loss(likely, wanted),
        calibration_error=expected_calibration_error(likely, wanted),
    )


def without_each_rule(judge: Judge, unseen: Judge, lines: Sequence[Line]) -> dict[str, float]:
    """Return the worst there is when one rule at a time was left out of what `judge` learned.

    The rate of a name does not depend on other names, so for the rule that was left out `unseen`, which learned
    nothing, says the same as a judge that learned everything else.
    """
    with_it, without_it = judged(judge, lines), judged(unseen, lines)
    wanted = [line.step is not None for line in lines]
    areas, noise_hidden, attack_hidden, kept = [], [], [], []
    for rule in {line.name for line in lines}:
        told = [
            left_out if line.name == rule else known
            for line, known, left_out in zip(lines, with_it, without_it, strict=True)
        ]
        areas.append(auc([1 - score for score, _ in told], wanted))
        shares = hidden_share(told, lines)
        noise_hidden.append(shares[0])
        attack_hidden.append(shares[1])
        kept.append(steps_kept(told, lines))
    return {
        "rules": len(areas),
        "auc_lowest": min(areas),
        "auc_median": median(areas),
        "noise_hidden_lowest": min(noise_hidden),
        "noise_hidden_median": median(noise_hidden),
        "attack_hidden_most": max(attack_hidden),
        "steps_kept_fewest": min(kept),
    }


def bench_noise(scenarios: dict[str, list[Line]]) -> dict[str, object]:
    """Measure every judge on every pair of scenarios."""
    results: list[dict[str, Any]] = []
    left_out: list[dict[str, Any]] = []
    for train, test in permutations(scenarios, 2):
        for (learns, judges), (name, judge) in product(WAYS, JUDGES.items()):
            teacher = taught(judge(), chosen(scenarios[train], learns))
            new = chosen(scenarios[test], judges)
            for online in (False, True):  # in this order: online it learns
                told = judged(teacher, new, chosen(scenarios[test], learns) if online else ())
                one: dict[str, Any] = {"train": train, "test": test, "learns": learns, "judges": judges}
                one |= {"judge": name, "online": online, **msgspec.structs.asdict(noise_figures(told, new))}
                if isinstance(teacher, Model) and isinstance(teacher.model, GuardedNoise):
                    one["falls"] = teacher.model.falls
                results.append(one)
        for name in ("rate per rule", "noise model"):
            teacher = taught(JUDGES[name](), scenarios[train])
            worst = without_each_rule(teacher, JUDGES[name](), scenarios[test])
            left_out.append({"train": train, "test": test, "judge": name, **worst})
    for learns, judges in WAYS:
        of_way = [one for one in results if (one["learns"], one["judges"]) == (learns, judges)]
        _print(f"Noise: {judges} judged, {learns} learned", of_way, SHOWN)
    _print("Each rule left out in turn", left_out, tuple(left_out[0]))
    return {
        "setting": setting(),
        "microseconds": microseconds(next(iter(scenarios.values()))),
        "results": results,
        "each_rule_left_out": left_out,
        "outcomes": bench_outcomes(scenarios),
    }


SHOWN = ("test", "judge", "online", "auc", "noise_hidden", "attack_hidden", "steps_kept")


def _print(title: str, results: Sequence[dict[str, Any]], shown: Sequence[str]) -> None:
    rows = [[f"{one[name]:.5f}" if name == "auc" else one[name] for name in shown] for one in results]
    report.print_table(title, shown, rows)


def microseconds(lines: Sequence[Line]) -> dict[str, float]:
    """Return what one call costs, of the guarded model."""
    model, inputs = GuardedNoise(), [(line.noise_input(), float(line.step is not None)) for line in lines[:10_000]]
    calls: dict[str, Callable[[NoiseInput, float], object]] = {
        "learn": model.learn,
        "score": lambda x, _: model.score(x),
        "passes": lambda x, _: model.passes(x),
    }
    told = {}
    for name, call in calls.items():
        began = time.process_time()
        for x, y in inputs:
            call(x, y)
        told[name] = (time.process_time() - began) / len(inputs) * 1e6
    return told


OUTCOMES: dict[str, Callable[[int], float | None]] = {
    "nothing": lambda _: None,
    "it ended: noise": lambda _: 0.0,
    "under 5 other names at the time: noise": lambda others: 0.0 if others < 5 else None,
    "10 other names at the time: wanted": lambda others: 1.0 if others >= 10 else None,
}


def with_others(lines: Iterable[Line]) -> list[tuple[Line, int]]:
    """Return the changes, each with how many other names began within five minutes of it."""
    found = [line for line in lines if line.changes]
    begins, wide = [line.at for line in found], MINUTES * 60_000
    near = [found[bisect_left(begins, at - wide) : bisect_right(begins, at + wide)] for at in begins]
    return [(line, len({one.name for one in around} - {line.name})) for line, around in zip(found, near, strict=True)]


def bench_outcomes(scenarios: dict[str, list[Line]]) -> list[dict[str, Any]]:
    """Measure what outcomes add to a few opinions: the area over changes, mean of 20 choices of what is said."""
    of, results = {name: with_others(lines) for name, lines in scenarios.items()}, list[dict[str, Any]]()
    for (train, test), said, (outcome, told_by) in product(permutations(of, 2), (10, 50, 200), OUTCOMES.items()):
        areas, lots = [], range(len(of[train]))
        for seed in range(20):
            model, spoken = NoiseModel(), {*random.Random(seed).sample(lots, min(said, len(lots)))}  # noqa: S311
            for number, (line, others) in enumerate(of[train]):
                if (y := float(line.step is not None) if number in spoken else told_by(others)) is not None:
                    _take(model, line.noise_input(), y, 1.0 if number in spoken else OUTCOME_WEIGHT)
            rates = [round(1 - model.chance(line.noise_input()), 9) for line, _ in of[test]]
            areas.append(auc(rates, [line.step is not None for line, _ in of[test]]))
        results.append({"test": test, "opinions": said, "outcome": outcome, "auc": fmean(areas)})
    _print("Outcomes beside a few opinions", results, tuple(results[0]))
    return results


def _take(model: Any, x: NoiseInput, y: float, weight: float) -> None:
    """Let a noise model learn a label of this weight; its own are whole."""
    place = model._place(noise._week(x, y), make=True)
    for key in (noise._name_key(x), noise._instance_key(x)):
        row = model._counts.setdefault(key, array("d", bytes(16 * noise.WEEKS)))
        row[place] += weight
        row[noise.WEEKS + place] += weight * y


def setting() -> dict[str, float]:
    """Return the one setting of the noise model."""
    names = ("WEEKS", "FADING", "ENOUGH", "PRIOR", "NAME_WEIGHT", "INSTANCE_WEIGHT", "LEAST_RATE")
    return {name.lower(): getattr(noise, name) for name in names}


class RateZScore:
    """The baseline: how far the rate of the last five minutes is from its mean, in deviations."""

    def __init__(self) -> None:
        self.rate = 0.0
        self._at: int | None = None
        self._mean = self._variance = 0.0
        self._seen = 0

    def scored(self, line: Line) -> float:
        """Return the z-score of the rate with `line` in it, then learn it."""
        since = 0 if self._at is None else line.at - self._at
        self._at = line.at
        self.rate = self.rate * math.exp(-since / (MINUTES * 60_000)) + 1
        off = self.rate - self._mean
        score = off / (math.sqrt(self._variance) or 1)
        self._seen += 1
        weight = max(1 / self._seen, 1 / 500)
        self._mean += weight * off
        self._variance += weight * (off * (self.rate - self._mean) - self._variance)
        return score


class Trees:
    """Half-space trees over gap, rate, hosts, hour and severity, each scaled to [0, 1]."""

    def __init__(self, seed: int = 42) -> None:
        self._trees: Any = anomaly.HalfSpaceTrees(n_trees=10, height=8, window_size=250, seed=seed)
        self._rate = RateZScore()
        self._hosts: dict[str, int] = {}
        self._at: int | None = None

    def scored(self, line: Line) -> float:
        """Return the score, then learn it."""
        since = 0 if self._at is None else line.at - self._at
        self._at = line.at
        self._rate.scored(line)
        self._hosts[line.host] = line.at
        hosts = sum(seen >= line.at - MINUTES * 60_000 for seen in self._hosts.values())
        angle = line.at / 86_400_000 * math.tau
        features = {
            "gap": min(1.0, math.log1p(since / 1000) / math.log1p(3600)),
            "rate": min(1.0, math.log1p(self._rate.rate) / math.log1p(10_000)),
            "hosts": min(1.0, hosts / 20),
            "hour_sin": (1 + math.sin(angle)) / 2,
            "hour_cos": (1 + math.cos(angle)) / 2,
            "severity": line.severity / Severity.CRITICAL,
        }
        score = self._trees.score_one(features)
        self._trees.learn_one(features)
        return float(score)


class Stream:
    """The model of the alert stream."""

    def __init__(self) -> None:
        self.model = AlertStreamAnomaly()

    def scored(self, line: Line) -> float:
        """Return the score, then learn it."""
        x = StreamInput(line.at, line.name, line.host)
        score = self.model.score(x).score
        self.model.learn(x)
        return score


def bench_stream(scenarios: dict[str, list[Line]]) -> dict[str, object]:
    """Measure what stands out among the changes of every scenario."""
    results = []
    for scenario_name, lines in scenarios.items():
        changes = [line for line in lines if line.changes]
        attack = [line.step is not None for line in changes]
        for name, scorer in (("rate z-score", RateZScore()), ("half-space trees", Trees()), ("model", Stream())):
            began = time.process_time()
            scores = [scorer.scored(line) for line in changes]
            seconds = time.process_time() - began
            opened = dict(zip((line.change for line in changes), scores, strict=True))
            one: dict[str, object] = {
                "scenario": scenario_name,
                "scorer": name,
                "changes": len(changes),
                "of_attack": sum(attack),
                "auc": auc(scores, attack),
                "auc_interval": bootstrap_interval(by_step(scores, changes), pooled),
                "auc_of_alerts": auc(
                    [opened[line.change] for line in lines], [line.step is not None for line in lines]
                ),
                "microseconds": seconds / len(changes) * 1e6,
            }
            if isinstance(scorer, Stream):
                out = [(line.step, score) for line, score in zip(changes, scores, strict=True) if score >= UNUSUAL]
                hits = [step for step, _ in out if step is not None]
                one |= {"unusual": len(out), "precision": len(hits) / len(out), "recall": len(hits) / sum(attack)}
                one |= {"steps_seen": len(set(hits)), "steps": len({line.step for line in changes} - {None})}
                one["bytes"] = len(msgspec.msgpack.encode(scorer.model.snapshot()))
            results.append(one)
    shown = ("scenario", "scorer", "changes", "of_attack", "auc", "auc_of_alerts", "microseconds")
    report.print_table("Alert stream", shown, [[one[name] for name in shown] for one in results])
    return {"unusual": UNUSUAL, "results": results}


def main(folder: Path | None = None) -> None:
    """Measure and report; two minutes."""
    folder = folder or (Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    scenarios = {path.name.partition(".")[0]: scenario(path) for path in sorted(folder.glob("*.jsonl*"))}
    if not scenarios:
        print(f"No scenario of AIT-ADS in {folder}: nothing was measured. Name the folder that has them.")
        return
    if len(scenarios) > 1:
        report.write_result("noise", bench_noise(scenarios))
    report.write_result("alert_stream", bench_stream(scenarios))


if __name__ == "__main__":
    main()
