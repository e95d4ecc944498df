"""Find Alertmanager on this machine, or install Debian's package of it without starting its service."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.domain.errors import CoreAlertsError

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = "prometheus-alertmanager"
NAMES = (PACKAGE, "alertmanager")
TIMEOUT_S = 300
SERVICE_POLICY = Path("/usr/sbin/policy-rc.d")  # Debian asks this program whether a new service may start
NO_SERVICE = "#!/bin/sh\nexit 101\n"


class PeerMissingError(CoreAlertsError):
    """A peer is not on this machine and could not be installed; the message says how to get it."""


def find() -> Path:
    """Return the program from PATH, installed from Debian's package if this is root on Debian and it is not there."""
    return on_path() or installed()


def on_path() -> Path | None:
    """Return the program if PATH holds it under one of its names."""
    return next((Path(found) for name in NAMES if (found := shutil.which(name))), None)


def installed() -> Path:
    """Install the package and return the program.

    Unpacking it elsewhere would not do: Debian's build reads its template from /usr/share.
    """
    if shutil.which("apt-get") is None:
        raise missing("there is no apt-get to install it with")
    if os.geteuid() != 0:
        raise missing("only root can install it")
    with service_start_forbidden():
        run("apt-get", "update")
        run("apt-get", "install", "--yes", "--no-install-recommends", PACKAGE)
    found = on_path()
    if found is None:
        raise missing(f"the package {PACKAGE} brought no such program")
    return found


@contextmanager
def service_start_forbidden(policy: Path = SERVICE_POLICY) -> Iterator[None]:
    """Let no package start its service meanwhile; a policy that is there already stays as it is."""
    if policy.exists():
        yield
        return
    policy.write_text(NO_SERVICE)
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def run(*command: str) -> None:
    """Run a command; where it fails, say so as the reason why the peer is missing."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise missing(f"`{' '.join(command)}` failed ({last})") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise missing(f"`{' '.join(command)}` failed ({error})") from error


def missing(why: str) -> PeerMissingError:
    """Return the error that says plainly that there is no peer to compare with."""
    return PeerMissingError(
        f"Alertmanager is missing: it is not on PATH, and {why}. "
        f"Install {PACKAGE} or put an alertmanager binary on PATH to have the comparison."
    )
