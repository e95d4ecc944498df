"""Load: records produced at a rate from a thread, whatever happens to workers and broker meanwhile."""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import TYPE_CHECKING

from confluent_kafka import Producer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.integration.harness.traffic import Sent

_FLUSH_S = 120.0
_POLL_EACH = 1_000  # what has arrived is kept by the producer until it is asked for


class Sender:
    """Produce records in their order, each exactly once."""

    def __init__(self, settings: Mapping[str, str], topic: str, compression: str = "none") -> None:
        self._topic = topic
        self._stop = Event()
        self._thread: Thread | None = None
        self.sent = 0
        self.refused: list[str] = []
        self._producer = Producer(
            {
                **settings,
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 5,
                "compression.type": compression,
                "queue.buffering.max.messages": 500_000,
                "log_level": 2,
            }
        )

    def send(self, records: Iterable[Sent], per_second: float | None = None) -> None:
        """Produce `records`, at most so many a second, and wait until the broker has them all."""
        started, before = time.monotonic(), self.sent
        for record in records:
            if self._stop.is_set():
                break
            self._hand_over(record)
            self.sent += 1
            if self.sent % _POLL_EACH == 0:
                self._producer.poll(0)
            if per_second is not None:
                early = (self.sent - before) / per_second - (time.monotonic() - started)
                if early > 0.01:
                    self._producer.poll(0)
                    self._stop.wait(early)
        left = self._producer.flush(_FLUSH_S)
        if left or self.refused:
            raise RuntimeError(f"{left} records were not taken within {_FLUSH_S} s, others refused: {self.refused[:3]}")

    def start(self, records: Iterable[Sent], per_second: float) -> None:
        """Do the same in the background."""
        self._thread = Thread(target=self.send, args=(records, per_second), name="load")
        self._thread.start()

    @property
    def is_sending(self) -> bool:
        """Say whether there is more to come."""
        return self._thread is not None and self._thread.is_alive()

    def finish(self) -> None:
        """Wait until everything is sent."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """Send no more, and wait until what was sent has arrived."""
        self._stop.set()
        self.finish()
        self._stop.clear()

    def _hand_over(self, record: Sent) -> None:
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    record.value,
                    record.key,
                    partition=record.partition,
                    timestamp=record.timestamp,
                    headers=record.headers,
                    on_delivery=self._on_delivery,
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _on_delivery(self, error: object, _message: object) -> None:
        if error is not None:
            self.refused.append(str(error))
