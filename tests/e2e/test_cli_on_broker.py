"""The commands on a real broker, as a person or a script uses them: each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.domain.partitioner import partition_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


class Machine:
    """A folder with a broker in it, and the settings that lead there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.web_port = free_port()
        self.environ = {name: text for name, text in os.environ.items() if not name.startswith("CORE_ALERTS_")}
        self.environ |= {
            "CORE_ALERTS_DATA_DIR": str(folder),
            "CORE_ALERTS_PARTITIONS": "4",
            "CORE_ALERTS_WEB__PORT": str(self.web_port),
            **{name: os.environ[name] for name in ("CORE_ALERTS_CACHE_DIR",) if name in os.environ},
        }

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "pipeline.cli", *arguments]

    def start_worker(self) -> subprocess.Popen[bytes]:
        with (self.folder / "worker.log").open("ab") as log:
            return subprocess.Popen(self.command("worker"), cwd=ROOT, env=self.environ, stdout=log, stderr=log)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"after {PATIENCE_S:.0f} s still not: {what}"
        time.sleep(0.05)


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    machine = Machine(tmp_path_factory.mktemp("machine"))
    try:
        started = machine.run("kafka", "start")
        assert started.returncode == 0, started.stderr
        machine.environ["CORE_ALERTS_BROKER"] = started.stdout.splitlines()[-1]
        created = machine.run("topics", "create", "--json")
        assert created.returncode == 0, created.stderr
        yield machine
    finally:
        assert machine.run("kafka", "stop").returncode == 0


@pytest.fixture(scope="module")
def working(machine: Machine) -> Iterator[Machine]:
    """The same with a worker, which has to stop cleanly in the end."""
    process = machine.start_worker()
    try:
        wait_until(lambda: process.poll() is not None or is_ready(machine.web_port), "the worker is ready")
        assert process.poll() is None, (machine.folder / "worker.log").read_text()
        yield machine
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def alert(name: str, tenant: str = "acme", **fields: Any) -> str:
    return json.dumps({"tenant_id": tenant, "name": name, **fields}) + "\n"


