"""A worker as a child process, for commands that run everything on one machine."""

from __future__ import annotations

import http.client
import subprocess
import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pipeline.dev.processes import wait_until
from pipeline.dev.properties import HOST
from pipeline.domain.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

READY_S: Final = 60.0
_STOP_S: Final = 15.0
_LOG_LINES: Final = 15
_PROBE_S: Final = 1.0


class WorkerProcess:
    """One `core-alerts worker`, logging to a file. A signal to its parent's terminal does not reach it."""

    def __init__(self, environ: Mapping[str, str], web_port: int, log: Path) -> None:
        self.log = log
        self.web_port = web_port
        with log.open("wb") as file:
            self._process = subprocess.Popen(  # this program itself
                [sys.executable, "-m", "pipeline.cli", "worker"],
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process number."""
        return self._process.pid

    def runs(self) -> bool:
        """Say whether it has not ended."""
        return self._process.poll() is None

    def check(self) -> None:
        """Raise InfrastructureError with the end of its log if it has ended by itself."""
        if not self.runs():
            raise InfrastructureError(
                self.explain(f"The worker ended by itself (exit code {self._process.returncode})")
            )

    def explain(self, what: str) -> str:
        """Return what happened together with the end of the log, where the reason stands."""
        lines = self.log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES:]
        told = "\n".join(f"  {line}" for line in lines) or "  (nothing was logged)"
        return f"{what}. The end of its log, {self.log}:\n{told}\nMend what the log names, and start again."

    def wait_until_ready(self) -> None:
        """Return once it processes alerts; raise InfrastructureError if it ends or takes too long."""
        wait_until(lambda: not self.runs() or self._is_ready(), READY_S)
        self.check()
        if not self._is_ready():
            raise InfrastructureError(self.explain(f"The worker is not ready after {READY_S:.0f} s"))

    def stop(self) -> None:
        """Ask it to stop, kill it if it does not, and return once it is gone."""
        if not self.runs():
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _is_ready(self) -> bool:
        probe = http.client.HTTPConnection(HOST, self.web_port, timeout=_PROBE_S)
        try:
            probe.request("GET", "/readyz")
            return probe.getresponse().status == HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            probe.close()
