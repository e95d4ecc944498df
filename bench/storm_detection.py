"""How well storms are told from noise: AIT-ADS, minutes with web scans against all others, one setting for all.

Every third, fifth, tenth and twentieth alert stand for tenants that send less: for them the floor is learned.

python -m bench.storm_detection [FOLDER]    # of .jsonl or .jsonl.gz, one scenario a file, by time
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench import report
from bench.machine import ROOT
from pipeline.domain.storms import UNKNOWN, Pulse, StormPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FOLDER = ROOT.parent / "shared" / "data" / "ait_ads"
SCANS = {"dirb", "wpscan"}
FACTORS = (2.0, 3.0, 4.0, 5.0, 6.0)
FLOORS = (250, 500, 1000)
EVERY = (1, 3, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class Sent:
    """One alert of a scenario, as far as storms see it."""

    minute: int
    key: bytes
    name: str
    instance: str
    scan: bool


@dataclass(slots=True)
class Score:
    """What was found, what was found wrongly and what was missed."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn)

    @property
    def precision(self) -> float:
        """Return the share of what was found that is right; 1 if nothing was."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 1.0

    @property
    def recall(self) -> float:
        """Return the share of what is there that was found; 1 if nothing is."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else 1.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of both."""
        return 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.tp + self.fp + self.fn else 1.0

    def told(self) -> dict[str, float]:
        """Return the counts and what follows from them."""
        counts = {"tp": self.tp, "fp": self.fp, "fn": self.fn}
        return {**counts, "precision": self.precision, "recall": self.recall, "f1": self.f1}


@dataclass(slots=True)
class Found:
    """What the detector made of a scenario."""

    over: set[int] = field(default_factory=set)  # minutes over the limit, in a storm
    storms: list[tuple[int, int]] = field(default_factory=list)  # first and last such minute of each
    limits: list[int] = field(default_factory=list)  # of each minute that has records
    seconds: float = 0.0


