"""The broker seen from outside: readers that keep their place, and what a group has committed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S = 30.0
_QUIET = {"log_level": 2, "enable.auto.commit": False, "fetch.wait.max.ms": 100}
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
        self.ends = dict(start)  # partition -> offset after the last record that was read
        self._topic = topic
        self._next = dict(start)
        reading = {"group.id": "reader", "enable.partition.eof": True, "isolation.level": isolation}
        self._consumer = Consumer({**settings, **_QUIET, **reading})
        self._ends = Consumer({**settings, **_QUIET, "group.id": "ends", "isolation.level": "read_uncommitted"})

    def read_to_end(self) -> list[Read]:
        """Return all records from the start to the end that every partition has now, open transactions included.

        So it waits for those: a transaction that its producer knows to be committed can be read a little later.
        However much there is to read takes as long as it takes; only standing still for long is an error.
        """
        ends = {p: self._ends.get_watermark_offsets(TopicPartition(self._topic, p), TIMEOUT_S)[1] for p in self._next}
        behind = {p for p, end in ends.items() if self._next[p] < end}
        deadline = time.monotonic() + TIMEOUT_S
        while behind:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._topic}: read to {self._next} of {ends}; a transaction is open for too long")
            # Assigned anew: an end that was reported once is not reported again when only a marker follows.
            self._consumer.assign([TopicPartition(self._topic, p, self._next[p]) for p in behind])
            while behind and (messages := self._consumer.consume(_PAGE, 1.0)):
                before = sum(self._next.values())
                for message in messages:
                    self._take(message)
                if sum(self._next.values()) > before:
                    deadline = time.monotonic() + TIMEOUT_S
                behind = {p for p in behind if self._next[p] < ends[p]}
        return self.records

    def _take(self, message: Message) -> None:
        error, partition = message.error(), message.partition()
        if error is None:
            headers = tuple((name, value or b"") for name, value in message.headers() or ())
            place = (partition, message.offset(), message.timestamp()[1])
            self.records.append(Read(*place, message.key(), message.value(), headers))
            self._next[partition] = self.ends[partition] = message.offset() + 1
        elif error.code() == KafkaError._PARTITION_EOF:
            self._next[partition] = max(self._next[partition], message.offset())
        elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
            raise KafkaException(error)

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()
        self._ends.close()


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
