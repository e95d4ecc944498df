"""Alertmanager taking the same alerts in batches over HTTP, as fast as it answers."""

from __future__ import annotations

import http.client
import math
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import msgspec

from bench.peers.alertmanager_binary import find
from pipeline.domain.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

HOST = "127.0.0.1"
BATCH = 1_000
CONNECTIONS = (1, 2, 4)
BODIES = 200  # prepared requests: enough to touch every series of a storm many times, and sent in turn
START_TIMEOUT_S = 30.0
REQUEST_TIMEOUT_S = 60.0
CONFIG = "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n"


class Run(TypedDict):
    """One storm against a fresh Alertmanager."""

    connections: int
    alerts: int
    seconds: float
    alerts_per_s: float
    refused_requests: int
    alerts_counted: int
    rss_mb: float
    server_cpu_us_per_alert: float
    client_cpu_share: float


class AlertmanagerFigures(TypedDict):
    """Every run, and the fastest without a refused request."""

    version: str
    batch: int
    runs: list[Run]
    best: Run


class Counters(NamedTuple):
    """What an Alertmanager says of itself at one moment."""

    received: int
    cpu_s: float
    rss_mb: float


@dataclass(frozen=True, slots=True)
class Server:
    """An Alertmanager that answers."""

    port: int
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> str:
        """Return the body of a page."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=REQUEST_TIMEOUT_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read().decode()
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise InfrastructureError(f"Alertmanager answered {response.status} to {path}. Look at its log.")
        return body

    def counters(self) -> Counters:
        """Return what Alertmanager says of itself."""
        page = self.get("/metrics")
        return Counters(
            received=round(metric(page, "alertmanager_alerts_received_total")),
            cpu_s=metric(page, "process_cpu_seconds_total"),
            rss_mb=metric(page, "process_resident_memory_bytes") / 1e6,
        )


@dataclass(slots=True)
class Tally:
    """What the client's connections saw, together."""

    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def refuse(self) -> None:
        """Count one request that was not answered with 200."""
        with self.lock:
            self.refused += 1


def measure(
    records: Iterable[tuple[bytes, bytes]], alerts: int, *, connections: Sequence[int] = CONNECTIONS, batch: int = BATCH
) -> AlertmanagerFigures:
    """Return how fast Alertmanager takes `alerts` alerts, for each number of connections.

    Raises PeerMissingError where there is none. `records` are alerts.raw; as many of them as fit into the prepared
    requests are used, and the requests are sent in turn. Bodies are made beforehand, each run has a fresh server.
    """
    binary = find()
    bodies = list(islice(batches(records, batch), BODIES))
    if not bodies:
        raise ValueError("no records to post")
    runs = [storm(binary, bodies, max(1, alerts // batch), batch, number) for number in connections]
    clean = [run for run in runs if run["refused_requests"] == 0] or runs
    return AlertmanagerFigures(
        version=version_of(binary), batch=batch, runs=runs, best=max(clean, key=lambda run: run["alerts_per_s"])
    )


def metric(page: str, name: str) -> float:
    """Return the sum of a metric's series on a page of them; 0 where it has none."""
    lines = (line for line in page.splitlines() if line.startswith((name + " ", name + "{")))
    return math.fsum(float(line.rsplit(" ", 1)[1]) for line in lines)


def batches(records: Iterable[tuple[bytes, bytes]], size: int) -> Iterator[bytes]:
    """Yield request bodies of `size` alerts each; a last, shorter one is left out."""
    taken = iter(records)
    while len(chunk := [as_posted(value) for _, value in islice(taken, size)]) == size:
        yield msgspec.json.encode(chunk)


def as_posted(value: bytes) -> dict[str, Any]:
    """Return an alerts.raw record the way the v2 API takes it: name, severity and tenant are labels."""
    alert = msgspec.json.decode(value)
    return {
        "labels": {
            "alertname": alert["name"],
            "tenant": alert["tenant_id"],
            "severity": alert["severity"],
            **alert["labels"],
        },
        "annotations": alert["annotations"],
        "startsAt": alert["starts_at"],
    }


def storm(binary: Path, bodies: Sequence[bytes], requests: int, batch: int, connections: int) -> Run:
    """Return what one storm over `connections` connections did to a fresh server."""
    with running(binary) as server:
        post_all(server.port, bodies, min(requests, 20), connections, Tally())  # connections, heap and code are warm
        before, tally = server.counters(), Tally()
        started, cpu = time.perf_counter(), time.process_time()
        post_all(server.port, bodies, requests, connections, tally)
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        after = server.counters()
        return Run(
            connections=connections,
            alerts=requests * batch,
            seconds=seconds,
            alerts_per_s=(requests - tally.refused) * batch / seconds,
            refused_requests=tally.refused,
            alerts_counted=after.received - before.received,
            rss_mb=after.rss_mb,
            server_cpu_us_per_alert=(after.cpu_s - before.cpu_s) * 1e6 / (requests * batch),
            client_cpu_share=cpu / seconds,
        )


def post_all(port: int, bodies: Sequence[bytes], requests: int, connections: int, tally: Tally) -> None:
    """Post `requests` requests, shared out over so many connections that stay open."""
    # threads, not processes: they only hand over bytes made before, and the share of CPU they took is reported
    threads = [
        threading.Thread(target=post_share, args=(port, bodies, range(first, requests, connections), tally))
        for first in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def post_share(port: int, bodies: Sequence[bytes], numbers: range, tally: Tally) -> None:
    """Post the requests with these numbers over one connection."""
    connection = http.client.HTTPConnection(HOST, port, timeout=REQUEST_TIMEOUT_S)
    headers = {"Content-Type": "application/json"}
    for number in numbers:
        try:
            connection.request("POST", "/api/v2/alerts", bodies[number % len(bodies)], headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            tally.refuse()
        else:
            if response.status != http.client.OK:
                tally.refuse()
    connection.close()


@contextmanager
def running(binary: Path) -> Iterator[Server]:
    """Run Alertmanager on a free loopback port with storage of its own, alone in its cluster, until the end."""
    with tempfile.TemporaryDirectory(prefix="alertmanager-") as name:
        folder = Path(name)
        (folder / "alertmanager.yml").write_text(CONFIG)
        with (folder / "log").open("wb") as log:
            port = free_port()
            command = [
                str(binary),
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address={HOST}:{port}",
                "--cluster.listen-address=",
                "--log.level=warn",
            ]
            process = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                server = Server(port, process)
                await_ready(server, folder / "log")
                yield server
            finally:
                process.terminate()
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def await_ready(server: Server, log: Path) -> None:
    """Return once the server answers; raise with its log if it ends or never does."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.process.poll() is None:
        with suppress(OSError, InfrastructureError):
            server.get("/-/ready")
            return
        time.sleep(0.05)
    raise InfrastructureError(f"Alertmanager did not come up. Its log says: {log.read_text()[-1000:]}")


def free_port() -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def version_of(binary: Path) -> str:
    """Return the version the program tells."""
    told = subprocess.run([str(binary), "--version"], capture_output=True, text=True, check=True, timeout=30)
    first = (told.stdout or told.stderr).split(" (", 1)[0]
    return first.removeprefix("alertmanager, version ").strip()
