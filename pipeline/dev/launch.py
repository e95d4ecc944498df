"""The Java side: Kafka's command line, the storage it needs once, and whether it answers."""

from __future__ import annotations

import os
import secrets
import subprocess
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING

from pipeline.dev.properties import HOST
from pipeline.domain.errors import InfrastructureError
from pipeline.kafka_admin import connected_admin
from pipeline.kafka_connection import KafkaConnection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.dev.state import Home

_FORMAT_TIMEOUT_S = 60
_ANSWER_TIMEOUT_S = 5.0

_SERVER_OPTIONS = (
    "-Xms256m",
    "-Xmx512m",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:+ExitOnOutOfMemoryError",
)
# The quick compiler alone: on two cores the thorough one takes half of one for the first minute of a broker's life,
# which is often all of it. After that it saves a third of what the broker takes.
_QUICK_COMPILER = "-XX:TieredStopAtLevel=1"
# A program of a second: only the quick compiler, and the collector that starts no threads.
_TOOL_OPTIONS = ("-Xmx128m", _QUICK_COMPILER, "-XX:+UseSerialGC")


def java_environment() -> dict[str, str]:
    """Return the environment for Java; where no language is set, one in which it can open every path."""
    return {"LANG": "C.UTF-8", **os.environ}


def kafka_command(java: Path, jars: Sequence[Path], home: Home, *, for_long: bool = False) -> list[str]:
    """Return the command that runs the broker of `home`, compiled thoroughly where it is to run `for_long`."""
    crash_report = home.log.with_name("crash-%p.log")
    options = [*_SERVER_OPTIONS, *(() if for_long else (_QUICK_COMPILER,)), f"-XX:ErrorFile={crash_report}"]
    return [*_java(java, jars, home, options), "kafka.Kafka", str(home.settings)]


def format_storage(java: Path, jars: Sequence[Path], home: Home) -> None:
    """Prepare an empty data folder for KRaft; a folder that is prepared stays as it is."""
    if (home.data / "meta.properties").exists():
        return
    # The leading zero byte keeps the identity from starting with "-", which reads like an option.
    cluster = urlsafe_b64encode(b"\0" + secrets.token_bytes(15)).decode().rstrip("=")
    tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "--cluster-id", cluster]
    command = [*_java(java, jars, home, _TOOL_OPTIONS), *tool, "--config", str(home.settings)]
    done = subprocess.run(  # noqa: S603 - our own command line, no shell
        command, env=java_environment(), capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        message = (
            f"Kafka could not prepare its storage in {home.data}: {(done.stdout + done.stderr).strip()[-2000:]}\n"
            f"Check that the folder is writable and the disk has room, or remove {home.root} to start afresh."
        )
        raise InfrastructureError(message)


def answers(port: int) -> bool:
    """Say whether the node on this port knows its cluster and takes requests."""
    try:
        with connected_admin(KafkaConnection(f"{HOST}:{port}"), _ANSWER_TIMEOUT_S) as admin:
            brokers = admin.describe_cluster()["brokers"]
    except InfrastructureError:
        return False
    return any(not broker.get("is_fenced", False) for broker in brokers)


def _java(java: Path, jars: Sequence[Path], home: Home, options: Sequence[str]) -> list[str]:
    class_path = os.pathsep.join(str(jar) for jar in jars)
    quiet = [f"-Dlog4j2.configurationFile={home.log4j}", "-Djava.awt.headless=true"]
    return [str(java), *options, *quiet, "-cp", class_path]
