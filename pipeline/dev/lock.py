"""The exact jars of the development broker: `kafka.lock.json`, and how it is made again.

`python -m pipeline.dev.lock 4.1.2` resolves that release and writes the file.
"""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import jgo

from pipeline.dev.maven import repositories

LOCK_FILE = Path(__file__).with_name("kafka.lock.json")

# Kafka logs through SLF4J 1.7 and leaves the binding to whoever assembles the class path.
_SLF4J_BINDING = ("org.apache.logging.log4j", "log4j-slf4j-impl")
_LOG4J_CORE = ("org.apache.logging.log4j", "log4j-core")


@dataclass(frozen=True, slots=True, order=True)
class LockedJar:
    """One jar: where Maven keeps it, and what its bytes must hash to."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """Name of the file, unique among the jars of one lock."""
        return f"{self.artifact}-{self.version}.jar"


@dataclass(frozen=True, slots=True)
class KafkaLock:
    """One release of Kafka and every jar it runs on."""

    kafka: str
    jars: tuple[LockedJar, ...]


def load_lock(path: Path = LOCK_FILE) -> KafkaLock:
    """Return the lock that ships with this package."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return KafkaLock(kafka=document["kafka"], jars=tuple(LockedJar(**jar) for jar in document["jars"]))


def render_lock(lock: KafkaLock) -> str:
    """Return the text of a lock file: one jar a line, sorted, so that a change shows as a small difference."""
    jars = ",\n".join(f"    {json.dumps(asdict(jar))}" for jar in sorted(lock.jars))
    return f'{{\n  "kafka": {json.dumps(lock.kafka)},\n  "jars": [\n{jars}\n  ]\n}}\n'


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def resolve_lock(kafka_version: str) -> KafkaLock:
    """Resolve the run-time class path of one Kafka release from Maven, fetch it, and return its lock."""
    with tempfile.TemporaryDirectory() as folder:
        context = jgo.MavenContext(repo_cache=Path(folder), remote_repos=repositories(), timeout=30)
        kafka = context.create_dependency(f"org.apache.kafka:kafka_2.13:{kafka_version}")
        inputs, transitive = context.resolver.resolve([kafka])
        artifacts = {(one.groupId, one.artifactId): one.artifact for one in (*inputs, *transitive)}
        group, artifact = _SLF4J_BINDING
        binding = context.project(group, artifact).at_version(artifacts[_LOG4J_CORE].version)
        artifacts[_SLF4J_BINDING] = binding.artifact()
        with ThreadPoolExecutor(max_workers=8) as pool:
            jars = tuple(sorted(pool.map(_locked, artifacts.values())))
    return KafkaLock(kafka_version, jars)


def _locked(artifact: Any) -> LockedJar:
    return LockedJar(artifact.groupId, artifact.artifactId, artifact.version, sha256_of(artifact.resolve()))


if __name__ == "__main__":
    LOCK_FILE.write_text(render_lock(resolve_lock(sys.argv[1])), encoding="utf-8")
