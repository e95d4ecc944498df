"""Recovery and memory: a million open alerts, restarted with and without the local state."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Any

from bench import report
from bench.load import distinct_records, fill
from bench.stage import stage, throughput

if TYPE_CHECKING:
    from bench.stage import Stage, Worker

OPEN_ALERTS = 1_000_000
GROUP = "recovery"
_SETTLE_S = 3.0  # checkpoints still under way when the last alert was counted


def main() -> None:
    """Measure and report; about three minutes."""
    with stage() as on:
        figures = measure(on, OPEN_ALERTS)
    report.print_table(
        f"{OPEN_ALERTS:,} open alerts",
        ("what", "value", "unit"),
        [
            ("cold recovery", figures["cold_recovery_s"], "s until ready"),
            ("warm restart", figures["warm_restart_s"], "s until ready"),
            ("resident after taking them in", figures["resident_bytes"] / 1e6, "MB"),
            ("resident after a warm restart", figures["resident_after_warm_bytes"] / 1e6, "MB"),
            ("resident after a cold recovery", figures["resident_after_cold_bytes"] / 1e6, "MB"),
        ],
    )
    report.write_result("recovery", figures)
    report.bar_chart(
        "recovery",
        f"Seconds until ready with {OPEN_ALERTS:,} open alerts",
        {"cold recovery": figures["cold_recovery_s"], "warm restart": figures["warm_restart_s"]},
        unit="s",
    )


def measure(on: Stage, size: int) -> dict[str, Any]:
    """Return how long a worker with `size` open alerts takes to come back, and the memory it needs."""
    fill(on.bootstrap, "alerts.raw", distinct_records(size))
    settings = {"INGEST__RESOLVE_TIMEOUT": "1h"}
    with on.worker(GROUP, **settings) as worker:
        empty_start = worker.wait_ready()
        rate = throughput([worker], size)["alerts_per_second"]
        resident = settled(worker)
        data_dir = worker.data_dir
    with on.worker(GROUP, **settings) as worker:
        warm = worker.wait_ready()
        expect_open(worker, size)
        after_warm = settled(worker)
    shutil.rmtree(data_dir)
    with on.worker(GROUP, **settings) as worker:
        cold = worker.wait_ready()
        expect_open(worker, size)
        after_cold = settled(worker)
    return {
        "open_alerts": size,
        "alerts_per_second": rate,
        "empty_start_s": empty_start,
        "warm_restart_s": warm,
        "cold_recovery_s": cold,
        "resident_bytes": resident,
        "resident_after_warm_bytes": after_warm,
        "resident_after_cold_bytes": after_cold,
    }


def settled(worker: Worker) -> int:
    """Return the resident memory once nothing is going on any more."""
    time.sleep(_SETTLE_S)
    return worker.resident_bytes()


def expect_open(worker: Worker, size: int) -> None:
    """Fail unless the worker knows every alert."""
    deadline = time.monotonic() + 10
    while (found := worker.sum_of("core_alerts_open_alerts")) != size:
        if time.monotonic() > deadline:
            raise AssertionError(f"{found} open alerts after the restart, expected {size}")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
