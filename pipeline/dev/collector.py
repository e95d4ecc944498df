"""What comes out of the pipeline while it is watched: a thread that reads a topic from its beginning."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, Self

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from pipeline.kafka_io import ANSWER_S, end_of, next_records, partitions_of, reading

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from confluent_kafka import Consumer, Message

    from pipeline.kafka_connection import KafkaConnection

_WAIT_S: Final = 0.05
_POLL_S: Final = 0.01


class Collector:
    """Hand every committed record of a topic to `take`, with the moment of time.perf_counter() it was read at."""

    def __init__(self, connection: KafkaConnection, topic: str, take: Callable[[Message, float], None]) -> None:
        self._connection = connection
        self._topic = topic
        self._take = take
        self._read_to: dict[int, int] = {}
        self._ends_wanted = Event()
        self._ends: dict[int, int] | None = None
        self._stop = Event()
        self._failure: Exception | None = None
        self._thread = Thread(target=self._run, name=f"collector-{topic}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(ANSWER_S)

    def check(self) -> None:
        """Raise what made the thread fail."""
        if self._failure is not None:
            raise self._failure

    def catch_up(self, seconds: float) -> bool:
        """Wait until everything that is in the topic now was taken; say whether that was in time."""
        self._ends = None
        self._ends_wanted.set()
        deadline = time.monotonic() + seconds
        while self._ends is None or any(self._read_to.get(number, 0) < end for number, end in self._ends.items()):
            self.check()
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_S)
        return True

    def _run(self) -> None:
        try:
            with reading(self._connection, self._topic, from_beginning=True, tell_ends=True) as consumer:
                while not self._stop.is_set():
                    self._read(consumer)
        except Exception as error:  # noqa: BLE001 - raised again in the thread that asks
            self._failure = error

    def _read(self, consumer: Consumer) -> None:
        if self._ends_wanted.is_set():
            self._ends_wanted.clear()
            self._ends = self._current_ends(consumer)
        for message in next_records(consumer, _WAIT_S):
            error = message.error()
            if error is None:
                self._take(message, time.perf_counter())
            elif error.code() == KafkaError._PARTITION_EOF:
                # Behind the marker of a transaction as well, which is a place in the log and no record.
                self._read_to[message.partition()] = message.offset()
            else:
                raise KafkaException(error)

    def _current_ends(self, consumer: Consumer) -> dict[int, int]:
        numbers = partitions_of(consumer, self._topic, self._connection)
        return {number: end_of(consumer, TopicPartition(self._topic, number)) for number in numbers}
