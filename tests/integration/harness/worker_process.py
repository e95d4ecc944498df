"""A worker as an operator runs it: a process of its own, with its log in a file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "pipeline.cli", "worker", "--agents"]
POLL_S = 0.02


def wait_for(what: str, condition: Callable[[], Any], seconds: float, explain: Callable[[], str] = str) -> Any:
    """Return the first true answer of `condition`; raise TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what}: not within {seconds:.0f} s\n{explain()}")
        time.sleep(POLL_S)


class WorkerProcess:
    """One worker process."""

    def __init__(self, folder: Path, name: str, settings: Mapping[str, str], agents: str = "ingest") -> None:
        self.name = name
        self.data_dir = folder / name
        self.started_at = time.monotonic()
        self._log = folder / f"{name}-{time.monotonic_ns()}.log"
        environ = {key: value for key, value in os.environ.items() if not key.startswith("CORE_ALERTS_")}
        environ |= {"CORE_ALERTS_DATA_DIR": str(self.data_dir), "CORE_ALERTS_WEB__PORT": "0", **settings}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*COMMAND, agents], env=environ, cwd=ROOT, stderr=log, stdin=subprocess.DEVNULL
            )

    # -- what it says

    @property
    def log(self) -> str:
        """Return everything it has logged."""
        return self._log.read_text("utf-8", errors="replace")

    def events(self, event: str) -> list[dict[str, Any]]:
        """Return the log lines of this event."""
        lines = [line for line in self.log.splitlines() if line.startswith("{") and line.endswith("}")]
        return [entry for entry in map(json.loads, lines) if entry.get("event") == event]

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a page of its web server; 0 where nobody answers."""
        starting = self.events("starting")
        if not starting:
            return 0, ""
        try:
            answer = httpx.get(starting[0]["metrics"] + path, timeout=5)
        except httpx.TransportError:
            return 0, ""
        return answer.status_code, answer.text

    @property
    def partitions(self) -> list[int]:
        """Return what it said it owned when it was last ready."""
        ready = self.events("ready")
        return list(ready[-1]["partitions"]) if ready else []

    # -- how it fares

    @property
    def exit_code(self) -> int | None:
        """Return its exit code; None while it runs."""
        return self._process.poll()

    def is_ready(self) -> bool:
        """Say whether it is ready; raise if it has ended instead."""
        if self.exit_code is not None:
            raise RuntimeError(f"{self.name} ended with {self.exit_code} instead of becoming ready\n{self.tail()}")
        return self.get("/readyz")[0] == 200

    def wait_ready(self, seconds: float = 60) -> float:
        """Return how many seconds after its start it was ready."""
        wait_for(f"{self.name} ready", self.is_ready, seconds, self.tail)
        return time.monotonic() - self.started_at

    def tail(self, lines: int = 40) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.splitlines()[-lines:])

    # -- what happens to it

    def kill(self) -> None:
        """End it without warning, as `kill -9` does."""
        self._process.kill()
        self._process.wait()

    def suspend(self) -> None:
        """Stop the clock for it."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def terminate(self, seconds: float = 15) -> tuple[int, float]:
        """Ask it to stop; return its exit code and how long it took."""
        started = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        return self.wait(seconds), time.monotonic() - started

    def wait(self, seconds: float) -> int:
        """Return its exit code once it has ended."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            tail = self.tail()
            self.kill()
            raise TimeoutError(f"{self.name} has not ended within {seconds:.0f} s\n{tail}") from None
