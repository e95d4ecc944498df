"""The incidents of a demonstration, beside the faults that were injected when the alerts were recorded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.control.kafka import write_control
from pipeline.dev.outcome import is_live
from pipeline.schemas.control_records import ControlKey, new_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from confluent_kafka import Message

    from pipeline.dev.playback import Episode
    from pipeline.kafka_connection import KafkaConnection

TOPOLOGY: Final = Path(__file__).parent / "sample" / "topology.json"
_FEWEST: Final = 5
"""Alerts of an incident that is compared with a fault."""


class Said(msgspec.Struct, frozen=True):
    """What counts of one record of alerts.correlated."""

    tenant_id: str
    incident: str
    change: str
    title: str
    member_count: int
    first_seen_at: datetime
    root_causes: list[dict[str, Any]]
    aliases: list[str] = []


@dataclass(frozen=True, slots=True)
class Judged:
    """How incidents of some size compare with the faults that began when they did."""

    incidents: int
    named_first: int
    """Of those, the ones whose first root cause is the entity that the fault was injected into."""
    named_in_three: int
    example: Said | None
    truth: str


_decode = msgspec.json.Decoder(Said).decode


class Incidents:
    """Everything that was read from alerts.correlated: each incident as it was told last."""

    def __init__(self) -> None:
        self.last: dict[str, Said] = {}
        self.changes = 0

    def take(self, message: Message, _moment: float) -> None:
        """Take a record of alerts.correlated."""
        said = _decode(message.value() or b"")
        if is_live(said.tenant_id):
            return
        self.changes += 1
        for alias in said.aliases:
            self.last.pop(alias, None)
        self.last[said.incident] = said

    def judged(self, faults: Iterable[tuple[str, datetime, str]]) -> Judged:
        """Compare the larger incidents with the faults, given as (tenant, when it began, what it was injected into)."""
        begun: dict[str, list[tuple[datetime, str]]] = {}
        for tenant, at, cause in sorted(faults):
            begun.setdefault(tenant, []).append((at, cause))
        first = three = count = 0
        example: tuple[int, Said, str] | None = None
        for said in self.last.values():
            before = [cause for at, cause in begun.get(said.tenant_id, ()) if at <= said.first_seen_at]
            if said.member_count < _FEWEST or not before:
                continue
            count += 1
            named = [one["node"] for one in said.root_causes]
            first += named[:1] == before[-1:]
            three += before[-1] in named[:3]
            if named[:1] == before[-1:] and (example is None or said.member_count > example[0]):
                example = said.member_count, said, before[-1]
        return Judged(count, first, three, example and example[1], example[2] if example else "")


def write_topologies(connection: KafkaConnection, now_ms: int) -> None:
    """Write what the recorded systems are made of to the topic control."""
    graphs = msgspec.json.decode(TOPOLOGY.read_bytes(), type=dict[str, dict[str, Any]])
    write_control(
        connection,
        [
            new_record(
                ControlKey(tenant, "topology", "system"), 1, "demo", now_ms, "as recorded", msgspec.json.encode(graph)
            )
            for tenant, graph in graphs.items()
        ],
    )


def injected(episodes: Iterable[Episode], shift: timedelta) -> Iterator[tuple[str, datetime, str]]:
    """Yield (tenant, when its first alert comes, what it was injected into) of each fault behind some episodes."""
    seen: set[str] = set()
    for episode in episodes:
        truth = episode.extra.get("truth")
        if truth is not None and truth["incident"] not in seen:
            seen.add(truth["incident"])
            yield episode.tenant_id, episode.starts_at + shift, truth["root_cause"]
