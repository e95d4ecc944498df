"""Where a replay takes its alerts and its rules from: a file and a folder, or two topics of a broker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.domain.errors import ConfigurationError
from pipeline.exchange import interpret, read_lines
from pipeline.replay_control import ControlLog, read_control, recorded
from pipeline.schemas.outputs import CONTROL_TOPIC, RAW_TOPIC
from pipeline.topic_range import partition_count, read_range

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pipeline.exchange import Line
    from pipeline.kafka_connection import KafkaConnection


@dataclass(frozen=True)
class Source:
    """What a replay runs over."""

    lines: Iterator[Line]
    control: ControlLog
    partitions: int | None


def from_file(file: Path, control: Path | None, partitions: int | None) -> Source:
    """Return the alerts of a file under the rules of a folder or a recording; without one, under none.

    Raises:
        ConfigurationError: if the rules cannot be read.
    """
    log = ControlLog() if control is None else read_control(control)
    return Source((interpret(number, text) for number, text in read_lines(file)), log, partitions)


def from_topic(connection: KafkaConnection, since: int | None, until: int | None, control: Path | None) -> Source:
    """Return the alerts of alerts.raw between two times (ms), under the rules of that time or those of `control`.

    Raises:
        ConfigurationError: if there is no such topic, or the rules cannot be read.
        InfrastructureError: if Kafka stops answering.
    """
    if since is not None and until is not None and since >= until:
        raise ConfigurationError("--since is not before --until. Swap them, or leave one out.")
    if control is None:
        log = recorded(CONTROL_TOPIC, read_range(connection, CONTROL_TOPIC, until=until)).holding(since)
    else:
        log = read_control(control)
    lines = read_range(connection, RAW_TOPIC, since=since, until=until)
    return Source(lines, log, partition_count(connection, RAW_TOPIC))
