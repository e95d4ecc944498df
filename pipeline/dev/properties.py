"""The development broker's configuration: one node that is broker and controller, on the loopback only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOST = "127.0.0.1"
CLIENT_LISTENER = "PLAINTEXT"
CONTROLLER_LISTENER = "CONTROLLER"
_NODE = 1
_ASCII_END = 0x80

# For one node and many short runs; what a production cluster sets differently is exactly this.
_DEVELOPMENT = {
    "process.roles": "broker,controller",
    "node.id": str(_NODE),
    "auto.create.topics.enable": "false",  # a misspelt topic is an error, not a new topic
    "num.partitions": "4",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",  # 50 by default, each a folder and a start-up cost
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",  # a worker gets its partitions at once
    "message.max.bytes": "4194304",
    "replica.fetch.max.bytes": "4194304",
    # After kill -9 the controller turns the node away until its former session has run out: 9 s by default.
    "broker.session.timeout.ms": "4000",
    "broker.heartbeat.interval.ms": "1000",
    "log.message.timestamp.type": "CreateTime",
}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the node listens: clients, the controller, and every extra listener by name."""

    client: int
    controller: int
    extra: Mapping[str, int] = field(default_factory=dict)


def server_properties(
    data: Path, ports: Ports, protocols: Mapping[str, str], properties: Mapping[str, str]
) -> dict[str, str]:
    """Return the node's settings; `protocols` gives each extra listener its security protocol, `properties` win."""
    listening = {CLIENT_LISTENER: ports.client, **ports.extra}
    addresses = [f"{name}://{HOST}:{port}" for name, port in listening.items()]
    controller = f"{CONTROLLER_LISTENER}://{HOST}:{ports.controller}"
    security = {CLIENT_LISTENER: "PLAINTEXT", CONTROLLER_LISTENER: "PLAINTEXT", **protocols}
    return {
        **_DEVELOPMENT,
        "log.dirs": str(data),
        "listeners": ",".join([*addresses, controller]),
        "advertised.listeners": ",".join(addresses),
        "inter.broker.listener.name": CLIENT_LISTENER,
        "controller.listener.names": CONTROLLER_LISTENER,
        "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in security.items()),
        # The static form: it stores no address in the data, so the controller may move to another port.
        "controller.quorum.voters": f"{_NODE}@{HOST}:{ports.controller}",
        **properties,
    }


def render_properties(properties: Mapping[str, str]) -> str:
    """Return the text of a Java properties file."""
    return "".join(f"{key}={_escape(value)}\n" for key, value in properties.items())


def _escape(value: str) -> str:
    text = value.replace("\\", "\\\\").replace("\n", "\\n")
    # Java reads these files as Latin-1, with UTF-16 escapes for the rest.
    units = text.encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    text = "".join(chr(code) if code < _ASCII_END else f"\\u{code:04x}" for code in codes)
    return "\\" + text if text.startswith(" ") else text


def log4j_properties(log: Path) -> str:
    """Return a Log4j 2 configuration that writes to one file, which is rolled at 10 MB and kept twice."""
    return render_properties(
        {
            "status": "error",
            "appender.file.type": "RollingFile",
            "appender.file.name": "file",
            "appender.file.fileName": str(log),
            "appender.file.filePattern": f"{log}.%i",
            "appender.file.layout.type": "PatternLayout",
            "appender.file.layout.pattern": "[%d] %p %m (%c)%n",
            "appender.file.policies.type": "Policies",
            "appender.file.policies.size.type": "SizeBasedTriggeringPolicy",
            "appender.file.policies.size.size": "10MB",
            "appender.file.strategy.type": "DefaultRolloverStrategy",
            "appender.file.strategy.max": "2",
            "rootLogger.level": "info",
            "rootLogger.appenderRef.file.ref": "file",
        }
    )
