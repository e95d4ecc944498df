"""What suppression costs: the storm and the latency with a full set of rules, and what a storm does to a neighbour.

python -m bench.suppression      # seven minutes; writes bench/results/suppression.json
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from bench import fairness, latency, report
from bench.load import balanced_tenants, fill, storm_records
from bench.rules import INHIBIT_RULES, SILENCES, write_rules
from bench.stage import stage, throughput

if TYPE_CHECKING:
    from bench.stage import Stage

STORM = 2_000_000
SERIES = 8_000
TENANTS = 20
ROUNDS = 3
UNSCORED = {"MODELS__SCORES": "false"}
OFF = {"SUPPRESSION__ADAPTIVE": "false", **UNSCORED}


def main() -> None:
    """Measure and report."""
    with stage() as on:
        fill(on.bootstrap, "alerts.raw", storm_records(STORM, SERIES, TENANTS))
        plain, ruled, scored = [], [], []
        for number in range(ROUNDS):
            plain.append(run(on, f"plain-{number}", **OFF))
        write_rules(on.connection, balanced_tenants(TENANTS))
        for number in range(ROUNDS):
            ruled.append(run(on, f"ruled-{number}", **UNSCORED))
            scored.append(run(on, f"scored-{number}"))
        on.fresh_topics()
        without_rules = latency.measure(on, "at_least_once", "plain", **OFF)
        on.fresh_topics()
        write_rules(on.connection, balanced_tenants(TENANTS))
        with_rules = latency.measure(on, "at_least_once", "ruled", **UNSCORED)
        on.fresh_topics()
        neighbour = fairness.measure(on)
    rates = [median(one["alerts_per_second"] for one in runs) for runs in (plain, ruled, scored)]
    lost, lost_to_scores = 1 - rates[1] / rates[0], 1 - rates[2] / rates[1]
    p99 = with_rules["alerts.enriched"]["p99_ms"]
    report.print_table(
        f"Suppression: {SILENCES} silences, {INHIBIT_RULES} inhibit rules and policies for each of {TENANTS} tenants",
        ("what", "figure"),
        [
            ("storm without, alerts/s", rates[0]),
            ("storm with, alerts/s", rates[1]),
            ("lost", lost),
            ("storm with rules and scores, alerts/s", rates[2]),
            ("of that with rules lost", lost_to_scores),
            (f"p99 at {latency.RATE:,} alerts/s without, ms", without_rules["alerts.enriched"]["p99_ms"]),
            (f"p99 at {latency.RATE:,} alerts/s with, ms", p99),
            ("p99 of a quiet tenant, ms", neighbour["quiet"]["p99_ms"]),
            ("the same beside a storm, ms", neighbour["beside_a_storm"]["p99_ms"]),
        ],
    )
    report.write_result(
        "suppression",
        {
            "silences": SILENCES,
            "inhibit_rules": INHIBIT_RULES,
            "tenants": TENANTS,
            "storm_without": plain,
            "storm_with": ruled,
            "storm_with_scores": scored,
            "lost": lost,
            "lost_to_scores": lost_to_scores,
            "latency_without": without_rules,
            "latency_with": with_rules,
            "fairness": neighbour,
        },
    )


def run(on: Stage, group: str, **settings: str) -> dict[str, Any]:
    """Return the rate at which one worker of a new group gets through everything in alerts.raw."""
    with on.worker(group, **settings) as worker:
        worker.wait_ready()
        return throughput([worker], STORM)


if __name__ == "__main__":
    main()
