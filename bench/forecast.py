"""How well volume, time to resolve and flapping are foretold, beside the simple rules that have to be beaten.

python -m bench.forecast [DATA]    # DATA holds ait_ads/, fault_alerts/ and nab/; two minutes

The volumes are alerts per ten minutes of AIT-ADS, and as a check on something else taxi rides and tweets of NAB.

Settings were chosen on the scenario shaw; every other one is a check. Ends are 300 s after the last record in AIT-ADS
and those of the injected fault in fault_alerts, so a time to resolve says there how long a rule goes on, or how much of
a fault is left when a rule sees it.
"""

from __future__ import annotations

import csv
import json
import math
import sys
import time
from collections import defaultdict
from heapq import heappop, heappush
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from river.time_series import HoltWinters

from agents.tenant_models import BEGINS, ENDS, host_of
from bench import report
from bench.labelled_sets import Faults, ait_scenario, alone
from bench.machine import ROOT
from models.time_to_resolve import Open, TimeToResolve
from models.volume_forecast import Forecast, VolumeForecast
from models.will_flap import WITHIN, Opened, WillFlap, outcome
from pipeline.domain.alert import Periods
from pipeline.domain.change import Change
from pipeline.evaluation.classification import auc, bootstrap_interval, log_loss
from pipeline.evaluation.forecast import coverage, mase, mean_absolute_error, pinball_loss
from pipeline.exchange import Line, interpret
from pipeline.replay import Replay
from pipeline.schemas.enriched import EnrichedAlert

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pipeline.schemas.records import Output

DATA = ROOT.parent / "shared" / "data"
SERIES = {  # counts of something else, and how many buckets their day has
    "realKnownCause/nyc_taxi": 48,
    "realTweets/Twitter_volume_AAPL": 288,
    "realTweets/Twitter_volume_GOOG": 288,
}
MOST_COUNTS = 2500  # of each
SYSTEMS = ("MicroSS", "Online-Boutique-cloudbed-1")
BUCKET = 600_000  # ms
A_DAY = 144  # buckets
WARM_UP = 2  # days
AHEAD = (1, 6)
BLOCK = 36  # buckets; their errors are drawn together
QUANTILES = (0.1, 0.5, 0.9)
WARNINGS = ("warnings", "warnings_right", "busy_buckets_warned_of")
RATIOS = ("lives", "to_per_name", "median_error_to_per_name", "all_names_to_per_name")
CHANCES = ("openings", "base_rate", "auc", "log_loss", "log_loss_base_rate")


class Life(NamedTuple):
    """An alert from its opening, or reopening, to its end; times in ms."""

    opened_at: int
    ended_at: int
    name: str
    instance: str
    fingerprint: str
    is_new: bool  # opened, not reopened


class Told(NamedTuple):
    """What was forecast of one bucket, and what came."""

    came: int
    said: Forecast
    mean: float  # of the exponentially weighted mean
    holt_winters: float
    warned: bool
    was_usual: float  # the median count, as it was known then


# -- volume


class WeightedMean:
    """The baseline: an exponentially weighted mean of the logarithms."""

    def __init__(self, weight: float = 0.1) -> None:
        self._weight = weight
        self._mean: float | None = None

    def learn(self, x: int) -> None:
        """Take in a count."""
        value = math.log1p(x)
        self._mean = value if self._mean is None else self._mean + self._weight * (value - self._mean)

    def forecast(self) -> float:
        """Return what it expects, however far ahead."""
        return 0.0 if self._mean is None else math.expm1(self._mean)


