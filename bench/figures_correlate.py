"""The correlate agent's part of docs/figures.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.figures_models import table

if TYPE_CHECKING:
    from collections.abc import Sequence


def correlate(found: dict[str, Any]) -> list[str]:
    """Return what the correlate agent costs: by what is open, by topology, and in a worker with the ingest agent."""
    incidents = [
        (
            f"{one['open_incidents']:,}",
            f"{one['microseconds_to_open']:.0f} µs",
            f"{one['microseconds_a_change']:.0f} µs",
            f"{one['changes_per_second']:,.0f}",
            "10,000" if one["open_incidents"] == 1_000 else "",
        )
        for one in found["incidents"]
    ]
    topology = [
        (
            f"{one['nodes']:,}",
            f"{one['records']:,}",
            f"{one['seconds_to_set']:.3f} s",
            f"{one['bytes'] / 1e6:.1f} MB",
            f"{one['microseconds_a_change']:.0f} µs",
        )
        for one in found["topology"]
    ]
    memory, runs = found["memory"], found["storm"]
    storms = {name: ", ".join(f"{one['alerts_per_second'] / 1000:.0f}k/s" for one in runs[name]) for name in runs}
    worker = [
        (
            f"produce → readable in {topic}, {late['rate']:,} changes/s for {late['seconds']:.0f} s, {run_of(late)}",
            ", ".join(f"{name} {late[topic][f'{name}_ms']:.1f} ms" for name in ("p50", "p90", "p99")),
            wanted,
        )
        for late in found["latency"]
        for topic, wanted in (("alerts.enriched", ""), ("alerts.correlated", "p99 < 100 ms"))
    ]
    worker += [
        (
            f"processor time of a change, {run_of(late)}",
            ", ".join(f"{agents} {cpu:.0f} µs" for agents, cpu in _used(late)),
            "",
        )
        for late in found["latency"]
    ]
    worker += [
        ("storm, ingest agent alone, no scores", storms["alone"], ""),
        ("storm, both agents and scores", f"{storms['with_all']}; {found['lost']:.1%} lost (medians)", "at most 15 %"),
        (
            "predictions on one core, learned from and written",
            f"{found['models']['predictions_per_second']:,.0f}/s",
            "10,000/s",
        ),
        (
            f"resident memory a tenant, {memory['many']['tenants']} tenants beside {memory['few']['tenants']}, "
            f"{memory['changes']:,} changes in all",
            f"{memory['bytes_a_tenant'] / 1e6:.2f} MB",
            "at most 1 MB",
        ),
    ]
    return [
        "The step alone, on one core, from bytes to bytes with its snapshots: alerts that come up in an open incident,",
        "get worse and are resolved, of up to 20 tenants.",
        "",
        *table(("open incidents", "opening one", "a change", "changes/s", "wanted"), incidents),
        "",
        "One tenant with 100 open incidents and a topology of services, their instances and hosts:",
        "",
        *table(("nodes", "control records", "to set", "memory", "a change"), topology),
        "",
        "Workers beside broker, producer and reader on one machine; one with both agents where nothing is said:",
        "",
        *table(("what", "measured", "wanted"), worker),
    ]


def run_of(late: dict[str, Any]) -> str:
    """Say who works in a measurement of latency, and on what."""
    return workers_of(late["workers"], in_step=late["in_step"])


def workers_of(workers: Sequence[str], *, in_step: bool) -> str:
    """Say who works, of the agents of each worker, and whether all incidents are in step."""
    who = "one worker" if len(workers) == 1 else "a worker for each agent"
    return f"{who}, incidents in step" if in_step else who


def _used(late: dict[str, Any]) -> list[tuple[str, float]]:
    return [
        (agents.replace(",", " and "), cpu)
        for agents, cpu in zip(late["workers"], late["cpu_us_per_change"], strict=True)
    ]
