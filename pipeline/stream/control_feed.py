"""The control topic, read beside the input: partition p of it for partition p of the input.

A reader of its own, outside the group: what was read is part of each partition's state, so there is nothing to
commit, and before a new partition processes its first record everything that was written until then can be read.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from pipeline.domain.errors import InfrastructureError
from pipeline.stream.fetching import fetch_plain_records

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from pipeline.kafka_connection import KafkaConnection

_WAIT_MS = 500
_IDLE_SECONDS = 0.05
_MOST = 1000  # records in one go


def unreadable(error: BaseException) -> InfrastructureError:
    """Return what to tell an operator about a control topic that cannot be read."""
    return InfrastructureError(
        f"the control topic could not be read ({error!r}). Look at the brokers, and whether `core-alerts topics "
        "describe` shows the topic `control`; then start the worker again. Nothing is lost."
    )


class ControlFeed:
    """Read the partitions of one topic from given offsets on."""

    def __init__(self, connection: KafkaConnection, topic: str, *, client_id: str, request_timeout_ms: int) -> None:
        fetch_plain_records()
        self._topic = topic
        self._consumer = AIOKafkaConsumer(
            client_id=client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=_WAIT_MS,
            request_timeout_ms=request_timeout_ms,
            retry_backoff_ms=50,
            **connection.aiokafka(),
        )
        self._reads: dict[int, int] = {}  # partition -> the offset to go on from
        self._turn = asyncio.Lock()  # one request at a time: what is assigned must not change under a fetch
        self._wanted: dict[int, int] | None = None  # what is to be read from now on

    async def start(self) -> None:
        """Connect.

        Raises:
            InfrastructureError: if the brokers cannot be reached.
        """
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            raise unreadable(error) from error

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    def follow(self, offsets: Mapping[int, int]) -> None:
        """Read these partitions from now on, each from its offset, and no others."""
        self._wanted = dict(offsets)

    async def read_to_end(self, offsets: Mapping[int, int]) -> dict[int, list[Any]]:
        """Return for each partition every record from its offset to the end as it is now.

        Raises:
            InfrastructureError: if the topic cannot be read.
        """
        found: dict[int, list[Any]] = {number: [] for number in offsets}
        async with self._turn:
            following = dict(self._reads) if self._wanted is None else self._wanted
            try:
                places = [TopicPartition(self._topic, number) for number in offsets]
                ends = await self._consumer.end_offsets(places)
                self._assign(offsets)
                for tp in places:
                    while await self._consumer.position(tp) < ends[tp]:
                        fetched = await self._consumer.getmany(tp, timeout_ms=_WAIT_MS)
                        found[tp.partition] += [record for records in fetched.values() for record in records]
            except (KafkaError, OSError) as error:
                raise unreadable(error) from error
            self._wanted = following
        return found

    async def run(self, take: Callable[[int, Sequence[Any]], Awaitable[None]]) -> None:
        """Hand over what comes, for ever.

        Raises:
            InfrastructureError: if the topic cannot be read.
        """
        while True:
            async with self._turn:
                try:
                    fetched = await self._fetch()
                except (KafkaError, OSError) as error:
                    raise unreadable(error) from error
            for tp, records in fetched.items():
                if self._wanted is not None:
                    break  # these are read again, behind what lies before them: alone they would hide it for ever
                await take(tp.partition, records)
            if not fetched and not self._reads:
                await asyncio.sleep(_IDLE_SECONDS)
            else:
                await asyncio.sleep(0)

    async def _fetch(self) -> dict[Any, list[Any]]:
        if self._wanted is not None:
            self._assign(self._wanted)
            self._wanted = None
        if not self._reads:
            return {}
        fetched: dict[Any, list[Any]] = await self._consumer.getmany(timeout_ms=_WAIT_MS, max_records=_MOST)
        for tp, records in fetched.items():
            self._reads[tp.partition] = records[-1].offset + 1
        return fetched

    def _assign(self, offsets: Mapping[int, int]) -> None:
        self._reads = dict(offsets)
        places = {TopicPartition(self._topic, number): offset for number, offset in offsets.items()}
        if not places:
            self._consumer.unsubscribe()
            return
        self._consumer.assign(list(places))
        for tp, offset in places.items():
            self._consumer.seek(tp, offset)
