"""`core-alerts dev`: everything runs until it is stopped, or until the worker ends, and then nothing does."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from pipeline.dev import broker

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0


class Dev:
    """A running `core-alerts dev`, and what it printed until it was ready."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        with (folder / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli", "dev", "--data-dir", str(folder)],
                cwd=ROOT,
                env={**os.environ, "CORE_ALERTS_WEB__PORT": str(port)},
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        assert self.process.stdout is not None
        self.printed = ""
        for line in self.process.stdout:
            self.printed += line
            if line.startswith("Ctrl-C"):
                break

    def workers(self) -> list[psutil.Process]:
        return [child for child in psutil.Process(self.process.pid).children() if "worker" in child.cmdline()]

    def end(self) -> int:
        code = self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Dev]:
    dev = Dev(tmp_path)
    yield dev
    if dev.process.poll() is None:
        dev.process.send_signal(signal.SIGTERM)
        dev.end()
    assert broker.status(tmp_path).broker is None
    left = [process for process in psutil.process_iter(["environ"]) if str(tmp_path) in str(process.info["environ"])]
    assert left == []


def test_it_says_where_everything_is_and_stops_when_told(dev: Dev) -> None:
    address = re.search(r"^Kafka +(127\.0\.0\.1:\d+)$", dev.printed, re.MULTILINE)
    assert address is not None, (dev.folder / "stderr").read_text()
    assert f"CORE_ALERTS_BROKER={address[1]} core-alerts tail alerts.enriched" in dev.printed
    (worker,) = dev.workers()
    dev.process.send_signal(signal.SIGTERM)
    assert dev.end() == 0
    assert not worker.is_running()


def test_a_worker_that_ends_ends_all_of_it_and_its_log_says_why(dev: Dev) -> None:
    (worker,) = dev.workers()
    worker.kill()
    assert dev.end() == 1
    told = (dev.folder / "stderr").read_text()
    assert "The worker ended by itself (exit code -9). The end of its log, " in told
