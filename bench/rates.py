"""What is told of alert rates, and what it costs: AIT-ADS, series of NAB as counts, and ten thousand tenants.

python -m bench.rates [DATA]    # DATA holds ait_ads/ and nab/; three minutes

The buckets of a tenant begin at one of ten minutes, which its name decides: AIT-ADS is looked at with all ten.
"""

from __future__ import annotations

import csv
import gc
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from statistics import fmean, quantiles
from typing import TYPE_CHECKING, Any

from agents.rate_models import BUCKET, CALM_FORECAST, IN_FORECAST, LASTING, RateModels, Spell, outlook
from agents.rates import NAME, VERSION, Looked, Phase, Rates
from agents.suppress.cause import TimerCause
from bench import report
from bench.forecast import DATA, SERIES
from bench.labelled_sets import ait_scenario
from bench.storm_detection import SCANS
from models import snapshot
from models.volume_forecast import CHECKED, VolumeForecast
from pipeline.domain.timers import TimerWheel
from tables import keys
from tables.journal import Journal
from tables.store import DictStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.suppress.cause import Cause
    from pipeline.schemas.own import OwnAlert

TENANTS = 10_000
GC_THRESHOLD = (70_000, 50, 1000)  # as a worker's
MINUTES = 10
M0 = 28_000_000
WARM = 8 * 24 * 60 // BUCKET  # buckets: the forecast holds all that it ever does


# -- what is told


