from __future__ import annotations

import os
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

import pytest

from pipeline.dev.ports import choose_port, is_free
from pipeline.dev.processes import birth_of, end, spawn_detached, wait_until

if TYPE_CHECKING:
    from pathlib import Path

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
IGNORE_SIGTERM = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)"
STUBBORN = [sys.executable, "-c", f"{IGNORE_SIGTERM}; time.sleep(60)"]


def spawn(command: list[str], output: Path) -> tuple[int, str]:
    """Start the program and return its number and its birth once it is up."""
    pid = spawn_detached(command, os.environ, output)
    birth = birth_of(pid)
    assert birth is not None
    assert wait_until(lambda: "up" in output.read_text(), 10)
    return pid, birth


def test_a_spawned_process_leads_a_session_of_its_own_and_ends_when_asked(tmp_path: Path) -> None:
    pid, birth = spawn(SLEEP, tmp_path / "out")
    assert os.getsid(pid) == pid
    assert birth_of(pid) == birth
    end(pid, birth, patience_s=10)
    assert birth_of(pid) is None


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    pid, birth = spawn(STUBBORN, tmp_path / "out")
    end(pid, birth, patience_s=0.2)
    assert birth_of(pid) is None


def test_a_process_with_another_birth_is_left_alone(tmp_path: Path) -> None:
    pid, birth = spawn(SLEEP, tmp_path / "out")
    end(pid, "another", patience_s=0.2)
    assert birth_of(pid) == birth
    end(pid, birth, patience_s=10)


def test_a_killed_process_counts_as_gone_though_nobody_waited_for_it(tmp_path: Path) -> None:
    pid, _ = spawn(SLEEP, tmp_path / "out")
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: birth_of(pid) is None, 10)


def test_waiting_stops_at_its_deadline() -> None:
    began = time.monotonic()
    assert wait_until(lambda: False, 0.2) is False
    assert 0.2 <= time.monotonic() - began < 5


def test_a_folder_gets_the_same_port_unless_it_is_taken(tmp_path: Path) -> None:
    first = choose_port(tmp_path, taken=())
    assert choose_port(tmp_path, taken=()) == first
    assert choose_port(tmp_path, taken={first}) != first
    with socket.create_server(("127.0.0.1", first)):
        assert not is_free(first)
        assert choose_port(tmp_path, taken=()) != first


@pytest.mark.parametrize("folder", ["a", "b", "c"])
def test_ports_stay_below_those_of_outgoing_connections(tmp_path: Path, folder: str) -> None:
    assert 20_000 <= choose_port(tmp_path / folder, taken=()) < 30_000
