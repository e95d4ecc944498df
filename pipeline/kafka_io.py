"""Producing to and reading from Kafka outside the workers: for commands and the demonstration, by confluent-kafka."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition

from pipeline.domain.errors import ConfigurationError, InfrastructureError
from pipeline.domain.partitioner import partition_of
from pipeline.kafka_admin import connected_admin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from confluent_kafka import Message

    from pipeline.kafka_connection import KafkaConnection

ANSWER_S: Final = 10.0
DELIVERY_S: Final = 30.0
_LARGEST_RECORD: Final = 2 * 1024 * 1024  # as alerts.raw and alerts.dlq take them
_QUEUED_BYTES: Final = 64 * 1024  # KiB
_POLL_EVERY: Final = 1000  # records; reports of delivery wait for a poll
_TAKE: Final = 1000  # records
_LOOK_S: Final = 0.1
_FULL_QUEUE_S: Final = 0.1
_BY_KEY: Final = -1  # librdkafka's own name for: let the partitioner choose

# librdkafka would write to stderr by itself; what matters of it reaches the operator in our own errors.
_SILENT = logging.getLogger("core_alerts.librdkafka")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class Sender:
    """Produce records to one topic; every record counts as delivered or failed once `finish` has returned."""

    def __init__(self, connection: KafkaConnection, topic: str, *, linger_ms: float = 5) -> None:
        _require_answer(connection)
        self.delivered = 0
        self.failures: list[str] = []
        """One text for each record that was not delivered."""
        self._topic = topic
        self._connection = connection
        self._unpolled = 0
        self._trouble = ""
        self._producer = Producer(
            {
                **connection.confluent(),
                "client.id": "core-alerts",
                "partitioner": "murmur2_random",  # as Kafka's own clients do: a tenant is where the worker expects it
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": linger_ms,
                "compression.type": "lz4",
                "message.max.bytes": _LARGEST_RECORD,
                "queue.buffering.max.kbytes": _QUEUED_BYTES,
                "delivery.timeout.ms": int(DELIVERY_S * 1000),
                "error_cb": self._note,
            },
            logger=_SILENT,
        )
        self._partitions = len(partitions_of(self._producer, topic, connection))

    def send(
        self,
        key: bytes | None,
        value: bytes | None,
        timestamp: int,
        headers: Sequence[tuple[str, bytes]] = (),
        *,
        tenant: str | None = None,
    ) -> None:
        """Queue a record; wait while the queue is full. It goes where its key belongs, or where `tenant` does."""
        partition = _BY_KEY if tenant is None else partition_of(tenant, self._partitions)
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    value,
                    key,
                    partition,
                    timestamp=timestamp,
                    headers=list(headers) or None,
                    on_delivery=self._report,
                )
            except BufferError:
                self._producer.poll(_FULL_QUEUE_S)
                continue
            except KafkaException as error:
                self.failures.append(error.args[0].str())
            break
        self._unpolled += 1
        if self._unpolled >= _POLL_EVERY:
            self.poll()

    def poll(self, seconds: float = 0) -> None:
        """Take in reports of delivery."""
        self._unpolled = 0
        self._producer.poll(seconds)

    def finish(self) -> None:
        """Wait until Kafka has confirmed every record; raise InfrastructureError if some were not delivered."""
        # Each record fails after DELIVERY_S by itself, so this ends.
        left = self._producer.flush(DELIVERY_S + ANSWER_S)
        if left or self.failures:
            why = self.failures[0] if self.failures else self._trouble or "no answer"
            message = (
                f"{left + len(self.failures)} records were not delivered to {self._topic} ({self.delivered} were): "
                f"{why}. Check the broker at {self._connection.bootstrap}, then send them again."
            )
            raise InfrastructureError(message)

    def _report(self, error: Any, _message: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self.failures.append(error.str())

    def _note(self, error: Any) -> None:
        self._trouble = error.str()


@contextmanager
def reading(
    connection: KafkaConnection, topic: str, *, from_beginning: bool, tell_ends: bool = False
) -> Iterator[Consumer]:
    """Lend a consumer of all partitions of a topic; it sees committed records only and commits nothing itself.

    Without `from_beginning` it starts with the first record produced after this call. With `tell_ends` it also
    hands out an error of the kind _PARTITION_EOF each time that nothing is left to read in a partition.
    """
    _require_answer(connection)
    consumer = Consumer(
        {
            **connection.confluent(),
            "client.id": "core-alerts",
            "group.id": "core-alerts-reader",  # librdkafka wants a name; no group is joined
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",  # where retention has removed what we were about to read
            "fetch.wait.max.ms": 100,
            "enable.partition.eof": tell_ends,
            "fetch.message.max.bytes": _LARGEST_RECORD,
        },
        logger=_SILENT,
    )
    try:
        places = [TopicPartition(topic, number) for number in partitions_of(consumer, topic, connection)]
        for place in places:
            place.offset = OFFSET_BEGINNING if from_beginning else end_of(consumer, place)
        consumer.assign(places)
        yield consumer
    except KafkaException as error:
        raise _failure(connection, error.args[0].str()) from error
    finally:
        consumer.close()


def records(consumer: Consumer, *, idle_s: float | None = None) -> Iterator[Message]:
    """Yield records as they come, until there was none for `idle_s` seconds; None waits for ever."""
    waited_since = time.monotonic()
    while True:
        for message in next_records(consumer, _LOOK_S):
            if message.error() is not None:
                raise KafkaException(message.error())
            yield message
            waited_since = time.monotonic()
        if idle_s is not None and time.monotonic() - waited_since >= idle_s:
            return


def next_records(consumer: Consumer, seconds: float) -> list[Message]:
    """Return what has come, as soon as there is something; nothing after `seconds`."""
    first = consumer.poll(seconds)  # consume() itself would wait until it has as many as it was asked for
    return [] if first is None else [first, *consumer.consume(_TAKE, 0)]


def partitions_of(client: Producer | Consumer, topic: str, connection: KafkaConnection) -> list[int]:
    """Return the partitions of a topic; raise where Kafka does not answer or has no such topic."""
    try:
        found = client.list_topics(topic, timeout=ANSWER_S).topics[topic]
    except KafkaException as error:
        raise _failure(connection, error.args[0].str()) from error
    if found.error is not None or not found.partitions:
        why = f" ({found.error.str()})" if found.error is not None else ""
        message = f"Kafka has no topic {topic}{why}. Check the name, or create it with `core-alerts topics create`."
        raise ConfigurationError(message)
    return sorted(found.partitions)


def _require_answer(connection: KafkaConnection) -> None:
    """Raise InfrastructureError where there is no broker: librdkafka would ask for it until its time is up."""
    with connected_admin(connection):
        pass


def end_of(consumer: Consumer, place: TopicPartition) -> int:
    """Return the offset behind the last record of a partition."""
    end: int = consumer.get_watermark_offsets(place, timeout=ANSWER_S)[1]
    return end


def _failure(connection: KafkaConnection, why: str) -> InfrastructureError:
    message = (
        f"Kafka at {connection.bootstrap} failed: {why}. Check the address (--config or CORE_ALERTS_BROKER) and that "
        "the broker runs; `core-alerts kafka start` starts one for development."
    )
    return InfrastructureError(message)
