"""Faust's recovery, told by the transport how far a changelog has been applied.

Faust applies changelogs event by event and learns of the end by comparing offsets of events with the high
watermark. A changelog written in transactions ends with a commit marker, which is no event; here the end is
the consumer's position.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from mode import Service

if TYPE_CHECKING:
    from faust.types.tuples import TP

# How often it is looked whether all has been applied, while something is being applied and while nothing is.
_LOOK_SECONDS: Final = 0.02
_IDLE_SECONDS: Final = 0.1


class BatchRecovery(Recovery):
    """Restore by chunks: `restored_to` is called by the consumer once per round."""

    def restored_to(self, tp: TP, position: int) -> None:
        """Take note that everything before `position` has been applied, and end the recovery where it is all."""
        if tp in self.active_tps:
            offsets = self.active_offsets
        elif tp in self.standby_tps:
            offsets = self.standby_offsets
        else:
            return
        offsets[tp] = max(offsets[tp] if offsets[tp] is not None else -1, position - 1)

    @Service.task
    async def _slurp_changelogs(self) -> None:
        # Takes the place of the task that reads changelog events from a queue: there are none.
        while not self.should_stop:
            await asyncio.sleep(_LOOK_SECONDS if self.in_recovery else _IDLE_SECONDS)
            if self.in_recovery and self.active_highwaters and not self.need_recovery():
                self._set_recovery_ended()
                self.signal_recovery_end.set()
            if not self.tables.standbys_ready and not self.standby_remaining_total():
                self.tables.on_standbys_ready()

    def _set_recovery_started(self) -> None:
        self.signal_recovery_end.clear()
        super()._set_recovery_started()


class BatchTableManager(TableManager):
    """A table manager with that recovery, that does not wait before it starts."""

    _recovery: BatchRecovery | None

    @property
    def recovery(self) -> BatchRecovery:
        """Return the recovery service."""
        if self._recovery is None:
            self._recovery = BatchRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def sleep(self, n: Any, *, loop: Any = None) -> None:
        """Skip the fixed second that Faust sleeps in `on_start`; nothing else here sleeps."""
        await super().sleep(0)
