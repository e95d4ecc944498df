"""Kafka's jars on this machine: fetched once into a cache, and trusted only with the right SHA-256."""

from __future__ import annotations

import json
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import jgo

from pipeline.dev.file_lock import one_at_a_time
from pipeline.dev.lock import load_lock, sha256_of
from pipeline.dev.maven import repositories
from pipeline.domain.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pipeline.dev.lock import KafkaLock, LockedJar

_VERIFIED_FILE = "verified.json"
_TRIES = 3
_DOWNLOADS_AT_ONCE = 8
_TIMEOUT_S = 30
_REMEDY = (
    "Set the network up for Maven (HTTPS_PROXY, REQUESTS_CA_BUNDLE, or a mirror in ~/.m2/settings.xml) and start "
    "again; or run `docker compose up -d kafka`; or point CORE_ALERTS_BROKER to a broker that already runs."
)


class Fetch(Protocol):
    """A way to get jars."""

    def __call__(self, jar: LockedJar, folder: Path) -> Path:
        """Bring one jar into a folder and return where it lies; raise OSError or RuntimeError when that fails."""


def cache_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder for what can be fetched again: CORE_ALERTS_CACHE_DIR, else XDG's cache folder."""
    if chosen := environ.get("CORE_ALERTS_CACHE_DIR"):
        return Path(chosen).expanduser()
    base = environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "core-alerts"


def fetch_from_maven(jar: LockedJar, folder: Path) -> Path:
    """Download one jar from the first repository that has it."""
    context = jgo.MavenContext(repo_cache=folder, remote_repos=repositories(), timeout=_TIMEOUT_S)
    artifact: Any = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    return Path(artifact.resolve())


def ensure_jars(
    progress: Callable[[str], None],
    *,
    lock: KafkaLock | None = None,
    cache: Path | None = None,
    fetch: Fetch = fetch_from_maven,
) -> list[Path]:
    """Return every jar of the lock, verified; those that are missing, cut short or altered are fetched (again)."""
    lock = lock or load_lock()
    folder = (cache or cache_dir()) / f"kafka-{lock.kafka}"
    folder.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(folder / "fetch.lock"):
        verified = _load_verified(folder)
        missing = [jar for jar in lock.jars if not _is_trusted(folder / jar.filename, jar.sha256, verified)]
        if missing:
            progress(f"Fetching Apache Kafka {lock.kafka}: {len(missing)} of {len(lock.jars)} jars, into {folder}")
            _fetch_all(missing, folder, fetch)
            verified |= {jar.filename: _seal(folder / jar.filename, jar.sha256) for jar in missing}
        (folder / _VERIFIED_FILE).write_text(json.dumps(verified), encoding="utf-8")
    return [folder / jar.filename for jar in lock.jars]


def _is_trusted(path: Path, sha256: str, verified: dict[str, list[object]]) -> bool:
    """Say whether the file holds the locked bytes; it is read only if it changed since that was last found true."""
    if not path.is_file():
        return False
    if verified.get(path.name) == _seal(path, sha256):
        return True
    if sha256_of(path) != sha256:
        path.unlink()
        return False
    verified[path.name] = _seal(path, sha256)
    return True


def _seal(path: Path, sha256: str) -> list[object]:
    """Return what must stay the same for a file to need no second reading."""
    stat = path.stat()
    return [sha256, stat.st_size, stat.st_mtime_ns]


def _load_verified(folder: Path) -> dict[str, list[object]]:
    try:
        found = json.loads((folder / _VERIFIED_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # only a shortcut: without it every jar is hashed again
    return found if isinstance(found, dict) else {}


def _fetch_all(jars: list[LockedJar], folder: Path, fetch: Fetch) -> None:
    # Downloads land beside the cache and are moved in when whole, so a killed download leaves no half jar behind.
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix="fetch-") as landing,
        ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool,
    ):
        try:
            list(pool.map(lambda jar: _fetch_one(jar, folder, Path(landing), fetch), jars))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # do not try the other forty first
            raise


def _fetch_one(jar: LockedJar, folder: Path, landing: Path, fetch: Fetch) -> None:
    trouble = ""
    for attempt in range(_TRIES):
        try:
            fetched = fetch(jar, landing / f"{jar.filename}-{attempt}")
        except (OSError, RuntimeError) as error:
            trouble = str(error)
            continue
        found = sha256_of(fetched)
        if found == jar.sha256:
            fetched.replace(folder / jar.filename)
            return
        trouble = f"what arrived has SHA-256 {found} where the lock says {jar.sha256}"
    message = f"{jar.filename} of the development broker could not be fetched ({_TRIES} tries): {trouble}. {_REMEDY}"
    raise InfrastructureError(message)
