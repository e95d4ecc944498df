"""The topic `control` for commands: the newest versions of some tenants' rules, and new versions of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.partitioner import partition_of
from pipeline.kafka_io import Sender, partitions_of, reading
from pipeline.schemas.control_records import ControlRecord, Tombstone, as_bytes, is_newer, parse_control
from pipeline.topic_reading import begins_at, read_to_the_ends
from pipeline.topics import CONTROL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.kafka_connection import KafkaConnection
    from pipeline.schemas.control_records import ControlKey


@dataclass
class ControlState:
    """What the topic says."""

    records: dict[ControlKey, ControlRecord] = field(default_factory=dict)
    """The newest version of each rule, also of those that it deletes."""
    refused: list[str] = field(default_factory=list)
    """One text for each record that no worker would take either."""

    def take(self, key: bytes | None, value: bytes | None, place: str) -> None:
        """Take a record in; the order in which versions come does not matter."""
        try:
            found = parse_control(key, value)
        except RejectedRecordError as error:
            self.refused.append(f"{place}: {error}")
            return
        if isinstance(found, Tombstone):
            self.records.pop(found.key, None)
            return
        known = self.records.get(found.key)
        if known is None or is_newer(found, known):
            self.records[found.key] = found


def read_control(connection: KafkaConnection, tenants: Sequence[str], topic: str = CONTROL.name) -> ControlState:
    """Return the newest versions of the rules of these tenants, all that were written before this call among them."""
    state = ControlState()
    wanted = {tenant.encode() for tenant in tenants}
    with reading(connection, topic, from_beginning=True, tell_ends=True) as consumer:
        count = len(partitions_of(consumer, topic, connection))
        numbers = {partition_of(tenant, count) for tenant in tenants}
        for message in read_to_the_ends(consumer, topic, begins_at(consumer, topic, numbers, None)):
            key = message.key()
            if key is not None and key.partition(b"/")[0] in wanted:
                state.take(key, message.value(), f"{topic}/{message.partition()}/{message.offset()}")
    return state


def write_control(connection: KafkaConnection, records: Sequence[ControlRecord], topic: str = CONTROL.name) -> None:
    """Send versions, and return once Kafka has confirmed all of them.

    Raises:
        InfrastructureError: if some were not delivered; those that were count, and the same call may be made again.
    """
    if not records:
        return
    sender = Sender(connection, topic)
    for record in records:
        sender.send(as_bytes(record.key), record.value, record.updated_at, tenant=record.tenant_id)
    sender.finish()
