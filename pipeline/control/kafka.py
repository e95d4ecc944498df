"""The topic `control` for commands: the newest versions of some tenants' rules, and new versions of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from pipeline.domain.errors import InfrastructureError, RejectedRecordError
from pipeline.domain.partitioner import partition_of
from pipeline.kafka_io import Sender, next_records, partitions_of, reading
from pipeline.schemas.control_records import ControlRecord, Tombstone, as_bytes, is_newer, parse_control
from pipeline.topics import CONTROL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from confluent_kafka import Consumer, Message

    from pipeline.kafka_connection import KafkaConnection
    from pipeline.schemas.control_records import ControlKey

_LOOK_S: Final = 0.1
_PATIENCE: Final = 300  # looks without a record before the end of a partition: 30 s


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
        for message in _to_the_end(consumer, topic, {partition_of(tenant, count) for tenant in tenants}):
            key = message.key()
            if key is not None and key.partition(b"/")[0] in wanted:
                state.take(key, message.value(), f"{topic}/{message.partition()}/{message.offset()}")
    return state


def _to_the_end(consumer: Consumer, topic: str, partitions: Iterable[int]) -> Iterator[Message]:
    left = set(partitions)
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in sorted(left)])
    idle = 0
    while left:
        messages = next_records(consumer, _LOOK_S)
        idle = 0 if messages else idle + 1
        if idle > _PATIENCE:
            raise InfrastructureError(
                f"Kafka does not send the rest of {topic}. Check that its partitions have leaders."
            )
        for message in messages:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
            else:
                raise KafkaException(error)


class _ControlSender(Sender):
    """Sends each record to the partition of its tenant, which is not that of its key."""

    def __init__(self, connection: KafkaConnection, topic: str) -> None:
        super().__init__(connection, topic)
        self._partitions = len(partitions_of(self._producer, topic, connection))

    def write(self, record: ControlRecord) -> None:
        """Queue a record; wait while the queue is full."""
        partition = partition_of(record.tenant_id, self._partitions)
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    record.value,
                    as_bytes(record.key),
                    partition,
                    timestamp=record.updated_at,
                    on_delivery=self._report,
                )
            except BufferError:
                self.poll(_LOOK_S)
                continue
            return


def write_control(connection: KafkaConnection, records: Sequence[ControlRecord], topic: str = CONTROL.name) -> None:
    """Send versions, and return once Kafka has confirmed all of them.

    Raises:
        InfrastructureError: if some were not delivered; those that were count, and the same call may be made again.
    """
    if not records:
        return
    sender = _ControlSender(connection, topic)
    for record in records:
        sender.write(record)
    sender.finish()