def scenario(path: Path) -> Iterator[Sent]:
    """Yield the alerts of one file: the name without its sender, and the host as the instance."""
    keys: dict[tuple[str, str, str], bytes] = {}
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        for line in lines:
            alert = json.loads(line)
            name = alert["name"].partition(":")[2].strip() or alert["name"]
            series = name, alert["host"], alert["ip"]
            key = keys.setdefault(series, "\0".join(series).encode())
            yield Sent(int(float(alert["time"])) // 60, key, name, alert["host"], alert["event_label"] in SCANS)


def detect(alerts: Sequence[Sent], policy: StormPolicy) -> Found:
    """Return what the detector makes of `alerts`, fed one by one as the pipeline does."""
    found = Found()
    pulse = Pulse(policy, alerts[0].minute)
    began = time.perf_counter()
    for alert in alerts:
        if alert.minute != pulse.minute:
            _close(pulse, found)
            pulse.roll(alert.minute)
        pulse.left -= 1
        if alert.key is not pulse.first and not pulse.mixed:
            pulse.meet(alert.key, alert.name, alert.instance)
        if pulse.left <= 0 and pulse.look():
            found.storms.append((pulse.minute, pulse.minute))
    _close(pulse, found)
    found.seconds = time.perf_counter() - began
    return found


def _close(pulse: Pulse, found: Found) -> None:
    found.limits.append(pulse.limit)
    if pulse.storming and pulse.count > pulse.limit:
        found.over.add(pulse.minute)
        found.storms[-1] = found.storms[-1][0], pulse.minute


def episodes(minutes: Iterable[int], gap: int) -> list[tuple[int, int]]:
    """Return the first and last of minutes that lie at most `gap` apart."""
    together: list[tuple[int, int]] = []
    for minute in sorted(minutes):
        if together and minute - together[-1][1] <= gap:
            together[-1] = together[-1][0], minute
        else:
            together.append((minute, minute))
    return together


def minute_score(found: Iterable[int], true: Iterable[int]) -> Score:
    """Compare single minutes."""
    found, true = set(found), set(true)
    return Score(len(found & true), len(found - true), len(true - found))


def episode_score(found: Sequence[tuple[int, int]], true: Sequence[tuple[int, int]]) -> Score:
    """Compare whole episodes: one is found if a storm overlaps it, and a storm that overlaps none is wrong."""

    def meets(one: tuple[int, int], others: Sequence[tuple[int, int]]) -> bool:
        return any(one[0] <= other[1] and other[0] <= one[1] for other in others)

    hits = sum(meets(one, found) for one in true)
    return Score(hits, sum(not meets(one, true) for one in found), len(true) - hits)


def scores(alerts: Sequence[Sent], found: Found, policy: StormPolicy) -> tuple[Score, Score]:
    """Return how well minutes and episodes were found."""
    true = {alert.minute for alert in alerts if alert.scan}
    return minute_score(found.over, true), episode_score(found.storms, episodes(true, policy.quiet_minutes))


def main(folder: Path | None = None) -> None:
    """Measure and report; a few seconds."""
    folder = folder or (Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    scenarios = {path.name.partition(".")[0]: list(scenario(path)) for path in sorted(folder.glob("*.jsonl*"))}
    if not scenarios:
        print(f"No scenario of AIT-ADS in {folder}: nothing was measured. Name the folder that has them.")
        return
    policy = StormPolicy()
    rows: list[tuple[object, ...]] = []
    told: dict[str, object] = {}
    in_all = Score(), Score()
    for name, alerts in scenarios.items():
        found = detect(alerts, policy)
        both = scores(alerts, found, policy)
        in_all = in_all[0] + both[0], in_all[1] + both[1]
        rows += _rows(name, both)
        told[name] = {
            "alerts": len(alerts),
            "minutes": both[0].told(),
            "episodes": both[1].told(),
            "limit_lowest": min(found.limits),
            "limit_highest": max(found.limits),
            "limit_last": found.limits[-1],
            "microseconds_per_alert": round(found.seconds / len(alerts) * 1e6, 3),
        }
    rows += _rows("in all", in_all)
    report.print_table("Storms", ("scenario", "what", "tp", "fp", "fn", "precision", "recall", "F1"), rows)
    others = [_other_setting(scenarios, floor, factor) for floor in FLOORS for factor in FACTORS]
    report.print_table(
        "Minutes under other settings: how much hangs on the one that is the default",
        ("floor", "factor", "tp", "fp", "fn", "F1"),
        [(one["floor"], one["factor"], one["tp"], one["fp"], one["fn"], one["f1"]) for one in others],
    )
    smaller = [_smaller(scenarios, every) for every in EVERY]
    report.print_table(
        "Minutes of tenants that send less: found, and F1, with the learned floor and with 500",
        ("every", "learned", "F1", "false", "500", "F1", "false"),
        [
            (one["every"], *(one[floor][key] for floor in ("learned", "fixed") for key in ("tp", "f1", "fp")))
            for one in smaller
        ],
    )
    result = {
        "setting": {"floor": "learned", "factor": policy.factor, "quiet_minutes": policy.quiet_minutes},
        "scenarios": told,
        "in_all": {"minutes": in_all[0].told(), "episodes": in_all[1].told()},
        "minutes_under_other_settings": others,
        "minutes_of_tenants_that_send_less": smaller,
    }
    report.write_result("storm_detection", result)


def _rows(name: str, both: tuple[Score, Score]) -> list[tuple[object, ...]]:
    return [
        (name, what, score.tp, score.fp, score.fn, score.precision, score.recall, score.f1)
        for what, score in zip(("minutes", "episodes"), both, strict=True)
    ]


def _minutes(scenarios: Iterable[Sequence[Sent]], policy: StormPolicy) -> dict[str, float]:
    total = Score()
    for alerts in scenarios:
        total += scores(alerts, detect(alerts, policy), policy)[0]
    return total.told()


def _other_setting(scenarios: dict[str, list[Sent]], floor: int, factor: float) -> dict[str, float]:
    policy = msgspec.structs.replace(StormPolicy(), floor=floor, factor=factor)
    return {"floor": floor, "factor": factor, **_minutes(scenarios.values(), policy)}


def _smaller(scenarios: dict[str, list[Sent]], every: int) -> dict[str, Any]:
    """Return how well the minutes are found of which only every so many-th alert is sent."""
    sent = [alerts[::every] for alerts in scenarios.values()]
    fixed = msgspec.structs.replace(StormPolicy(), floor=UNKNOWN)
    return {"every": every, "learned": _minutes(sent, StormPolicy()), "fixed": _minutes(sent, fixed)}


if __name__ == "__main__":
    main()
