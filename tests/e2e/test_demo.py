"""The demonstration as it is run, and what it leaves behind: nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
PATIENCE_S = 180.0


@pytest.fixture
def nothing_left(tmp_path: Path) -> Iterator[Path]:
    """Lend a folder for temporary files, in which and of which nothing may remain."""
    yield tmp_path
    running = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert [command for command in running if str(tmp_path) in " ".join(command)] == []
    assert list(tmp_path.glob("core-alerts-demo-*")) == []


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.cli", "demo", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_demonstration_shows_what_comes_out_and_leaves_nothing(nothing_left: Path) -> None:
    with started(nothing_left, "--hours", "0.5", "--json") as demo:
        out, err = demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 0, err
    report = json.loads(out)
    changes = report["changes"]
    assert report["alerts_in"] > 1000
    assert changes["opened"] + changes.get("reopened", 0) == changes["resolved"]
    assert report["changes_out"] == sum(changes.values())
    assert report["noise_reduction"] == round(1 - report["changes_out"] / report["alerts_in"], 4)
    assert 0 < report["latency_p50_ms"] <= report["latency_p99_ms"]
    assert (report["dead_letters"], report["seen_twice"]) == ({}, 0)


def test_the_demonstration_keeps_exactly_once_as_well(nothing_left: Path) -> None:
    with started(nothing_left, "--hours", "0.5", "--guarantee", "exactly_once") as demo:
        out, err = demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 0, err
    assert "noise reduction" in out
    assert "One of them: " in out


def test_a_stopped_demonstration_leaves_nothing(nothing_left: Path) -> None:
    with started(nothing_left) as demo:
        assert demo.stderr is not None
        said = ""
        deadline = time.monotonic() + PATIENCE_S
        while "Starting a worker" not in said and time.monotonic() < deadline:
            said += demo.stderr.readline()
        demo.send_signal(signal.SIGTERM)
        demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 130
