"""Services that Faust gives a thread, run in the worker's own loop.

Faust's consumer has a thread with a loop of its own. Whatever a fetch brings crosses from one loop to the other, and
each side has to win the interpreter's lock first, from a step that holds it for milliseconds at a time; a worker with
two agents has three such threads. In one loop there is nothing to cross: see docs/adr/0018.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from mode.threads import QueueServiceThread
from mode.utils.futures import maybe_async

if TYPE_CHECKING:
    from collections.abc import Callable

    from mode.threads import ServiceThread

_CLEANING_S: Final = 30.0


class NoThread:
    """What a service starts and stops where it would start and stop a thread."""

    def __init__(self, service: ServiceThread) -> None:
        self._service = service
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Serve, as a task of this loop."""
        self._serving = asyncio.create_task(self._service._serve(), name=self._service.label)
        self._serving.add_done_callback(_take_note)

    def stop(self) -> None:
        """Do nothing: the service has been told, and `over` waits for it."""

    async def over(self) -> None:
        """Return once the service has cleaned up, or half a minute later; at once for the service itself."""
        if self._serving is not None and self._serving is not asyncio.current_task():
            await asyncio.wait([self._serving], timeout=_CLEANING_S)


class SameLoopService(QueueServiceThread):
    """A service of Faust's that has a thread, without it; methods that it would call in the thread are called here."""

    abstract = True
    Worker: Any = NoThread
    _thread: Any

    def __init__(self, *args: Any, loop: asyncio.AbstractEventLoop | None = None, **kwargs: Any) -> None:
        here = loop or asyncio.get_event_loop()
        super().__init__(*args, loop=here, thread_loop=here, **kwargs)

    async def on_thread_started(self) -> None:
        """Start no queue of methods: they are called, and nobody has to carry them to a thread."""

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call `fun` and return what it returns."""
        return await maybe_async(fun(*args, **kwargs))

    async def stop(self) -> None:
        """Stop, and leave no task behind."""
        await super().stop()
        if self._thread is not None:
            await self._thread.over()

    async def _gather_remaining_tasks(self) -> None:
        """Leave all other tasks alone: in a thread's loop they would be the service's, in this one they are not."""


def _take_note(serving: asyncio.Task[None]) -> None:
    """Take the error of a service that failed to start: the service has passed it on to whoever started it."""
    if not serving.cancelled():
        serving.exception()