def rates_of(counts: Counter[int], scans: set[int], phase: int) -> dict[str, int]:
    """Return how often something was told of counts by minute, and how often that was a scan."""
    buckets: Counter[int] = Counter()
    for minute, count in counts.items():
        buckets[(minute - phase) // BUCKET] += count
    scanned = {(minute - phase) // BUCKET + late for minute in scans for late in (0, 1, 2)}
    models, told = RateModels(), Counter[str]()
    for bucket in range(min(buckets), max(buckets) + 1):
        begin = (bucket * BUCKET + phase) * 60_000
        for news in models.learn(bucket, begin, buckets[bucket], begin + BUCKET * 60_000):
            if not news.over:
                told[news.what] += 1
                told["scans"] += news.what == "unusual" and bucket in scanned
    return {"unusual": told["unusual"], "scans": told["scans"], "forecast": told["forecast"]}


def warnings_of(counts: Sequence[int], a_day: int) -> dict[str, float]:
    """Return how often more than usual was expected of the next six buckets, how often it came, and what was held.

    That is the share of all times at which the next six lay between the ends that were foretold of them together.
    """
    volume, spell = VolumeForecast(a_day), None
    began = right = held = asked = 0
    for place, count in enumerate(counts, 1):
        volume.learn(count)
        ends = volume.together()
        if not volume.ready or ends is None or place + CHECKED > len(counts):
            continue
        more, facts = outlook(volume, *ends)
        came = sum(counts[place : place + CHECKED])
        asked += 1
        held += ends[0] <= came <= ends[1]
        if spell is None and more:
            spell = Spell(place)
            began += 1
            right += came > max(float(facts["usual"]), float(facts["usual_at_most"]))
        elif spell is not None:
            spell.ends(again=more, calm=CALM_FORECAST, longest=LASTING // IN_FORECAST)
            spell = None if spell.calm >= CALM_FORECAST else spell
    return {"days": len(counts) // a_day, "warned": began, "right": right, "held": held / asked}


# -- what it costs


class Nobody:
    """A teller that keeps nothing."""

    def tell_own(self, tenant: str, own: OwnAlert, cause: Cause, at: int) -> None:
        """Hear it."""


def many(tenants: int) -> DictStore:
    """Return a store with as many tenants that are known for a week: one's models, for each at its own minutes."""
    models = RateModels()
    for bucket in range(WARM):
        models.learn(bucket, bucket * BUCKET * 60_000, 20 + bucket * 7919 % 61, bucket * BUCKET * 60_000)
    store, wholes = DictStore(), {}
    journal = Journal(store, Looked, whole=keys.RATES_KNOWN, since=keys.RATES_JOURNAL)
    for number in range(tenants):
        tenant = f"tenant-{number}"
        state: Any = models.state()
        state["kept"][0] = Phase.of(tenant).bucket_of(M0)
        wholes[tenant] = snapshot.pack(NAME, VERSION, state)
        journal.write_whole(tenant)
    rows: dict[bytes, bytes | None] = {}
    journal.snapshot(rows, wholes.__getitem__, M0 * 60_000)
    store.write(rows)
    return store


def cost_of(tenants: int, *, in_memory: int) -> dict[str, float]:
    """Return what minutes of so many tenants that all send cost, in memory or from the store."""
    store, timers = many(tenants), TimerWheel()
    began = time.process_time()
    rates = Rates(store, timers, Nobody(), in_memory)
    rates.load()
    loaded = time.process_time() - began
    counted: list[float] = []
    seconds: list[float] = []
    kept: list[float] = []
    written: list[int] = []
    for minute in range(M0, M0 + 2 * MINUTES):
        began = time.process_time()
        for number in range(tenants):
            rates.count(f"tenant-{number}", minute, 10 + (minute + number) % 7)
        counted.append(time.process_time() - began)
        for second, rung in timers.due(((minute + 2) * 60 - 1) * 1000):
            began = time.process_time()
            for key in rung:
                rates.ring(keys.tenant_of(key), second, TimerCause(0, second * 1000))
            seconds.append(time.process_time() - began)
        rows: dict[bytes, bytes | None] = {}
        began = time.process_time()
        rates.snapshot(rows, (minute + 2) * 60_000)
        kept.append(time.process_time() - began)
        store.write(rows)
        rates.shrink()
        written.append(sum(len(key) + len(row or b"") for key, row in rows.items()))
    warm = seconds[len(seconds) // 2 :]
    spent = fmean(counted[MINUTES:]) + sum(warm) / MINUTES + fmean(kept[MINUTES:])
    return {
        "tenants": tenants,
        "models_in_memory": in_memory,
        "microseconds_a_tenant_minute": spent / tenants * 1e6,
        "end_of_minute_ms": max(counted[MINUTES:]) * 1e3,
        "second_p99_ms": quantiles(warm, n=100)[98] * 1e3,
        "second_longest_ms": max(warm) * 1e3,
        "load_seconds": loaded,
        "bytes_a_minute": sum(written[MINUTES:]) / MINUTES,
    }


# -- all


def main(data: Path | None = None, tenants: int = TENANTS) -> None:
    """Measure and report."""
    data = data or (Path(sys.argv[1]) if len(sys.argv) > 1 else DATA)
    told: dict[str, list[dict[str, int]]] = {}
    warned: dict[str, dict[str, float]] = {}
    for path in sorted((data / "ait_ads").glob("*.jsonl*")):
        counts, scans = Counter[int](), set[int]()
        for alert in ait_scenario(path):
            minute = int(datetime.fromisoformat(alert["starts_at"]).timestamp()) // 60
            counts[minute] += 1
            if alert["extra"]["truth"]["step"] in SCANS:
                scans.add(minute)
        told[path.name.partition(".")[0]] = [rates_of(counts, scans, phase) for phase in range(BUCKET * IN_FORECAST)]
        foretold: Counter[int] = Counter()
        for minute, count in counts.items():
            foretold[minute // (BUCKET * IN_FORECAST)] += count
        by_bucket = [foretold[bucket] for bucket in range(min(foretold), max(foretold) + 1)]
        warned[path.name.partition(".")[0]] = warnings_of(by_bucket, 24 * 60 // (BUCKET * IN_FORECAST))
    if not told:
        print(f"No set in {data}: nothing was measured. Name the folder that has ait_ads and nab.")
        return
    for name, a_day in SERIES.items():
        path = data / "nab" / "data" / f"{name}.csv"
        if path.exists():
            with path.open() as file:
                counted = [int(float(row["value"])) for row in csv.DictReader(file)]
            warned[name.rpartition("/")[2]] = warnings_of(counted, a_day)
    gc.set_threshold(*GC_THRESHOLD)
    cost = [cost_of(tenants, in_memory=held) for held in (tenants, tenants * 2 // 5)]
    report.print_table(
        "Told of rates, from the minute at which it is least to that at which it is most",
        ("scenario", "unusual", "of these scans", "more expected"),
        [(name, *(_span(ones, what) for what in ("unusual", "scans", "forecast"))) for name, ones in told.items()],
    )
    report.print_table(
        "More than usual expected",
        ("series", "days", "warned", "right", "held"),
        [(name, *one.values()) for name, one in warned.items()],
    )
    rows = [(what, *(one[what] for one in cost)) for what in cost[0]]
    report.print_table("Cost, in CPU time", ("what", "all in memory", "the rest in the store"), rows)
    report.write_result("rates", {"ait_ads": told, "series": warned, "cost": cost})


def _span(ones: Sequence[dict[str, int]], what: str) -> str:
    values = [one[what] for one in ones]
    return f"{min(values)} to {max(values)}"


if __name__ == "__main__":
    main()
