from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import httpx
import pytest
from prometheus_client import CollectorRegistry

from pipeline.domain.errors import ConfigurationError
from pipeline.health import Health, HealthState, Progress, stalled
from pipeline.health_server import HealthServer
from pipeline.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

RAW_0, RAW_1 = ("alerts.raw", 0), ("alerts.raw", 1)


# The decision


def test_a_partition_with_nothing_to_do_is_live_for_ever() -> None:
    state = HealthState(stall_timeout=60)
    state.progress(RAW_0, end_offset=100, checkpoint_offset=100, now=0)
    assert state.is_live(now=1_000_000)


def test_a_partition_whose_checkpoint_stands_still_is_not_live_after_the_timeout() -> None:
    state = HealthState(stall_timeout=60)
    state.progress(RAW_0, end_offset=150, checkpoint_offset=100, now=0)
    state.progress(RAW_0, end_offset=900, checkpoint_offset=100, now=50)
    assert [state.is_live(now) for now in (59.9, 60.0)] == [True, False]


def test_a_checkpoint_that_moves_starts_the_time_anew() -> None:
    state = HealthState(stall_timeout=60)
    state.progress(RAW_0, 150, 100, now=0)
    state.progress(RAW_0, 900, 101, now=59)
    assert [state.is_live(now) for now in (118, 119)] == [True, False]


def test_the_time_begins_with_the_first_unread_record_not_with_the_last_checkpoint() -> None:
    state = HealthState(stall_timeout=60)
    state.progress(RAW_0, 100, 100, now=0)
    state.progress(RAW_0, 101, 100, now=3600)
    assert [state.is_live(now) for now in (3600, 3659, 3660)] == [True, True, False]


def test_one_stalled_partition_is_named_among_others_that_move() -> None:
    progress = {RAW_1: Progress(150, 100, since=0), RAW_0: Progress(900, 100, since=50)}
    (complaint,) = stalled(progress, now=70, stall_timeout=60)
    assert (complaint.reason, complaint.topic, complaint.partition) == ("stalled", "alerts.raw", 1)
    assert complaint.detail == "50 records wait beyond offset 100, where the checkpoint has stood for 70 s"


def test_a_partition_that_went_to_another_worker_is_not_waited_for() -> None:
    state = HealthState(stall_timeout=60)
    state.assign([RAW_0, RAW_1])
    state.progress(RAW_0, 150, 100, now=0)
    state.assign([RAW_1])
    assert state.is_live(now=1000)
    assert state.assigned == {RAW_1}


def test_recovery_makes_unready_but_does_not_count_as_a_stall() -> None:
    state = HealthState(stall_timeout=60)
    state.assign([RAW_0])
    state.recovery_started()
    state.progress(RAW_0, 150, 100, now=0)
    assert (state.is_live(now=500), state.is_ready(), state.recovering) == (True, False, True)
    state.recovery_finished(now=500)
    assert (state.is_ready(), state.recovering) == (True, False)
    assert [state.is_live(now) for now in (559, 560)] == [True, False]


def test_a_worker_is_ready_once_it_has_joined_even_with_no_partition() -> None:
    state = HealthState(stall_timeout=60)
    assert not state.is_ready()
    state.assign([])
    assert state.is_ready()
    state.left()
    assert not state.is_ready()


def test_an_event_loop_that_no_longer_turns_is_not_live_even_with_nothing_to_do() -> None:
    state = HealthState(stall_timeout=60)
    assert state.is_live(now=1000)  # it was never promised to turn
    state.heartbeat(now=1000)
    assert [state.is_live(now) for now in (1059, 1060)] == [True, False]
    assert state.liveness(now=1075)[0].detail == "the worker's event loop has not turned for 75 s"


