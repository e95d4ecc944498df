"""A detached process, and whether a process number still means the process it was written down for."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_POLL_S = 0.05


def spawn_detached(command: list[str], environ: Mapping[str, str], output: Path) -> int:
    """Start a program in a session of its own, its output in a file, and return its process number."""
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    # Not subprocess: its objects insist on being waited for, and this process outlives the one that starts it.
    return os.posix_spawn(
        command[0],
        command,
        environ,
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(output), write, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )


def birth_of(pid: int) -> str | None:
    """Return when the process was started, in the system's own form, or None if no such process runs.

    Two processes that get the same number have different births.
    """
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child of ours that has ended lingers until somebody asks
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _birth_from_ps(pid)
    state, started = fields[0], fields[19]
    return None if state in "ZX" else started


def _birth_from_ps(pid: int) -> str | None:
    answer = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = answer.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None


def end(pid: int, birth: str, patience_s: float) -> None:
    """Ask the process to stop, kill it after `patience_s`, and return once it is gone."""
    for signal_number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 5.0)):
        if birth_of(pid) != birth:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal_number)
        if wait_until(lambda: birth_of(pid) != birth, wait_s):
            return


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Ask `condition` until it is true or the time is up; return its last answer."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(_POLL_S)
    return True
