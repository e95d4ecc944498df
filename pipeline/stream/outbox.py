"""Outputs that leave ahead of their checkpoint: what comes while the producer is busy leaves with the next batch.

A producer has one request to a broker on its way at a time, and of each partition one batch waits for the next. Whoever
handed over more, a batch for each chunk of input, would wait for a round trip with each; together they wait for one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.schemas.records import Output
    from pipeline.stream.producing import Sent

# How many outputs may wait for the producer before reading does.
_MOST_WAITING: Final = 5_000


class Producer(Protocol):
    """What an outbox asks of its producer."""

    async def send(self, topic: str, outputs: Sequence[Output]) -> Sent:
        """Take `outputs` over, those of one partition in their order."""


class Leaving:
    """Outputs that leave together."""

    def __init__(self) -> None:
        self.by_topic: dict[str, list[Output]] = {}
        self.count = 0
        self._sent: asyncio.Future[list[Sent]] = asyncio.get_running_loop().create_future()

    def add(self, topic: str, outputs: Sequence[Output]) -> None:
        """Let `outputs` leave as well."""
        self.by_topic.setdefault(topic, []).extend(outputs)
        self.count += len(outputs)

    def left(self, sent: list[Sent]) -> None:
        """Take note that the producer has them."""
        self._sent.set_result(sent)

    def failed(self, error: BaseException) -> None:
        """Take note that they did not leave."""
        self._sent.set_exception(error)
        self._sent.exception()  # told elsewhere too: nobody need wait for these

    async def delivered(self) -> None:
        """Return once the broker has them.

        Raises:
            InfrastructureError: if one could not be written.
        """
        for sent in await self._sent:
            await sent.delivered()


class Outbox:
    """The outputs of one partition on their way to the producer, in order."""

    def __init__(self, producer: Producer, on_failure: Callable[[BaseException], None], name: str = "outputs") -> None:
        self._producer = producer
        self._on_failure = on_failure
        self._name = name
        self._queue: deque[Leaving] = deque()
        self._gathers: Leaving | None = None  # the last in the queue, while it takes more
        self._since: list[Leaving] = []  # since the last cut
        self._sending: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None

    async def put(self, topic: str, outputs: Sequence[Output]) -> None:
        """Let `outputs` leave behind those before them, without waiting for the broker while few are waiting.

        Raises:
            InfrastructureError: if some before them could not be written: what follows a failure does not leave.
        """
        if self._failure is not None:
            raise self._failure
        leaving = self._gathers
        if leaving is None:
            leaving = self._gathers = Leaving()
            self._queue.append(leaving)
            self._since.append(leaving)
        leaving.add(topic, outputs)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(), name=self._name)
        if leaving.count >= _MOST_WAITING:
            await asyncio.wait([self._sending])

    def cut(self) -> list[Leaving]:
        """Return what was put since the last cut, for whoever waits until it is delivered; the next leaves apart."""
        since, self._since, self._gathers = self._since, [], None
        return since

    async def _send(self) -> None:
        while self._queue:
            leaving = self._queue.popleft()
            if leaving is self._gathers:
                self._gathers = None
            try:
                leaving.left([await self._producer.send(topic, those) for topic, those in leaving.by_topic.items()])
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing may leave past it
                self._failure = error
                for one in (leaving, *self._queue):
                    one.failed(error)
                self._queue.clear()
                self._on_failure(error)
