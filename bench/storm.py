"""Throughput: the storm in both guarantees, two workers, first sights, and the growth curve, beside the peers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench import report
from bench.load import distinct_records, fill, storm_records
from bench.peers import alertmanager, stock_faust
from bench.peers.alertmanager_binary import PeerMissingError
from bench.stage import stage, throughput, wait_processed

if TYPE_CHECKING:
    from bench.stage import Stage

STORM = 2_000_000
SERIES = 8_000
FIRST_SIGHTS = 500_000
GROWTH = (1_000, 10_000, 100_000, 1_000_000)
GROWTH_REPEATS = 1_000_000
COMMIT_INTERVAL = "100ms"


def main() -> None:
    """Measure and report; about eight minutes."""
    with stage() as on:
        fill(on.bootstrap, "alerts.raw", storm_records(STORM, SERIES))
        stock = [stock_faust.measure(on.bootstrap, "alerts.raw", records=200_000)]
        once = run(on, "storm-1", STORM)
        exactly = run(
            on, "storm-eo", STORM, PROCESSING_GUARANTEE="exactly_once", WORKER__COMMIT_INTERVAL=COMMIT_INTERVAL
        )
        again = run(on, "storm-2", STORM)
        stock.append(stock_faust.measure(on.bootstrap, "alerts.raw", records=200_000))
        two = run_two(on, "storm-two", STORM)
        peer = measure_alertmanager()
        on.fresh_topics()
        fill(on.bootstrap, "alerts.raw", distinct_records(FIRST_SIGHTS))
        first = run(on, "first", FIRST_SIGHTS)
        save(stock, [once, again], exactly, two, peer, first)
        save_growth([growth(on, size) for size in GROWTH])


def run(on: Stage, group: str, total: int, **settings: str) -> dict[str, Any]:
    """Return what one worker of a new group makes of everything in alerts.raw."""
    with on.worker(group, **settings) as worker:
        worker.wait_ready()
        return throughput([worker], total) | {"resident_bytes": worker.resident_bytes()}


def run_two(on: Stage, group: str, total: int) -> dict[str, Any]:
    """Return what two workers of one group make of it together, from the first quarter on: both have their share."""
    with on.worker(group, name=f"{group}-a") as one, on.worker(group, name=f"{group}-b") as other:
        one.wait_ready()
        other.wait_ready()
        return throughput([one, other], total, start_at=total // 4)


def measure_alertmanager() -> dict[str, Any] | None:
    """Return what Alertmanager takes over HTTP, or None, said plainly, where it is missing."""
    try:
        return dict(alertmanager.measure(storm_records(200_000, SERIES), alerts=500_000))
    except PeerMissingError as error:
        print(f"Alertmanager is missing, its row stays empty: {error}")
        return None


def growth(on: Stage, size: int) -> dict[str, Any]:
    """Return the rate of repeats while `size` alerts are open, from a backlog, by a worker that was restarted."""
    on.fresh_topics()
    fill(on.bootstrap, "alerts.raw", distinct_records(size))
    # A million take longer to come in than a digest waits: what is measured here are repeats, without digests.
    group, settings = f"growth-{size}", {"INGEST__RESOLVE_TIMEOUT": "2h", "INGEST__DIGEST_INTERVAL": "1h"}
    with on.worker(group, **settings) as worker:
        worker.wait_ready()
        wait_processed(worker, size)
    passes = -(-max(GROWTH_REPEATS, size) // size)
    fill(on.bootstrap, "alerts.raw", (record for _ in range(passes) for record in distinct_records(size)))
    with on.worker(group, **settings) as worker:
        worker.wait_ready()
        measured = throughput([worker], passes * size)
        return {"open_alerts": size, **measured, "resident_bytes": worker.resident_bytes()}


def save(
    stock: list[Any],
    storms: list[dict[str, Any]],
    exactly: dict[str, Any],
    two: dict[str, Any],
    peer: dict[str, Any] | None,
    first: dict[str, Any],
) -> None:
    """Print the table and write the result and its picture."""
    base = sum(one["records_per_s"] for one in stock) / len(stock)
    storm = sum(one["alerts_per_second"] for one in storms) / len(storms)
    others = peer["best"]["alerts_per_s"] if peer is not None else None
    rows = [
        ("stock Faust, does nothing", base, 1.0),
        ("storm, at_least_once", storm, storm / base),
        ("storm, exactly_once", exactly["alerts_per_second"], exactly["alerts_per_second"] / storm),
        ("storm, two workers", two["alerts_per_second"], None if others is None else two["alerts_per_second"] / others),
        ("Alertmanager over HTTP", others, None),
        ("first sights", first["alerts_per_second"], first["alerts_per_second"] / base),
    ]
    report.print_table(
        "Throughput (ratios: storm, first sights to stock Faust; exactly_once to at_least_once; two to Alertmanager)",
        ("what", "alerts/s", "ratio"),
        rows,
    )
    report.write_result(
        "throughput",
        {
            "stock_faust": stock,
            "storm": storms,
            "storm_exactly_once": exactly,
            "storm_two_workers": two,
            "alertmanager": peer,
            "first_sights": first,
            "ratios": {
                "storm_to_stock_faust": storm / base,
                "first_sights_to_stock_faust": first["alerts_per_second"] / base,
                "exactly_once_to_at_least_once": exactly["alerts_per_second"] / storm,
                "two_workers_to_alertmanager": None if others is None else two["alerts_per_second"] / others,
            },
        },
    )
    report.bar_chart("throughput", "Alerts per second", {name: rate for name, rate, _ in rows if rate}, unit="alerts/s")


def save_growth(curve: list[dict[str, Any]]) -> None:
    """Print the table and write the result and its picture."""
    report.print_table(
        "Growth",
        ("open alerts", "alerts/s", "resident MB"),
        [(one["open_alerts"], one["alerts_per_second"], one["resident_bytes"] / 1e6) for one in curve],
    )
    report.write_result("growth", {"repeats": GROWTH_REPEATS, "growth": curve})
    report.line_chart(
        "growth",
        "Throughput by open alerts",
        {"one worker": [(one["open_alerts"], one["alerts_per_second"]) for one in curve]},
        x="open alerts",
        y="alerts/s",
        log_x=True,
    )


if __name__ == "__main__":
    main()
