"""The correlate agent: what a change costs it, how late its incidents are, and what it takes from a worker.

python -m bench.correlate              # about a quarter of an hour; writes bench/results/correlate.json and its picture
python -m bench.correlate --quick      # everything with small numbers, to try it out; writes nothing
python -m bench.correlate --no-broker  # what needs no broker; writes nothing
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bench import correlate_broker as on_broker
from bench import correlate_step as steps
from bench import report
from bench.figures_correlate import run_of, workers_of
from bench.stage import stage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    incidents: Sequence[int] = steps.INCIDENTS
    nodes: Sequence[int] = steps.NODES
    changes: int = 20_000
    alerts: int = 20_000
    warm_up_s: float = on_broker.WARM_UP_S
    measured_s: float = on_broker.MEASURED_S
    rounds: int = 5
    storm: int = on_broker.STORM
    few_tenants: int = 10
    many_tenants: int = 500


QUICK: Final = Sizes((10, 100), (100, 1_000), 1_000, 2_500, 3.0, 4.0, 1, 200_000, 4, 20)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m bench.correlate", description="measure the correlate agent")
    parser.add_argument("--quick", action="store_true", help="small numbers; writes nothing")
    parser.add_argument("--no-broker", action="store_true", help="only what needs no broker; writes nothing")
    given = parser.parse_args(arguments)
    sizes = QUICK if given.quick else Sizes()
    found = without_broker(sizes)
    if not given.no_broker:
        found |= with_broker(sizes)
    show(found)
    if not given.quick and not given.no_broker:
        report.write_result("correlate", found)
        picture(found)


def without_broker(sizes: Sizes) -> dict[str, Any]:
    """Return what the steps cost."""
    return {
        "changes": sizes.changes,
        "incidents": [
            noted(f"{count:,} open incidents", partial(steps.by_incidents, count, sizes.changes))
            for count in sizes.incidents
        ],
        "topology": [
            noted(f"a topology of {count:,} nodes", partial(steps.by_nodes, count, sizes.changes))
            for count in sizes.nodes
        ],
        "models": noted("the models", partial(steps.predictions, sizes.alerts)),
    }


def with_broker(sizes: Sizes) -> dict[str, Any]:
    """Return what a worker does with both agents."""
    late = []
    for workers, in_step in (((on_broker.BOTH,), False), (on_broker.EACH, False), ((on_broker.BOTH,), True)):
        with stage(for_long=True) as on:
            measure = partial(on_broker.latency, on, workers, sizes.warm_up_s, sizes.measured_s, in_step=in_step)
            late.append(noted(f"latency, {workers_of(workers, in_step=in_step)}", measure))
    with stage() as on:
        storm = noted("storms", partial(on_broker.storm, on, sizes.rounds, sizes.storm))
        memory = noted("memory", partial(on_broker.resident, on, sizes.few_tenants, sizes.many_tenants))
    alone, with_all = (median(one["alerts_per_second"] for one in storm[name]) for name in ("alone", "with_all"))
    return {"latency": late, "storm": storm, "lost": 1 - with_all / alone, "memory": memory}


def noted(what: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Say what is being measured, and how long it took."""
    print(f"{what} …", end=" ", flush=True)
    started = time.monotonic()
    found = measure()
    print(f"{time.monotonic() - started:.0f} s")
    return found


def show(found: dict[str, Any]) -> None:
    """Print the tables."""
    report.print_table(
        "The correlate agent's step, from bytes to bytes with its snapshots",
        ("open incidents", "µs to open one", "µs a change", "changes/s"),
        [
            (
                one["open_incidents"],
                one["microseconds_to_open"],
                one["microseconds_a_change"],
                round(one["changes_per_second"]),
            )
            for one in found["incidents"]
        ],
    )
    report.print_table(
        "One tenant with a topology",
        ("nodes", "records", "s to set", "MB", "µs a change"),
        [
            (one["nodes"], one["records"], one["seconds_to_set"], one["bytes"] / 1e6, one["microseconds_a_change"])
            for one in found["topology"]
        ],
    )
    models = found["models"]
    rows: list[tuple[str, float]] = [
        ("predictions/s on one core", models["predictions_per_second"]),
        ("µs to say all of an alert, and to learn its opening and its end", models["microseconds_of_an_alert"]),
    ]
    if "latency" in found:
        for late in found["latency"]:
            for topic in ("alerts.enriched", "alerts.correlated"):
                rows += [(f"{run_of(late)}, {topic}, {name}", late[topic][key]) for name, key in LATENCIES.items()]
        for name, title in (("alone", "storm, ingest alone, no scores"), ("with_all", "storm, both agents and scores")):
            rows.append((f"{title}, alerts/s", median(one["alerts_per_second"] for one in found["storm"][name])))
        rows.append(("of that lost", found["lost"]))
        rows.append(("resident MB a tenant", found["memory"]["bytes_a_tenant"] / 1e6))
    report.print_table("The models, and a worker with both agents", ("what", "figure"), rows)


LATENCIES: Final = {"p50 ms": "p50_ms", "p90 ms": "p90_ms", "p99 ms": "p99_ms"}


def picture(found: dict[str, Any]) -> None:
    """Draw the growth curves."""
    report.line_chart(
        "correlate",
        "Cost of a change in the correlate agent",
        {
            "by open incidents": [(one["open_incidents"], one["microseconds_a_change"]) for one in found["incidents"]],
            "by nodes of the topology": [(one["nodes"], one["microseconds_a_change"]) for one in found["topology"]],
        },
        x="open incidents, nodes",
        y="µs a change",
        log_x=True,
    )


if __name__ == "__main__":
    main()
