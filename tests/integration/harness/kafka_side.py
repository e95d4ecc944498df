"""The broker seen from outside: readers that keep their place, and what a group has committed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S = 30.0
_QUIET = {"log_level": 2, "enable.auto.commit": False}
_PAGE = 5000


class Read(NamedTuple):
    """One record as it was read. Like a record of aiokafka's, so that a step takes it as it is."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def header(self, name: str) -> bytes | None:
        """Return the first header of this name."""
        return next((value for key, value in self.headers if key == name), None)


class TopicReader:
    """Everything that committed transactions, and producers without one, wrote to a topic since some offsets."""

    def __init__(
        self, settings: Mapping[str, str], topic: str, start: Mapping[int, int], isolation: str = "read_committed"
    ) -> None:
        self.records: list[Read] = []
        self._partitions = len(start)
        reading = {"group.id": "reader", "enable.partition.eof": True, "isolation.level": isolation}
        self._consumer = Consumer({**settings, **_QUIET, **reading})
        self._consumer.assign([TopicPartition(topic, p, at or OFFSET_BEGINNING) for p, at in start.items()])
        self._ended: set[int] = set()

    def read_to_end(self) -> list[Read]:
        """Return all records from the start to the end that every partition has now."""
        # An end that was reported earlier is not reported again until something new was read: ask for it anew.
        places = self._consumer.position(self._consumer.assignment())
        for place in places:
            if place.partition in self._ended:
                self._consumer.seek(place)
        self._ended = set()
        while len(self._ended) < self._partitions:
            messages = self._consumer.consume(_PAGE, 1.0)
            for message in messages:
                error = message.error()
                if error is None:
                    self._ended.discard(message.partition())
                    headers = tuple((name, value or b"") for name, value in message.headers() or ())
                    place = (message.partition(), message.offset(), message.timestamp()[1])
                    self.records.append(Read(*place, message.key(), message.value(), headers))
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
                    self._ended.add(message.partition())
                elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
                    raise KafkaException(error)
        return self.records

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()


class GroupOffsets:
    """The committed offsets of one group."""

    def __init__(self, settings: Mapping[str, str], group: str, topic: str, partitions: int) -> None:
        self._consumer = Consumer({**settings, **_QUIET, "group.id": group})
        self._places = [TopicPartition(topic, p) for p in range(partitions)]

    def committed(self) -> dict[int, int]:
        """Return partition -> next offset; a partition without a commit is left out."""
        places = self._consumer.committed(self._places, TIMEOUT_S)
        return {place.partition: place.offset for place in places if place.offset >= 0}

    def begin_at(self, offsets: Mapping[int, int]) -> None:
        """Let a new group start here."""
        topic = self._places[0].topic
        self._consumer.commit(offsets=[TopicPartition(topic, p, at) for p, at in offsets.items()], asynchronous=False)

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()
