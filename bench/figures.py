"""docs/figures.md from bench/results: every figure there is one of a file here, or it is not there.

python -m bench.figures        # writes the page; a test compares it with what this would write
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import figures_models as models
from bench.figures_correlate import correlate
from bench.figures_models import table
from bench.report import RESULTS, shown

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parent.parent / "docs" / "figures.md"
_HEAD = """# Figures
What `make bench` and `make bench-faults` measured. Every figure comes from a file in `bench/results`, which names the
machine, the versions and the commit; ratios are taken within one run, because absolute times wander. What each bench
does, and how the peers are kept fair, is in [bench/README.md](../bench/README.md).
`python -m bench.figures` writes this page.
"""


def main() -> None:
    """Write the page."""
    PAGE.write_text(page())


def page(results: Path = RESULTS) -> str:
    """Return the page for the results that are there; a bench that has not been run says so."""
    parts = [_HEAD]
    for name, title, rows_of in SECTIONS:
        path = results / f"{name}.json"
        parts.append(f"## {title}\n")
        if not path.exists():
            parts.append("Not run yet.\n")
            continue
        document = json.loads(path.read_text())
        parts.append(_machine(document["machine"], name) + "\n")
        parts.append("\n".join(rows_of(document)) + "\n")
        if (results / f"{name}.png").exists():
            parts.append(f"![{title}](../bench/results/{name}.png)\n")
    return "\n".join(parts)


def _machine(facts: dict[str, Any], name: str) -> str:
    changed = ", with changes not yet committed" if facts["dirty"] else ""
    return (
        f"{facts['cores']} cores ({facts['cpu']}), {facts['memory_gb']} GB, Python {facts['python']}, "
        f"Kafka {facts['kafka']} on the same machine, load {facts['load_before']} around the end of the run; "
        f"{facts['date'][:10]}, commit {facts['commit']}{changed}. Raw: [{name}.json](../bench/results/{name}.json).\n"
    )


def _rate(value: float) -> str:
    return f"{value / 1000:.1f}k/s" if value < 100_000 else f"{value / 1000:.0f}k/s"


def _throughput(found: dict[str, Any]) -> list[str]:
    ratios = found["ratios"]
    peer = found["alertmanager"]
    stock = ", ".join(_rate(one["records_per_s"]) for one in found["stock_faust"])
    storms = ", ".join(_rate(one["alerts_per_second"]) for one in found["storm"])
    to_peer = ratios["two_workers_to_alertmanager"]
    rows = [
        ("stock Faust agent that does nothing", stock, "", ""),
        (
            "storm, at_least_once, one worker",
            storms,
            f"{ratios['storm_to_stock_faust']:.1f}× stock Faust",
            "15× (aim 25×)",
        ),
        (
            "storm, exactly_once, commits every 100 ms",
            _rate(found["storm_exactly_once"]["alerts_per_second"]),
            f"{ratios['exactly_once_to_at_least_once']:.2f}× at_least_once",
            "0.5× (aim 0.8×)",
        ),
        (
            "storm, two workers",
            _rate(found["storm_two_workers"]["alerts_per_second"]),
            "Alertmanager missing" if to_peer is None else f"{to_peer:.1f}× Alertmanager",
            "3× (aim 5×)",
        ),
        (
            "Alertmanager over HTTP, batches of 1000",
            "missing" if peer is None else _rate(peer["best"]["alerts_per_s"]),
            "",
            "",
        ),
        (
            "first sights, one worker",
            _rate(found["first_sights"]["alerts_per_second"]),
            f"{ratios['first_sights_to_stock_faust']:.1f}× stock Faust",
            "40k/s (aim 80k/s)",
        ),
    ]
    return table(("what", "measured", "ratio", "wanted"), rows)


def _growth(found: dict[str, Any]) -> list[str]:
    rows = [
        (f"{one['open_alerts']:,}", _rate(one["alerts_per_second"]), f"{one['resident_bytes'] / 1e6:.0f} MB")
        for one in found["growth"]
    ]
    return [
        "Repeats from a backlog, by a worker that was restarted with its state; no cliff is wanted.",
        "",
        *table(("open alerts", "measured", "resident memory"), rows),
    ]


def _latency(found: dict[str, Any]) -> list[str]:
    wanted = {"at_least_once": "p99 < 50 ms (aim 25)", "exactly_once": "p99 < 100 ms (aim 50)"}
    rows = [
        (
            name,
            what,
            *(f"{found[name][topic][key]:.1f} ms" for key in ("p50_ms", "p99_ms", "p99.9_ms", "max_ms")),
            limit,
        )
        for name in wanted
        for topic, what, limit in (
            ("alerts.raw", "produce → readable in alerts.raw: no worker in between", ""),
            ("alerts.enriched", "produce → readable in alerts.enriched", wanted[name]),
        )
    ]
    return [
        f"Open loop at {found['rate']:,} alerts/s for {found['seconds']:.0f} s, a tenth of them changes; the producer",
        f"lingers {found['linger_ms']} ms. Producer, broker, worker and two readers share the machine, and the rows",
        "without a worker say what that alone costs in the same run.",
        "",
        *table(("guarantee", "what", "p50", "p99", "p99.9", "max", "wanted"), rows),
    ]


def _recovery(found: dict[str, Any]) -> list[str]:
    rows = [
        ("cold recovery, local state deleted", f"{found['cold_recovery_s']:.1f} s", "< 60 s (aim 20)"),
        ("warm restart", f"{found['warm_restart_s']:.1f} s", "< 10 s (aim 5)"),
        ("start without any state", f"{found['empty_start_s']:.1f} s", ""),
        ("resident memory after taking them in", f"{found['resident_bytes'] / 1e6:.0f} MB", "< 1.5 GB (aim 0.8)"),
        ("… after a warm restart", f"{found['resident_after_warm_bytes'] / 1e6:.0f} MB", ""),
        ("… after a cold recovery", f"{found['resident_after_cold_bytes'] / 1e6:.0f} MB", ""),
    ]
    return [f"{found['open_alerts']:,} open alerts.", "", *table(("what", "measured", "wanted"), rows)]


def _faults(found: dict[str, Any]) -> list[str]:
    keys = ("rounds", "records", "expected", "lost", "counted_twice", "differing", "repeated")
    rows = [
        (
            one["title"],
            one["guarantee"],
            *(shown(one[key]) for key in keys),
            "-" if one["ready_s"] is None else f"{one['ready_s']:.1f} s",
            one["verdict"].replace("|", "¦"),
            one["remark"],
        )
        for one in found["faults"]
    ]
    titles = ("fault", "guarantee", "rounds", "records", "outputs", "lost", "counted twice", "differing", "repeated")
    return [
        "Every fault strikes under load at random moments, and all outputs and rows are compared with those of",
        "the pure pipeline over the same records. Nothing may be lost, counted twice or different; an output may",
        "appear again, with the same id, under at_least_once only.",
        "",
        *table((*titles, "ready again (worst)", "verdict", "remark"), rows),
    ]


def _suppression(found: dict[str, Any]) -> list[str]:
    rates = [[_rate(one["alerts_per_second"]) for one in found[name]] for name in ("storm_without", "storm_with")]
    late = [found[name] for name in ("latency_without", "latency_with")]
    fair = found["fairness"]
    ratio = fair["beside_a_storm"]["p99_ms"] / fair["quiet"]["p99_ms"]
    rows = [
        ("storm, nothing asked", ", ".join(rates[0]), ""),
        ("storm, all rules asked", f"{', '.join(rates[1])}; {found['lost']:.1%} lost (medians)", "at most 25 % lost"),
        *(
            (
                f"p99 produce → readable, {name}",
                f"{one['alerts.enriched']['p99_ms']:.1f} ms; without a worker {one['alerts.raw']['p99_ms']:.1f} ms",
                limit,
            )
            for name, one, limit in (("nothing asked", late[0], ""), ("all rules asked", late[1], "< 50 ms"))
        ),
        *(
            [("… and changes scored", f"{found['lost_to_scores']:.1%} of that lost", "at most a further 15 %")]
            if "lost_to_scores" in found
            else []
        ),
        ("p99 of a quiet tenant alone", f"{fair['quiet']['p99_ms']:.1f} ms", ""),
        (
            f"… beside a tenant with {fair['storm_rate']:,} alerts/s on its partition",
            f"{fair['beside_a_storm']['p99_ms']:.1f} ms, {ratio:.2f}×",
            "at most 2×",
        ),
    ]
    return [
        f"{found['silences']} active silences, {found['inhibit_rules']} inhibit rules and storm, flap and throttle",
        f"policies for each of {found['tenants']} tenants. Most of the cost is that of alerts that open, at the start.",
        "",
        *table(("what", "measured", "wanted"), rows),
    ]


def _decisions(found: dict[str, Any]) -> list[str]:
    rows = [
        (f"{part}: {case}", f"{cost:.1f} µs")
        for part in ("silences", "inhibition")
        for case, cost in found[part].items()
    ]
    return [
        f"One decision on one core: among {found['silences_kept']:,} silences (wanted: < 5 µs for an alert that most",
        f"of them exclude), and with {found['inhibit_rules']} inhibit rules and {found['open_alerts']:,} open alerts "
        "(wanted: < 20 µs).",
        "",
        *table(("what", "measured"), rows),
    ]


def _storm_detection(found: dict[str, Any]) -> list[str]:
    parts = {**found["scenarios"], "in all": found["in_all"]}
    rows = [
        (name, *(str(one["minutes"][key]) for key in ("tp", "fp", "fn")), f"{one['minutes']['f1']:.3f}")
        for name, one in parts.items()
    ]
    setting = found["setting"]
    floors = ("learned", "fixed")
    smaller = [
        (
            f"one in {one['every']}",
            *(str(one[floor][key]) for floor in floors for key in ("tp", "fp")),
            *(f"{one[floor]['f1']:.3f}" for floor in floors),
        )
        for one in found["minutes_of_tenants_that_send_less"]
    ]
    return [
        f"Minutes of AIT-ADS that hold a web scan, found with one setting: floor {setting['floor']}, factor "
        f"{setting['factor']:g}, {setting['quiet_minutes']} quiet minutes.",
        "There are only four such minutes in the two scenarios that are here, and the setting was chosen after",
        "looking at them.",
        "",
        *table(("scenario", "found", "false", "missed", "F1 (aim 0.95)"), rows),
        "",
        "Tenants that send less, with the learned floor and with one of 500:",
        "",
        *table(("alerts", "found", "false", "500: found", "500: false", "F1", "500: F1"), smaller),
    ]


def _rates(found: dict[str, Any]) -> list[str]:
    scenarios = [
        (name, *(_least_and_most(ones, what) for what in ("unusual", "scans", "forecast")))
        for name, ones in found["ait_ads"].items()
    ]
    series = [
        (name, str(one["days"]), str(one["warned"]), str(one["right"]), f"{one['held']:.0%}")
        for name, one in found["series"].items()
    ]
    cost = [
        (
            f"{one['models_in_memory']:,}",
            f"{one['microseconds_a_tenant_minute']:.0f} µs",
            f"{one['end_of_minute_ms']:.0f} ms",
            f"{one['second_p99_ms']:.0f} ms",
            f"{one['bytes_a_minute'] / 1e6:.1f} MB",
        )
        for one in found["cost"]
    ]
    return [
        "What is told of the rate of AIT-ADS after its first day, as often as it begins, from the minute at which the",
        "buckets may begin where that is least to the one where it is most. The rules were chosen on these sets.",
        "",
        *table(("scenario", "unusual", "of these scans", "more expected"), scenarios),
        "",
        "More than usual expected of the next six buckets, and whether it came; and how often what came lay between",
        "the ends that were foretold. A bucket of the taxi rides is half an hour, one of the tweets five minutes.",
        "",
        *table(("series", "days", "expected", "came", "held"), series),
        "",
        f"{found['cost'][0]['tenants']:,} tenants that send in every minute, in CPU time of one process: a minute of a",
        "tenant, the end of a minute for all of them, the work of one second out of a hundred, and what is written to",
        "the changelog in a minute.",
        "",
        *table(("models in memory", "tenant-minute", "end of a minute", "second, p99", "written"), cost),
    ]


def _least_and_most(ones: list[dict[str, int]], what: str) -> str:
    values = [one[what] for one in ones]
    return str(min(values)) if min(values) == max(values) else f"{min(values)} to {max(values)}"


SECTIONS: tuple[tuple[str, str, Callable[[dict[str, Any]], list[str]]], ...] = (
    ("throughput", "Throughput", _throughput),
    ("growth", "Growth", _growth),
    ("latency", "Latency", _latency),
    ("recovery", "Recovery and memory", _recovery),
    ("faults", "Faults survived", _faults),
    ("suppression", "Suppression", _suppression),
    ("decisions", "Decisions", _decisions),
    ("storm_detection", "Storm detection", _storm_detection),
    ("rates", "Alert rates", _rates),
    ("nab", "Anomalies of metric series", models.nab),
    ("noise", "Noise", models.noise),
    ("alert_stream", "Anomalies of the alert stream", models.alert_stream),
    ("correlation", "Incidents", models.correlation),
    ("root_cause", "Root causes", models.root_cause),
    ("correlate", "The correlate agent", correlate),
    ("forecast", "Forecasts", models.forecast),
)


if __name__ == "__main__":
    main()
