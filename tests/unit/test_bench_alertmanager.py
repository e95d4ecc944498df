from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from bench.load import storm_records
from bench.peers.alertmanager import Tally, as_posted, batches, measure, metric, post_all
from bench.peers.alertmanager_binary import NO_SERVICE, PeerMissingError, find, on_path, service_start_forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def api(refuse: frozenset[int] = frozenset()) -> Iterator[tuple[int, list[str], set[int]]]:
    """Serve the alerts API: yields its port, the names it took, and the client ports; refuses requests by number."""
    names: list[str] = []
    clients: set[int] = set()
    lock = threading.Lock()
    requests = 0

    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            nonlocal requests
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = requests
                requests += 1
                clients.add(self.client_address[1])
                if number not in refuse:
                    names.extend(alert["labels"]["alertname"] for alert in body)
            self.send_response(500 if number in refuse else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port, names, clients
        finally:
            server.shutdown()
            thread.join()


def test_an_alert_is_posted_with_its_name_tenant_and_severity_as_labels() -> None:
    value = (
        b'{"tenant_id":"acme","name":"HighCPU","severity":"critical","status":"firing","labels":{"service":"cart"},'
        b'"annotations":{"summary":"CPU"},"starts_at":"2026-01-01T00:00:00Z","value":0.93}'
    )
    assert as_posted(value) == {
        "labels": {"alertname": "HighCPU", "tenant": "acme", "severity": "critical", "service": "cart"},
        "annotations": {"summary": "CPU"},
        "startsAt": "2026-01-01T00:00:00Z",
    }


def test_a_last_shorter_batch_is_left_out() -> None:
    assert [len(json.loads(body)) for body in batches(storm_records(250), 100)] == [100, 100]


@pytest.mark.parametrize("connections", [1, 2, 4])
def test_every_request_is_posted_once_over_connections_that_stay_open(connections: int) -> None:
    tally = Tally()
    with api() as (port, names, clients):
        post_all(port, list(batches(storm_records(30), 10)), 12, connections, tally)
        assert (len(names), len(clients), tally.refused) == (120, connections, 0)


def test_a_refused_request_is_counted_and_the_others_go_on() -> None:
    tally = Tally()
    with api(refuse=frozenset({1, 3})) as (port, names, _):
        post_all(port, list(batches(storm_records(10), 10)), 6, 2, tally)
        assert (len(names), tally.refused) == (40, 2)


def test_a_server_that_is_not_there_refuses_everything() -> None:
    with api() as (port, _, _):
        pass
    tally = Tally()
    post_all(port, [b"[]"], 3, 1, tally)
    assert tally.refused == 3


def test_a_metric_is_the_sum_of_its_series() -> None:
    page = """# TYPE alerts_total counter
alerts_total{status="firing",version="v2"} 1.5e+03
alerts_total{status="resolved",version="v2"} 20
alerts_total_other 7
cpu 0.25
"""
    assert (metric(page, "alerts_total"), metric(page, "cpu"), metric(page, "none")) == (1520, 0.25, 0)


def test_a_missing_peer_is_said_plainly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PeerMissingError, match=r"no apt-get .* Install prometheus-alertmanager"):
        find()


def test_the_program_is_found_under_its_upstream_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "alertmanager"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find() == program


def test_services_may_not_start_meanwhile_and_may_afterwards(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with service_start_forbidden(policy):
        assert policy.read_text() == NO_SERVICE
        assert policy.stat().st_mode & 0o111
    assert not policy.exists()


def test_a_policy_that_is_there_already_stays_as_it_is(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("mine")
    with service_start_forbidden(policy):
        assert policy.read_text() == "mine"
    assert policy.read_text() == "mine"


@pytest.mark.skipif(on_path() is None, reason="Alertmanager is not on PATH")
def test_alertmanager_itself_counts_every_alert_that_was_posted() -> None:
    figures = measure(storm_records(2_000, series=500), 5_000, connections=(2,))
    assert figures["best"]["alerts_counted"] == figures["best"]["alerts"] == 5_000
    assert figures["best"]["refused_requests"] == 0
    assert figures["best"]["alerts_per_s"] > 0
