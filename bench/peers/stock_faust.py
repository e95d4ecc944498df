"""A stock Faust agent that does nothing: how fast Faust alone hands records to a user's code.

`measure` runs it in a process of its own; `python -m bench.peers.stock_faust BOOTSTRAP TOPIC N` is that process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import TypedDict

import faust

from pipeline.domain.errors import InfrastructureError

ROOT = Path(__file__).resolve().parents[2]


class FaustFigures(TypedDict):
    """What the agent did between its first and its last record."""

    records: int
    seconds: float
    records_per_s: float
    cpu_share: float


def measure(bootstrap: str, topic: str, records: int = 200_000, *, timeout_s: float = 300.0) -> FaustFigures:
    """Return how fast a stock agent consumes `records` records of a topic that holds at least as many."""
    command = [sys.executable, "-m", "bench.peers.stock_faust", bootstrap, topic, str(records)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    try:
        with tempfile.TemporaryDirectory(prefix="stock-faust-") as folder:
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout_s, check=True
            )
    except subprocess.TimeoutExpired as error:
        raise InfrastructureError(
            f"the stock Faust agent saw fewer than {records} records in {timeout_s:.0f} s. "
            f"Check that {topic} holds as many and that {bootstrap} answers."
        ) from error
    except subprocess.CalledProcessError as error:
        raise InfrastructureError(
            f"the stock Faust agent ended with {error.returncode}: {error.stderr[-2000:]} Check its libraries."
        ) from error
    figures: FaustFigures = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    bootstrap, topic_name, records = sys.argv[1], sys.argv[2], int(sys.argv[3])
    app = faust.App(
        f"stock-faust-{uuid.uuid4().hex}",
        broker=f"kafka://{bootstrap}",
        store="memory://",
        datadir=str(Path.cwd() / "data"),
        topic_allow_declare=False,
        topic_disable_leader=True,  # would need a topic of its own
        consumer_auto_offset_reset="earliest",
        worker_redirect_stdouts=False,
    )
    source = app.topic(topic_name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    async def nothing(stream: faust.Stream[bytes]) -> None:
        seen, started, cpu = 0, 0.0, 0.0
        async for _ in stream:
            if seen == 0:
                started, cpu = time.perf_counter(), time.process_time()
            seen += 1
            if seen == records:
                report(records - 1, time.perf_counter() - started, time.process_time() - cpu)

    app.agent(source)(nothing)
    # --without-web: the setting alone would leave the port bound
    sys.argv = ["stock_faust", "worker", "--loglevel", "error", "--without-web"]
    app.main()


def report(records: int, seconds: float, cpu_s: float) -> None:
    """Print the figures and end the process: an orderly stop would only be waited for."""
    figures = FaustFigures(records=records, seconds=seconds, records_per_s=records / seconds, cpu_share=cpu_s / seconds)
    os.write(1, b"\n" + json.dumps(figures).encode() + b"\n")  # the worker has replaced sys.stdout
    os._exit(0)


if __name__ == "__main__":
    main()
