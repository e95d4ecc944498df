from __future__ import annotations

import asyncio
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition

from pipeline.kafka_connection import KafkaConnection
from pipeline.stream.control_feed import ControlFeed

if TYPE_CHECKING:
    from collections.abc import Sequence


def test_what_was_fetched_before_other_offsets_are_wanted_is_not_handed_over_ahead_of_what_lies_before_it() -> None:
    async def taken() -> list[int]:
        connection = KafkaConnection("127.0.0.1:1")
        feed = ControlFeed(connection, "control", client_id="test", request_timeout_ms=1000)
        fetches: list[dict[Any, list[Any]]] = [
            {TopicPartition("control", number): [SimpleNamespace(offset=7)] for number in (0, 1)}
        ]
        found: list[int] = []

        async def fetch() -> dict[Any, list[Any]]:
            if not fetches:
                raise asyncio.CancelledError
            return fetches.pop()

        async def take(partition: int, records: Sequence[Any]) -> None:
            found.append(partition)
            feed.follow({0: 8, 1: 5})  # a rebalance ends meanwhile, and offsets 5 and 6 were not applied yet

        feed._fetch = fetch  # type: ignore[method-assign]
        with suppress(asyncio.CancelledError):
            await feed.run(take)
        await feed.stop()
        return found

    assert asyncio.run(taken()) == [0]
