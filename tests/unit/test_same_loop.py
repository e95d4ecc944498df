"""A service that Faust would give a thread runs in the loop of whoever started it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pipeline.stream.same_loop import SameLoopService


class Reader(SameLoopService):
    """Notes where it runs, and has a task of its own."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()
        self.fails = fails
        self.ran_in: list[tuple[threading.Thread, asyncio.AbstractEventLoop]] = []
        self.cleaned_up = False

    async def on_start(self) -> None:
        if self.fails:
            raise ConnectionError("no broker")
        self.note()
        self.add_future(self.work())

    async def work(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            self.cleaned_up = True

    def note(self, *more: str) -> tuple[str, ...]:
        self.ran_in.append((threading.current_thread(), asyncio.get_running_loop()))
        return more

    async def note_later(self, *more: str) -> tuple[str, ...]:
        await asyncio.sleep(0)
        return self.note(*more)


def test_it_starts_here_and_no_thread_is_made() -> None:
    async def run() -> None:
        before = threading.active_count()
        reader = Reader()
        await reader.start()
        assert reader.ran_in == [(threading.current_thread(), asyncio.get_running_loop())]
        assert threading.active_count() == before
        await reader.stop()

    asyncio.run(run())


@pytest.mark.parametrize("method", ["note", "note_later"])
def test_what_would_be_called_in_the_thread_is_called_here(method: str) -> None:
    async def run() -> None:
        reader = Reader()
        await reader.start()
        assert await reader.call_thread(getattr(reader, method), "a", "b") == ("a", "b")
        assert reader.ran_in[-1] == (threading.current_thread(), asyncio.get_running_loop())
        assert reader._method_queue is None
        await reader.stop()

    asyncio.run(run())


def test_it_has_cleaned_up_when_it_has_stopped_and_left_the_tasks_of_others_alone() -> None:
    async def run() -> None:
        reader = Reader()
        await reader.start()
        other = asyncio.create_task(asyncio.Event().wait())
        await reader.stop()
        assert reader.cleaned_up
        assert not other.done()
        other.cancel()
        await asyncio.wait([other])
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


def test_whoever_starts_it_hears_why_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        with pytest.raises(ConnectionError, match="no broker"):
            await Reader(fails=True).start()
        assert "crashed: ConnectionError('no broker')" in capsys.readouterr().err

    asyncio.run(run())


def test_one_that_never_started_can_be_stopped() -> None:
    async def run() -> None:
        await Reader().stop()

    asyncio.run(run())
