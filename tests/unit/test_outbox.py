"""What leaves ahead of its checkpoint, with a producer that takes its time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pipeline.domain.errors import InfrastructureError
from pipeline.schemas.records import Output
from pipeline.stream.outbox import Outbox
from pipeline.stream.producing import Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

REFUSED = InfrastructureError("the broker is away")


class SlowProducer:
    """The far side: takes one batch after the other, each when it is let."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        self.let = asyncio.Semaphore(0)
        self.refuses = False

    async def send(self, topic: str, outputs: Sequence[Output]) -> Sent:
        await self.let.acquire()
        if self.refuses:
            raise REFUSED
        self.taken.append((topic, " ".join((one.value or b"").decode() for one in outputs)))
        return Sent([])


def outputs(*values: str) -> list[Output]:
    return [Output(b"acme", value.encode(), [], 0, 0) for value in values]


async def busy(on_failure: Callable[[BaseException], None] = lambda _: None) -> tuple[SlowProducer, Outbox]:
    """Return a producer that is busy with the output "a", and the outbox that it came from."""
    producer = SlowProducer()
    outbox = Outbox(producer, on_failure)
    await outbox.put("changes", outputs("a"))
    await turns()
    return producer, outbox


async def turns() -> None:
    """Let everything go as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_what_comes_while_the_producer_is_busy_leaves_together_and_in_order() -> None:
    async def run() -> list[tuple[str, str]]:
        producer, outbox = await busy()
        await outbox.put("changes", outputs("b", "c"))
        await outbox.put("dead", outputs("x"))
        await outbox.put("changes", outputs("d"))
        for _ in range(3):
            producer.let.release()
        await turns()
        return producer.taken

    assert asyncio.run(run()) == [("changes", "a"), ("changes", "b c d"), ("dead", "x")]


def test_what_was_put_before_a_cut_is_delivered_without_what_comes_after_it() -> None:
    async def run() -> list[tuple[str, str]]:
        producer, outbox = await busy()
        await outbox.put("changes", outputs("b"))
        before = outbox.cut()
        await outbox.put("changes", outputs("c"))
        for _ in range(2):
            producer.let.release()
        async with asyncio.timeout(5):
            for one in before:
                await one.delivered()
        assert outbox.cut() != []
        return producer.taken

    assert asyncio.run(run()) == [("changes", "a"), ("changes", "b")]


def test_after_a_failure_nothing_leaves_and_everybody_is_told() -> None:
    async def run() -> tuple[list[BaseException], list[tuple[str, str]]]:
        failures: list[BaseException] = []
        producer, outbox = await busy(failures.append)
        producer.refuses = True
        await outbox.put("changes", outputs("b"))
        waiting = outbox.cut()
        producer.let.release()
        await turns()
        producer.refuses = False
        producer.let.release()
        assert len(waiting) == 2
        for one in waiting:
            with pytest.raises(InfrastructureError, match="away"):
                await one.delivered()
        with pytest.raises(InfrastructureError, match="away"):
            await outbox.put("changes", outputs("c"))
        await turns()
        return failures, producer.taken

    assert asyncio.run(run()) == ([REFUSED], [])


def test_whoever_puts_more_than_may_wait_waits_until_it_has_left() -> None:
    async def run() -> bool:
        producer, outbox = await busy()
        putting = asyncio.create_task(outbox.put("changes", outputs("b") * 5_000))
        await turns()
        waited = not putting.done()
        for _ in range(2):
            producer.let.release()
        async with asyncio.timeout(5):
            await putting
        return waited

    assert asyncio.run(run())
