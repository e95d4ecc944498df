"""Where fetched records begin: the check for gaps stands on it."""

from __future__ import annotations

import asyncio
from functools import wraps
from typing import TYPE_CHECKING, Any

import aiokafka
from aiokafka.consumer import fetcher, subscription_state
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from pipeline.stream import fetching
from tests.record_batches import built

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


def inside_a_loop(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    @wraps(test)
    def run() -> None:
        asyncio.run(test())

    return run


class OnePartition:
    """What aiokafka's fetcher knows of an assignment, where the fetcher stands at `position`."""

    active = True

    def __init__(self, position: int) -> None:
        self.state = subscription_state.TopicPartitionState(self)
        self.state.reset_to(position)

    def state_value(self, tp: Any) -> subscription_state.TopicPartitionState:
        return self.state


def fetched_by(assignment: OnePartition, data: bytes, offset: int) -> fetching.Fetched:
    tp = aiokafka.TopicPartition("alerts.raw", 0)
    records = fetching.PlainRecords(
        tp, fetching.KeptRecords(data), None, offset, None, None, False, fetcher.READ_COMMITTED
    )
    result = fetching.PlainResult(tp, assignment=assignment, partition_records=records, backoff=0)
    return result.getall()


def at(offset: int, data: bytes, *, mark: bool = False) -> bytes:
    """Return a batch that begins at `offset`; as a mark of a committed transaction if wanted."""
    moved = bytearray(data)
    moved[0:8] = offset.to_bytes(8, "big")
    moved[22] |= 0x30 if mark else 0
    return bytes(moved)


def mark(offset: int) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 1, 7, 0, 0, 9999)
    builder.append(0, 1_700_000_000_000, b"\0\0\0\1", b"", [])
    return at(offset, bytes(builder.build()), mark=True)


@inside_a_loop
async def test_records_begin_where_they_were_fetched_from() -> None:
    assignment = OnePartition(5)
    one = fetched_by(assignment, at(5, built((b"one", "h"), (b"two", "h"))), 5)
    assert (one.begin, [record.offset for record in one], assignment.state.position) == (5, [5, 6], 7)
    # A batch may begin before: the first of it were read already.
    two = fetched_by(assignment, at(6, built((b"two", "h"), (b"three", "h"))), 7)
    assert (two.begin, [record.offset for record in two], assignment.state.position) == (7, [7], 8)


@inside_a_loop
async def test_records_after_fetches_of_nothing_but_marks_begin_where_those_did() -> None:
    assignment = OnePartition(5)
    assert fetched_by(assignment, mark(5), 5) == []
    assert fetched_by(assignment, mark(6) + mark(7), 6) == []
    assert assignment.state.position == 8
    records = fetched_by(assignment, at(8, built((b"one", "h"))), 8)
    assert (records.begin, [record.offset for record in records]) == (5, [8])
    assert fetched_by(assignment, at(9, built((b"two", "h"))), 9).begin == 9


@inside_a_loop
async def test_records_after_a_mark_that_came_with_the_records_before_it_begin_at_the_mark() -> None:
    assignment = OnePartition(5)
    one = fetched_by(assignment, at(5, built((b"one", "h"))) + mark(6), 5)
    assert (one.begin, [record.offset for record in one], assignment.state.position) == (5, [5], 7)
    assert fetched_by(assignment, mark(7), 7) == []
    two = fetched_by(assignment, mark(8) + at(9, built((b"two", "h"))), 8)
    assert (two.begin, [record.offset for record in two]) == (6, [9])


@inside_a_loop
async def test_records_after_a_seek_begin_where_it_led_to() -> None:
    assignment = OnePartition(5)
    assert fetched_by(assignment, mark(5), 5) == []
    assignment.state.seek(20)
    assert fetched_by(assignment, at(6, built((b"stale", "h"))), 6) == []  # fetched before the seek
    records = fetched_by(assignment, at(20, built((b"one", "h"))), 20)
    assert (records.begin, [record.offset for record in records]) == (20, [20])