def counts_of(lines: Iterable[Line]) -> list[int]:
    """Return how many alerts each bucket has, from the first that has one to the last; 0 for an empty one."""
    found: dict[int, int] = defaultdict(int)
    for line in lines:
        found[(line.timestamp or 0) // BUCKET] += 1
    return [found.get(bucket, 0) for bucket in range(min(found), max(found) + 1)]


def told_of(counts: Sequence[int], a_day: int = A_DAY) -> tuple[dict[int, list[Told]], dict[str, float]]:
    """Return by how far ahead what was told of each bucket after the warm-up, and what the model costs."""
    model, mean, begin = VolumeForecast(a_day), WeightedMean(), WARM_UP * a_day
    season: Any = HoltWinters(alpha=0.2, beta=0.01, gamma=0.2, seasonality=a_day)  # type: ignore[no-untyped-call]
    told: dict[int, list[Told]] = {ahead: [] for ahead in AHEAD}
    took = 0.0
    for bucket, x in enumerate(counts):
        began = time.perf_counter()
        model.learn(x)
        took += time.perf_counter() - began
        mean.learn(x)
        season.learn_one(math.log1p(x))
        for ahead in AHEAD:
            target = bucket + ahead
            if not begin <= target < len(counts):
                continue
            said = model.forecast(ahead)
            assert said is not None  # noqa: S101 - it has learned
            seasonal = max(0.0, math.expm1(min(20.0, season.forecast(horizon=ahead)[-1]))) if bucket >= begin else 0.0
            warned = model.more_than_usual(ahead)
            told[ahead].append(Told(counts[target], said, mean.forecast(), seasonal, warned, model.usual))
    size = len(msgspec.msgpack.encode(model.snapshot()))
    return told, {"microseconds_per_bucket": took / len(counts) * 1e6, "snapshot_bytes": size}


def volume_figures(told: Sequence[Told]) -> dict[str, Any]:
    """Return errors, coverage and warnings of one series at one distance."""
    came = [one.came for one in told]
    said, mean = [one.said.expected for one in told], [one.mean for one in told]
    blocks = [range(first, min(first + BLOCK, len(told))) for first in range(0, len(told), BLOCK)]

    def of_blocks(drawn: Sequence[range]) -> float:
        places = [place for block in drawn for place in block]
        return mase([came[p] for p in places], [said[p] for p in places], [mean[p] for p in places])

    warned = [one for one in told if one.warned]
    more = [one for one in told if one.came > one.was_usual]
    return {
        "buckets": len(told),
        "mean_count": fmean(came),
        "error": mean_absolute_error(came, said),
        "error_weighted_mean": mean_absolute_error(came, mean),
        "error_holt_winters": mean_absolute_error(came, [one.holt_winters for one in told]),
        "mase": mase(came, said, mean),
        "mase_interval": bootstrap_interval(blocks, of_blocks),
        "mase_holt_winters": mase(came, [one.holt_winters for one in told], mean),
        "coverage": coverage(came, [one.said.low for one in told], [one.said.high for one in told]),
        "interval_width": fmean(one.said.high - one.said.low for one in told),
        "warnings": len(warned),
        "warnings_right": sum(one.came > one.was_usual for one in warned) / len(warned) if warned else None,
        "busy_buckets_warned_of": sum(one.warned for one in more) / len(more) if more else None,
    }


def volume_of(counts: Sequence[int], a_day: int = A_DAY) -> dict[str, Any]:
    """Return the figures of one series, by how far ahead, and the costs."""
    told, cost = told_of(counts, a_day)
    return {"ahead": {str(ahead): volume_figures(ones) for ahead, ones in told.items()}, **cost}


# -- lives


def lives_of(lines: Iterable[Line]) -> list[Life]:
    """Return every life of every alert, as the ingest step sees them, by their openings."""
    opened: dict[str, tuple[int, bool]] = {}
    lives = []

    def watch(outputs: Sequence[Output]) -> None:
        for output in outputs:
            told = msgspec.json.decode(output.value or b"", type=EnrichedAlert)
            if told.change in BEGINS:
                opened[told.fingerprint] = output.timestamp, told.change is Change.OPENED
            elif told.change in ENDS and told.fingerprint in opened:
                began, is_new = opened.pop(told.fingerprint)
                labels = msgspec.json.decode(told.labels, type=dict[str, str])
                instance = host_of(labels) or told.fingerprint
                lives.append(Life(began, output.timestamp, told.name, instance, told.fingerprint, is_new))

    replay = Replay(Periods(), watch=watch)
    for line in lines:
        replay.take(line)
    replay.finish(drain=True)
    return sorted(lives)


def resolve_figures(lives: Sequence[Life]) -> dict[str, Any] | None:
    """Return the pinball losses of the model and of exact quantiles, each life told when it opens, learned at its end.

    Nothing is judged before fifty ends are known; None where there are fewer.
    """
    model = TimeToResolve()
    ended: list[tuple[int, int, Life]] = []
    everything: list[float] = []
    of_name: dict[str, list[float]] = defaultdict(list)
    came: list[float] = []
    said: dict[str, list[Sequence[float]]] = {"model": [], "per_name": [], "all_names": []}
    for number, life in enumerate(lives):
        while ended and ended[0][0] <= life.opened_at:
            _, _, over = heappop(ended)
            seconds = (over.ended_at - over.opened_at) / 1000
            model.learn(Open(over.name), seconds)
            everything.append(seconds)
            of_name[over.name].append(seconds)
        heappush(ended, (life.ended_at, number, life))
        forecast = model.forecast(Open(life.name))
        if len(everything) < 50 or forecast is None:
            continue
        came.append((life.ended_at - life.opened_at) / 1000)
        said["model"].append((forecast.early, forecast.expected, forecast.late))
        said["all_names"].append([_exact(everything, quantile) for quantile in QUANTILES])
        known = of_name[life.name] or everything
        said["per_name"].append([_exact(known, quantile) for quantile in QUANTILES])
    if not came:
        return None
    losses = {name: _losses(came, told) for name, told in said.items()}
    return {
        "lives": len(came),
        "median_seconds": median(came),
        "pinball": losses,
        "to_per_name": _ratio(sum(losses["model"]), sum(losses["per_name"])),
        "all_names_to_per_name": _ratio(sum(losses["all_names"]), sum(losses["per_name"])),
        "median_error_to_per_name": _ratio(losses["model"][1], losses["per_name"][1]),
        "coverage": coverage(came, [told[0] for told in said["model"]], [told[2] for told in said["model"]]),
        "snapshot_bytes": len(msgspec.msgpack.encode(model.snapshot())),
    }


def _exact(values: Sequence[float], quantile: float) -> float:
    ascending = sorted(values)
    place = quantile * (len(ascending) - 1)
    low = ascending[int(place)]
    return low + (place - int(place)) * (ascending[min(int(place) + 1, len(ascending) - 1)] - low)


def _ratio(one: float, other: float) -> float | None:
    return one / other if other else None


def _losses(came: Sequence[float], said: Sequence[Sequence[float]]) -> list[float]:
    return [pinball_loss(came, [told[place] for told in said], at) for place, at in enumerate(QUANTILES)]


# -- flapping


def openings(lives: Sequence[Life], *, again: bool = False) -> Iterator[tuple[Life, bool, int]]:
    """Yield each new opening, or each that is not the first, whether it flapped, and when that was known."""
    changes: dict[str, list[int]] = defaultdict(list)
    for life in lives:
        changes[life.fingerprint] += [life.opened_at, life.ended_at]
    for life in lives:
        if life.is_new is again:
            continue
        later = [at for at in changes[life.fingerprint] if at > life.opened_at]
        closed = life.opened_at + WITHIN + 1
        flapped = bool(outcome(life.opened_at, later, closed))
        yield life, flapped, sorted(later)[2] if flapped else closed


def flap_figures(lives: Sequence[Life], *, again: bool = False) -> dict[str, Any] | None:
    """Return how well flapping is told at the opening, each outcome learned when it is known; None if none flapped.

    The first fifty openings are not judged.
    """
    model, flaps, seen = WillFlap(), 0.0, 0.0
    known: list[tuple[int, int, Opened, bool]] = []
    scores, base, truths = [], [], []
    for number, (life, flapped, known_at) in enumerate(openings(lives, again=again)):
        while known and known[0][0] <= life.opened_at:
            _, _, x, y = heappop(known)
            model.learn(x, float(y))
            flaps, seen = flaps + y, seen + 1
        x = Opened(life.name, life.instance, again)
        heappush(known, (known_at, number, x, flapped))
        if number >= 50:
            scores.append(model.score(x).score)
            base.append((flaps + 0.5) / (seen + 5))
            truths.append(flapped)
    if not 0 < sum(truths) < len(truths):
        return None
    places = range(len(truths))
    return {
        "openings": len(truths),
        "base_rate": sum(truths) / len(truths),
        "auc": auc(scores, truths),
        "auc_interval": bootstrap_interval(
            places, lambda drawn: auc([scores[p] for p in drawn], [truths[p] for p in drawn]), times=200
        ),
        "auc_base_rate": 0.5,
        "log_loss": log_loss(scores, truths),
        "log_loss_base_rate": log_loss(base, truths),
        "snapshot_bytes": len(msgspec.msgpack.encode(model.snapshot())),
    }


# -- all


def sets(data: Path) -> Iterator[tuple[str, list[tuple[Line, bool]]]]:
    """Yield the name of each set, and its alerts with whether somebody wants them."""
    for path in sorted((data / "ait_ads").glob("*.jsonl*")):
        yield path.name.partition(".")[0], list(_lines(ait_scenario(path)))
    for name in SYSTEMS:
        folder = data / "fault_alerts" / name
        if folder.exists():
            yield name, list(_lines(alone(Faults(folder))))


def _lines(alerts: Iterable[dict[str, Any]]) -> Iterator[tuple[Line, bool]]:
    for number, alert in enumerate(alerts, 1):
        wanted = bool(alert.pop("extra")["truth"]["wanted"])
        yield interpret(number, json.dumps(alert).encode()), wanted


def main(data: Path | None = None) -> None:
    """Measure and report."""
    data = data or (Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
    volume: dict[str, Any] = {}
    resolve: dict[str, Any] = {}
    flap: dict[str, Any] = {}
    for name, alerts in sets(data):
        lives = lives_of(line for line, _ in alerts)
        resolve[name] = resolve_figures(lives)
        if name in SYSTEMS:  # days apart, and one fault after the other: no volume to foretell, and nothing flaps
            continue
        flap[name] = flap_figures(lives)
        flap[f"{name}, opened again"] = flap_figures(lives, again=True)
        kinds = {"noise": (line for line, wanted in alerts if not wanted), "all": (line for line, _ in alerts)}
        for kind, lines in kinds.items():
            volume[f"{name}, {kind}"] = volume_of(counts_of(lines))
    for name, a_day in SERIES.items():
        path = data / "nab" / "data" / f"{name}.csv"
        if path.exists():
            with path.open() as rows:
                counts = [int(float(row["value"])) for row in csv.DictReader(rows)]
            volume[name.rpartition("/")[2]] = volume_of(counts[:MOST_COUNTS], a_day)
    if not resolve:
        print(f"No set in {data}: nothing was measured. Name the folder that has ait_ads and fault_alerts.")
        return
    _print(volume, resolve, flap)
    result = {"chosen_on": "shaw", "bucket_seconds": BUCKET // 1000, "warm_up_days": WARM_UP}
    report.write_result("forecast", {**result, "volume": volume, "time_to_resolve": resolve, "will_flap": flap})


def _print(volume: dict[str, Any], resolve: dict[str, Any], flap: dict[str, Any]) -> None:
    report.print_table(
        "Volume: error as a multiple of the weighted mean's; warnings",
        ("counts", "ahead", "ours", "H.-W.", "coverage", "warned", "right", "found"),
        [
            (name, ahead, one["mase"], one["mase_holt_winters"], one["coverage"], *(one[key] for key in WARNINGS))
            for name, found in volume.items()
            for ahead, one in found["ahead"].items()
        ],
    )
    report.print_table(
        "Time to resolve: pinball loss as a multiple of the exact quantiles' per name",
        ("set", "lives", "ours", "its median", "all names"),
        [(name, *(one[key] for key in RATIOS)) for name, one in resolve.items() if one],
    )
    report.print_table(
        "Will it flap",
        ("set", "openings", "base rate", "AUC", "log-loss", "of the base rate"),
        [(name, *(one[key] for key in CHANCES)) for name, one in flap.items() if one],
    )


if __name__ == "__main__":
    main()
