"""Partitions of a topic, read up to where they end when the reading begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, TopicPartition

from pipeline.domain.errors import InfrastructureError
from pipeline.domain.partitioner import partition_of
from pipeline.kafka_io import ANSWER_S, end_of, next_records, partitions_of, reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

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
        number = partition_of(tenant, len(partitions_of(consumer, topic, connection)))
        yield from read_to_the_ends(consumer, topic, begins_at(consumer, topic, [number], since))


def begins_at(consumer: Consumer, topic: str, numbers: Iterable[int], since: int | None) -> dict[int, int]:
    """Return where to begin to read each partition; one that has nothing from `since` (ms) on is left out."""
    if since is None:
        return dict.fromkeys(numbers, OFFSET_BEGINNING)
    asked = [TopicPartition(topic, number, since) for number in numbers]
    found = consumer.offsets_for_times(asked, timeout=ANSWER_S)
    for place in found:
        if place.error is not None:
            raise KafkaException(place.error)
    return {place.partition: place.offset for place in found if place.offset >= 0}


def read_to_the_ends(consumer: Consumer, topic: str, begins: Mapping[int, int]) -> Iterator[Message]:
    """Yield the records of some partitions, each from where it begins, as far as they are committed.

    Of a partition that ends in a transaction which is not over, these are the records before that.

    Raises:
        InfrastructureError: if Kafka stops sending.
    """
    ends = {number: end_of(consumer, TopicPartition(topic, number)) for number in begins}
    left = {number for number, begin in begins.items() if begin < ends[number] and ends[number] > 0}
    consumer.assign([TopicPartition(topic, number, begins[number]) for number in sorted(left)])
    idle = 0
    while left:
        messages = next_records(consumer, _LOOK_S)
        idle = 0 if messages else idle + 1
        if idle > _PATIENCE:
            raise InfrastructureError(
                f"Kafka does not send the rest of {topic}. Check that its partitions have leaders."
            )
        for message in messages:
            number, error = message.partition(), message.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                left.discard(number)
            elif number in left:
                if message.offset() < ends[number]:
                    yield message
                if message.offset() + 1 >= ends[number]:
                    left.discard(number)