def test_reports_from_many_threads_are_all_taken() -> None:
    state = HealthState(stall_timeout=60)

    def report(partition: int) -> None:
        for offset in range(500):
            state.progress(("t", partition), 1000, offset, now=float(offset))
            state.is_live(now=0)

    threads = [threading.Thread(target=report, args=(partition,)) for partition in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [complaint.partition for complaint in state.liveness(now=559)] == list(range(8))


# Over HTTP


class Clock:
    """Monotonic seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def state() -> HealthState:
    return HealthState(stall_timeout=60)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def server(state: HealthState, registry: CollectorRegistry, clock: Clock) -> Iterator[HealthServer]:
    with HealthServer("127.0.0.1", 0, state, registry, clock, client_timeout=0.5) as server:
        yield server


@pytest.fixture
def client(server: HealthServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", trust_env=False) as client:
        yield client


def test_livez_answers_503_and_names_the_partition_that_stalls(
    client: httpx.Client, state: HealthState, clock: Clock
) -> None:
    state.progress(RAW_1, 150, 100, now=0)
    assert (client.get("/livez").status_code, client.get("/livez").json()) == (200, {"live": True, "problems": []})
    clock.now = 60.0
    response = client.get("/livez")
    assert (response.status_code, response.headers["content-type"]) == (503, "application/json; charset=utf-8")
    assert response.json() == {
        "live": False,
        "problems": [
            {
                "reason": "stalled",
                "detail": "50 records wait beyond offset 100, where the checkpoint has stood for 60 s",
                "topic": "alerts.raw",
                "partition": 1,
            }
        ],
    }


def test_readyz_tells_what_is_waited_for(client: httpx.Client, state: HealthState) -> None:
    state.recovery_started()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert [problem["reason"] for problem in response.json()["problems"]] == ["recovering", "not_assigned"]
    state.recovery_finished(now=0)
    state.assign([RAW_0])
    response = client.get("/readyz?verbose=1")
    assert (response.status_code, response.json()) == (200, {"ready": True, "problems": []})


def test_metrics_are_served_in_both_formats(client: httpx.Client, registry: CollectorRegistry) -> None:
    Metrics(registry, version="0.1.0").processed("acme", "critical", "firing", 3)
    plain = client.get("/metrics", headers={"accept": "*/*"})
    assert plain.headers["content-type"].startswith("text/plain")
    assert 'alerts_processed_total{severity="critical",status="firing",tenant_id="acme"} 3.0' in plain.text
    modern = client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert modern.headers["content-type"].startswith("application/openmetrics-text")
    assert modern.text.endswith("# EOF\n")


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
def test_head_gives_what_get_gives_without_the_body(client: httpx.Client, server: HealthServer, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.headers["content-length"]) == (get.status_code, get.headers["content-length"])
    with socket.create_connection(("127.0.0.1", server.port)) as connection:  # httpx would not look for a body
        connection.sendall(f"HEAD {path} HTTP/1.0\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.endswith(b"\r\n\r\n")


def test_other_paths_are_not_found_and_other_methods_not_served(client: httpx.Client) -> None:
    assert [client.get(path).status_code for path in ("/", "/table/", "/livez/x", "/../etc/passwd")] == [404] * 4
    assert client.post("/livez").status_code == 501


def test_clients_that_say_nothing_do_not_take_all_the_room(server: HealthServer) -> None:
    silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(16)]
    try:
        url = f"http://127.0.0.1:{server.port}/readyz"
        deadline = time.monotonic() + 20
        statuses = []
        while 503 not in statuses and time.monotonic() < deadline:
            try:
                statuses.append(httpx.get(url, trust_env=False, timeout=10).status_code)
            except httpx.TransportError:  # closed at once, while all slots are taken
                statuses.append(0)
                threading.Event().wait(0.05)
        assert statuses[-1] == 503
    finally:
        for connection in silent:
            connection.close()


def test_a_busy_main_thread_does_not_delay_probes(client: httpx.Client) -> None:
    answered = threading.Event()

    def probe() -> None:
        client.get("/livez")
        answered.set()

    threading.Thread(target=probe, daemon=True).start()
    deadline = time.monotonic() + 20
    while not answered.is_set() and time.monotonic() < deadline:
        sum(range(1000))  # never gives way by itself, as a batch does not
    assert answered.is_set()


def test_a_port_that_is_taken_is_told_with_the_setting_to_change(
    server: HealthServer, state: HealthState, registry: CollectorRegistry
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        HealthServer("127.0.0.1", server.port, state, registry)
    assert str(raised.value) == (
        f"Cannot listen on 127.0.0.1:{server.port} for /metrics and the health checks: another process has this port: "
        "set web.port (CORE_ALERTS_WEB__PORT) to a free one, or to 0."
    )


def test_an_address_of_another_machine_is_told(state: HealthState, registry: CollectorRegistry) -> None:
    with pytest.raises(ConfigurationError, match=r"set web\.host \(CORE_ALERTS_WEB__HOST\) to an address of this"):
        HealthServer("192.0.2.1", 0, state, registry)


def test_the_port_is_free_again_after_stop(state: HealthState, registry: CollectorRegistry) -> None:
    with HealthServer("127.0.0.1", 0, state, registry) as first:
        httpx.get(f"http://127.0.0.1:{first.port}/livez", trust_env=False)
    first.stop()
    with HealthServer("127.0.0.1", first.port, state, registry) as second:
        assert second.port == first.port


def test_a_worker_is_ready_and_live_when_all_of_its_agents_are() -> None:
    one, other = HealthState(60), HealthState(60)
    health = Health({"ingest": one, "correlate": other})
    one.assign([("alerts.raw", 0)])
    assert (health.is_ready(), [problem.reason for problem in health.readiness()]) == (False, ["not_assigned"])
    health.of("correlate").assign([("alerts.enriched", 0)])
    assert (health.is_ready(), health.is_live(now=0)) == (True, True)
    other.progress(("alerts.enriched", 0), 10, 5, now=0)
    assert (health.is_live(now=59), health.is_live(now=61)) == (True, False)
