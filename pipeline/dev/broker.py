"""Start, stop and look at the development broker: Apache Kafka, one node, in a folder of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from pipeline.dev.artifacts import ensure_jars
from pipeline.dev.file_lock import one_at_a_time
from pipeline.dev.java import find_java
from pipeline.dev.launch import answers, format_storage, java_environment, kafka_command
from pipeline.dev.lock import load_lock
from pipeline.dev.ports import choose_port, is_free
from pipeline.dev.processes import birth_of, end, spawn_detached, wait_until
from pipeline.dev.properties import HOST, Ports, log4j_properties, render_properties, server_properties
from pipeline.dev.state import Home, Record, load_record, save_record
from pipeline.domain.errors import ConfigurationError, InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

START_TIMEOUT_S = 60.0
STOP_PATIENCE_S = 20.0
_LOG_LINES = 15
_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that answers."""

    bootstrap: str
    pid: int
    data_dir: Path
    log: Path
    listeners: Mapping[str, str] = field(default_factory=dict)
    """Address of every extra listener, by its name."""


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """What is known about the broker of a data directory; `broker` is None unless its process runs."""

    broker: Broker | None
    answers: bool
    kafka: str | None = None
    started_at: str | None = None


def start(
    data_dir: Path,
    port: int | None = None,
    *,
    progress: Callable[[str], None] = lambda _: None,
    properties: Mapping[str, str] = _NOTHING,
    listeners: Mapping[str, str] = _NOTHING,
    for_long: bool = False,
) -> Broker:
    """Return the broker of `data_dir`, started if it does not run, once it answers.

    A data directory keeps its ports and its data across restarts. `listeners` adds listeners (name → security
    protocol, such as SASL_SSL) and `properties` settings of Kafka's; both count when the broker is started, and
    neither changes one that already runs. One that is to run `for_long` is slower for its first minute, and then faster
    than others. Raises InfrastructureError where jars, Java or the broker fail.
    """
    home = Home.of(data_dir)
    _make(home)
    with one_at_a_time(home.lock):
        record = load_record(home)
        if record is not None and _runs(record):
            _refuse_other_port(home, record, port)
            _await_answer(home, record)
            return _broker(data_dir, home, record)  # started by somebody else, so never stopped from here
        jars = ensure_jars(progress)
        java = find_java()
        ports = _choose_ports(home, record.ports if record else None, port, listeners)
        record = Record(ports, load_lock().kafka)
        save_record(home, record)
        _write_settings(home, ports, listeners, properties)
        format_storage(java.path, jars, home)
        progress(
            f"Starting Apache Kafka {record.kafka} (Java {java.release}) on {HOST}:{ports.client}, data in {home.root}"
        )
        record = _launch(home, record, kafka_command(java.path, jars, home, for_long=for_long))
        try:
            _await_answer(home, record)
        except InfrastructureError:
            _forget(home, record)  # what does not work is not left running
            raise
        return _broker(data_dir, home, record)


def stop(data_dir: Path) -> bool:
    """Stop the broker of `data_dir`, keep its data and its ports, and say whether one ran."""
    home = Home.of(data_dir)
    if not home.root.is_dir():
        return False
    with one_at_a_time(home.lock):
        record = load_record(home)
        if record is None:
            return False
        running = _runs(record)
        _forget(home, record)
        return running


def status(data_dir: Path) -> BrokerStatus:
    """Return what is known about the broker of `data_dir`, without changing anything."""
    home = Home.of(data_dir)
    record = load_record(home)
    if record is None or not _runs(record):
        return BrokerStatus(broker=None, answers=False, kafka=record.kafka if record else None)
    return BrokerStatus(_broker(data_dir, home, record), answers(record.ports.client), record.kafka, record.started_at)


def _runs(record: Record) -> bool:
    """Say whether the recorded process still runs; a later process with its number does not count."""
    return record.pid is not None and record.birth is not None and birth_of(record.pid) == record.birth


def _broker(data_dir: Path, home: Home, record: Record) -> Broker:
    extra = {name: f"{HOST}:{port}" for name, port in record.ports.extra.items()}
    return Broker(f"{HOST}:{record.ports.client}", record.pid or 0, data_dir, home.log, extra)


def _refuse_other_port(home: Home, record: Record, port: int | None) -> None:
    if port is not None and port != record.ports.client:
        message = (
            f"The broker of {home.root} already runs on port {record.ports.client}, not {port}. "
            "Stop it first, or leave the port out."
        )
        raise InfrastructureError(message)


def _choose_ports(home: Home, known: Ports | None, wanted: int | None, listeners: Mapping[str, str]) -> Ports:
    """Return the ports to listen on: the wanted one, else those of the last time, else free ones."""
    client = wanted or (known.client if known else None)
    if client is not None and not is_free(client):
        message = (
            f"Port {client} of the development broker is taken by another program. "
            "Stop that program, or start the broker on another port with --port (clients must then use that one)."
        )
        raise InfrastructureError(message)
    taken: set[int] = set()

    def settle(before: int | None) -> int:
        keep = before is not None and before not in taken and is_free(before)
        chosen = before if keep and before is not None else choose_port(home.root, taken)
        taken.add(chosen)
        return chosen

    client = settle(client)
    extra = {name: settle(known.extra.get(name) if known else None) for name in listeners}
    return Ports(client, settle(known.controller if known else None), extra)


def _make(home: Home) -> None:
    """Create the folders of a broker."""
    if "," in str(home.root):
        message = f"Kafka separates its folders by commas, so its data cannot be in {home.root}. Choose another folder."
        raise ConfigurationError(message)
    try:
        home.log.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        message = f"The data folder {home.root} cannot be created: {error}. Choose one that you may write to."
        raise ConfigurationError(message) from error


def _write_settings(home: Home, ports: Ports, listeners: Mapping[str, str], properties: Mapping[str, str]) -> None:
    home.settings.touch(mode=0o600)  # before the content: it may hold a listener's passwords
    settings = server_properties(home.data, ports, listeners, properties)
    home.settings.write_text(render_properties(settings), encoding="utf-8")
    home.log4j.write_text(log4j_properties(home.log), encoding="utf-8")


def _launch(home: Home, record: Record, command: list[str]) -> Record:
    """Start the process and write it down."""
    pid = spawn_detached(command, java_environment(), home.console)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    started = replace(record, pid=pid, birth=birth_of(pid), started_at=now)
    save_record(home, started)
    return started


def _await_answer(home: Home, record: Record) -> None:
    """Return once the broker answers; raise if its process ends or takes too long."""
    answered = wait_until(lambda: not _runs(record) or answers(record.ports.client), START_TIMEOUT_S)
    if answered and _runs(record):
        return
    what = f"has not answered for {START_TIMEOUT_S:.0f} s" if _runs(record) else "ended while starting"
    message = (
        f"The development broker of {home.root} {what}. The end of its log:\n{_last_words(home)}\n"
        f"Read {home.log}, mend what it names, and start again; removing {home.root} starts afresh without its data."
    )
    raise InfrastructureError(message)


def _forget(home: Home, record: Record) -> None:
    """End the recorded process if it runs, and keep the ports only."""
    if record.pid is not None and record.birth is not None:
        end(record.pid, record.birth, STOP_PATIENCE_S)
    save_record(home, replace(record, pid=None, birth=None, started_at=None))


def _last_words(home: Home) -> str:
    """Return the last lines of the log, and of the console, where a Java that cannot even log speaks."""
    files = [file for file in (home.log, home.console) if file.exists()]
    lines = [
        f"  {line}"
        for file in files
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
    ]
    return "\n".join(lines) or "  (nothing was logged)"
