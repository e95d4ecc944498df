"""One Faust table per agent: its name, changelog, assignment, standby and recovery. Rows go another way.

Reading and writing happens on the partition's store; see partition.py. Faust asks the table for persisted
offsets and tells it about assignments, and that is passed on to the runtime.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import faust
from faust.stores.base import Store

if TYPE_CHECKING:
    from faust.types.tuples import TP


class RuntimeStore(Store):
    """What Faust takes for the table's storage."""

    def persisted_offset(self, tp: TP) -> int | None:
        """Return the changelog offset that the local rows of `tp` include."""
        offset: int | None = self.app.feed.changelog_offset(tp.partition)
        return offset

    async def need_active_standby_for(self, tp: TP) -> bool:
        """Say that a standby reads the changelog even where it has rows."""
        return True

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Open what is assigned, and fence whoever had it before the changelog's end is asked for."""
        assignor, topic = self.app.assignor, self.table.changelog_topic_name
        await self.app.feed.on_assigned(
            actives={tp.partition for tp in assignor.assigned_actives() if tp.topic == topic},
            standbys={tp.partition for tp in assignor.assigned_standbys() if tp.topic == topic},
        )

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        """Start to process what has been restored."""
        await self.app.feed.on_restored({tp.partition for tp in active_tps})

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        """Do nothing: changelogs are applied by the transport."""

    async def backup_partition(self, tp: TP | int, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """Refuse: the changelog is the backup."""
        raise NotImplementedError("the changelog topic is the backup of a partition's state")

    def restore_backup(self, tp: TP | int, latest: bool = True, backup_id: int = 0) -> None:
        """Refuse: state is restored from the changelog."""
        raise NotImplementedError("a partition's state is restored from its changelog topic")

    def reset_state(self) -> None:
        """Do nothing: a store is wiped when it is opened damaged, never otherwise."""


class RuntimeTable(faust.Table):
    """A table over `RuntimeStore`."""

    def _new_store(self) -> RuntimeStore:
        return RuntimeStore(
            "runtime://",
            self.app,
            self,
            table_name=self.name,
            key_type=self.key_type,
            value_type=self.value_type,
            key_serializer="raw",
            value_serializer="raw",
        )
