"""A range of time of a topic: from the first record that is not older than its begin to the first that is at its end.

That is a range of offsets in each partition. Kafka knows where it begins, and to within a little where it ends: the
marks that transactions leave have times of their own. What was written after the call is not read.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from pipeline.domain.errors import ConfigurationError, InfrastructureError
from pipeline.domain.timestamps import to_ms
from pipeline.durations import parse_duration
from pipeline.exchange import Line, Place
from pipeline.kafka_io import end_of, next_records, partitions_of, reading
from pipeline.topic_reading import begins_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Consumer, Message

    from pipeline.kafka_connection import KafkaConnection

_LOOK_S: Final = 0.1
_ASSIGN_EVERY: Final = 10  # looks without a record
_PATIENCE: Final = 300  # looks without a record before the end of a partition: 30 s
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


def moment_of(option: str, text: str, now: int) -> int:
    """Return the moment (ms) that a text names: RFC 3339 with an offset, or how long before `now`, such as 2h.

    Raises:
        ConfigurationError: naming the option.
    """
    try:
        if "T" in text and not text.startswith("P"):
            moment = to_ms(msgspec.convert(text, _Moment))
        else:
            moment = now - parse_duration(text) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        moment = None
    if moment is None or moment < 0:
        raise ConfigurationError(f"{option}: {text!r} is no time. Write 2026-11-26T10:00:00Z, or how long ago: 2h.")
    return moment


def partition_count(connection: KafkaConnection, topic: str) -> int:
    """Return how many partitions a topic has.

    Raises:
        ConfigurationError: if there is no such topic.
        InfrastructureError: if Kafka does not answer.
    """
    with reading(connection, topic, from_beginning=True) as consumer:
        return len(partitions_of(consumer, topic, connection))


def read_range(
    connection: KafkaConnection, topic: str, *, since: int | None = None, until: int | None = None
) -> Iterator[Line]:
    """Yield the committed records of a topic between two times (ms); without one, from the oldest or to the newest.

    Those of one partition come in their order; in which order partitions take turns is not defined.

    Raises:
        ConfigurationError: if there is no such topic.
        InfrastructureError: if Kafka stops answering.
    """
    with reading(connection, topic, from_beginning=True, tell_ends=True) as consumer:
        numbers = partitions_of(consumer, topic, connection)
        begins = begins_at(consumer, topic, numbers, since)
        ends = {number: end_of(consumer, TopicPartition(topic, number)) for number in numbers}
        begun: set[int] = set()
        for message in _between(consumer, topic, begins, ends, until):
            if message.partition() not in begun:
                at = _moment(message)
                if since is not None and at is not None and at < since:
                    continue
                begun.add(message.partition())
            yield _line(message)


def _moment(message: Message) -> int | None:
    kind, timestamp = message.timestamp()
    return timestamp if kind and timestamp >= 0 else None


def _between(
    consumer: Consumer, topic: str, begins: dict[int, int], ends: dict[int, int], until: int | None
) -> Iterator[Message]:
    left = {number: begin for number, begin in begins.items() if begin < ends[number]}  # where to go on
    idle = 0
    while left:
        # Assigned anew: an end that was reported once is not reported again when only a marker follows.
        if idle % _ASSIGN_EVERY == 0:
            consumer.assign([TopicPartition(topic, number, offset) for number, offset in sorted(left.items())])
        messages = next_records(consumer, _LOOK_S)
        idle += 1
        if idle > _PATIENCE:
            raise InfrastructureError(
                f"Kafka does not send the rest of {topic}. Check that its partitions have leaders, and whether a "
                "producer died in the middle of a transaction."
            )
        for message in messages:
            number, offset, error = message.partition(), message.offset(), message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if number not in left:
                continue
            if error is None:
                idle = 1
                at = _moment(message)
                is_over = until is not None and at is not None and at >= until
                if offset < ends[number] and not is_over:
                    yield message
                offset = left[number] = ends[number] if is_over else offset + 1
            if offset >= ends[number]:
                del left[number]
                consumer.pause([TopicPartition(topic, number)])


def _line(message: Message) -> Line:
    return Line(
        0,
        message.key(),
        message.value(),
        [(name, text or b"") for name, text in message.headers() or ()],
        _moment(message),
        Place(message.topic(), message.partition(), message.offset()),
    )
