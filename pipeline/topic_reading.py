"""One tenant's partition of a topic, read up to where it ends when the reading begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, TopicPartition

from pipeline.domain.errors import InfrastructureError
from pipeline.domain.partitioner import partition_of
from pipeline.kafka_io import ANSWER_S, end_of, next_records, partitions_of, reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Consumer, Message

    from pipeline.kafka_connection import KafkaConnection

_LOOK_S: Final = 0.1
_PATIENCE: Final = 300  # looks in a row without a record: 30 s


def read_partition(
    connection: KafkaConnection, topic: str, tenant: str, *, since: int | None = None
) -> Iterator[Message]:
    """Yield the committed records of the partition that a tenant's are in, from `since` (ms) on.

    Records that come in meanwhile are not among them, so this ends also where more come than can be read.
    """
    with reading(connection, topic, from_beginning=True, tell_ends=True) as consumer:
        place = TopicPartition(topic, partition_of(tenant, len(partitions_of(consumer, topic, connection))))
        place.offset = OFFSET_BEGINNING if since is None else _first_at(consumer, place, since)
        end = end_of(consumer, place)
        if end == 0 or place.offset == OFFSET_END or place.offset >= end:
            return
        consumer.assign([place])
        yield from _until(consumer, topic, end)


def _first_at(consumer: Consumer, place: TopicPartition, since: int) -> int:
    asked = TopicPartition(place.topic, place.partition, since)
    (found,) = consumer.offsets_for_times([asked], timeout=ANSWER_S)
    if found.error is not None:
        raise KafkaException(found.error)
    offset: int = found.offset
    return offset


def _until(consumer: Consumer, topic: str, end: int) -> Iterator[Message]:
    idle = 0
    while True:
        messages = next_records(consumer, _LOOK_S)
        idle = 0 if messages else idle + 1
        if idle > _PATIENCE:
            raise InfrastructureError(
                f"Kafka does not send the rest of {topic}. Check that its partitions have leaders."
            )
        for message in messages:
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    return  # what stands before `end` then is no record, or is not committed
                raise KafkaException(error)
            if message.offset() >= end:
                return
            yield message
            if message.offset() + 1 == end:
                return