def tail(machine: Machine, topic: str, *arguments: str) -> list[dict[str, Any]]:
    """Return the records of a topic from its beginning."""
    result = machine.run("tail", topic, "--from-beginning", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_kafka_start_prints_the_address_alone_and_again_the_same(machine: Machine) -> None:
    again = machine.run("kafka", "start")
    assert again.stdout == machine.environ["CORE_ALERTS_BROKER"] + "\n"
    status = json.loads(machine.run("kafka", "status", "--json").stdout)
    assert (status["answers"], status["bootstrap"]) == (True, again.stdout.strip())


def test_topics_are_created_once_and_are_as_they_should_be(machine: Machine) -> None:
    outcomes = json.loads(machine.run("topics", "create", "--json").stdout)
    assert {one["created"] for one in outcomes} == {False}
    assert {"alerts.raw", "alerts.enriched", "alerts.dlq", "core-alerts-ingest-changelog"} <= {
        one["name"] for one in outcomes
    }
    described = json.loads(machine.run("topics", "describe", "--json").stdout)
    assert [one for one in described if one["partitions"] != 4 or one["differs"]] == []
    assert "as it should be" in machine.run("topics", "describe").stdout


def test_a_partition_count_that_is_not_the_topics_is_wrong_usage(machine: Machine) -> None:
    result = machine.run("topics", "create", "--partitions", "6")
    assert (result.returncode, "must have 6 partitions" in result.stderr) == (2, True)


def test_an_unknown_topic_is_wrong_usage(machine: Machine) -> None:
    result = machine.run("tail", "alerts.rwa", "--timeout", "1")
    assert (result.returncode, "Kafka has no topic alerts.rwa" in result.stderr) == (2, True)


def test_an_alert_that_is_sent_is_seen_at_the_other_end(working: Machine) -> None:
    sent = working.run("send", "-", stdin=alert("HighCPU", tenant="first", severity="critical"))
    assert (sent.returncode, sent.stderr) == (0, "Sent 1 records to alerts.raw.\n")
    seen = working.run(
        "tail", "alerts.enriched", "--from-beginning", "--tenant", "first", "--count", "1", "--timeout", "20"
    )
    assert seen.returncode == 0, seen.stderr
    assert seen.stdout.split()[1:] == ["first", "opened", "critical", "HighCPU", "{}", "1×", "first_seen"]


def test_what_a_worker_would_refuse_is_told_by_line_and_the_rest_is_sent(working: Machine) -> None:
    lines = alert("Fine", "checked") + "not json\n" + "{}\n" + alert("Wild", "checked", severity="wild")
    result = working.run("send", "-", stdin=lines)
    told = result.stderr.splitlines()
    assert result.returncode == 1
    assert told[0].startswith("-, line 2: it is not JSON (")
    assert told[1].startswith("-, line 3: missing_tenant: ")
    assert told[2].startswith("-, line 4: unknown_severity: 'wild'")
    assert told[3:] == ["Sent 1 records to alerts.raw. Refused 3 lines."]


def test_a_bad_record_is_a_dead_letter_with_its_reason(working: Machine) -> None:
    assert working.run("send", "-", "--raw", stdin="no alert at all\n").returncode == 0
    letter = working.run("tail", "alerts.dlq", "--from-beginning", "--count", "1", "--timeout", "20")
    assert letter.returncode == 0, letter.stderr
    assert "not_json: " in letter.stdout
    assert letter.stdout.endswith("no alert at all\n")


def test_a_tail_that_waits_in_vain_says_so(machine: Machine) -> None:
    result = machine.run("tail", "audit", "--count", "2", "--timeout", "0.2")
    assert (result.returncode, result.stderr) == (1, "Only 0 of 2 records were there: none came for 0.2 s.\n")
    assert machine.run("tail", "audit", "--timeout", "0.2").returncode == 0


def test_event_time_is_the_time_of_the_records(working: Machine) -> None:
    lines = alert("Old", "past", starts_at="2026-01-01T00:00:00Z") + alert("Older", "past")
    assert working.run("send", "-", "--event-time", stdin=lines).returncode == 0
    sent = [one for one in tail(working, "alerts.raw", "--timeout", "1") if one["key"] == "past"]
    assert [(one["timestamp"], one["partition"]) for one in sent] == [(1_767_225_600_000, partition_of("past", 4))] * 2


def test_a_recorded_topic_replayed_gives_the_changes_and_the_ids_it_had_live(working: Machine) -> None:
    steps = [("firing", "warning"), ("firing", "warning"), ("firing", "critical"), ("resolved", "critical")]
    lines = "".join(
        alert(f"Alert{number}", tenant, status=status, severity=severity)
        for status, severity in steps
        for number in range(3)
        for tenant in ("one", "two", "three")
    )
    assert working.run("send", "-", stdin=lines).returncode == 0
    wait_until(lambda: lag(working) == 0, "the worker has processed everything")
    tenants = {"one", "two", "three"}
    live = [one for one in tail(working, "alerts.enriched", "--timeout", "1") if one["key"] in tenants]
    raw = [one for one in tail(working, "alerts.raw", "--timeout", "1") if one["key"] in tenants]
    recording = "".join(json.dumps(one) + "\n" for one in raw)
    replayed = [
        json.loads(text)
        for text in working.run("replay", "-", "--partitions", "4", stdin=recording).stdout.splitlines()
    ]
    assert len(replayed) == 27
    assert sorted(replayed, key=lambda one: one["id"]) == sorted(
        (one["value"] for one in live), key=lambda one: one["id"]
    )


def lag(machine: Machine) -> int:
    """Return how many records are not processed yet, as the command tells it."""
    rows = json.loads(machine.run("topics", "lag", "--json").stdout)
    return sum(row["lag"] for row in rows if row["topic"] == "alerts.raw")
