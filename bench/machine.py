"""What a figure was measured on: enough to judge it, nothing that names the machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypedDict

from pipeline.dev.lock import load_lock

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = (
    "faust-streaming",
    "aiokafka",
    "rocksdict",
    "msgspec",
    "confluent-kafka",
    "kafka-python",
    "uvloop",
    "lz4",
    "cramjam",
)


class Machine(TypedDict):
    """The facts beside every result."""

    cores: int
    cpu: str
    memory_gb: float
    system: str
    python: str
    java: str
    kafka: str
    libraries: dict[str, str]
    load_before: float
    date: str
    commit: str
    dirty: bool


def machine_facts() -> Machine:
    """Return what this machine and this checkout are, without host names or paths."""
    return Machine(
        cores=usable_cores(),
        cpu=cpu_model(),
        memory_gb=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        python=platform.python_version(),
        java=java_version(),
        kafka=load_lock().kafka,
        libraries=library_versions(),
        load_before=round(os.getloadavg()[0], 2),
        date=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        commit=said("git", "rev-parse", "--short=12", "HEAD") or "none",
        dirty=bool(said("git", "status", "--porcelain", "--", ".", ":!bench/results")),  # results differ after any run
    )


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_model(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the processor's name, or what the platform calls it."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or "unknown"


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that a figure depends on."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def java_version() -> str:
    """Return the version of the system's Java, or say that it brings none."""
    found = re.search(r'version "([^"]+)"', said("java", "-version"))
    return found[1] if found else "none on PATH"


def said(*command: str) -> str:
    """Return what a command printed, or nothing if it failed."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout + done.stderr).strip()
