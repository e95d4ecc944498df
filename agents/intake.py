"""Control records on their way in: sealed into the state first, applied after that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.suppress.cause import RecordCause
from pipeline.domain.errors import RejectedRecordError
from pipeline.schemas.outputs import CONTROL_TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.domain.reasons import Unchanged
    from pipeline.schemas.records import Record
    from tables.control import ControlTable, Pending
    from tables.progress import Progress


class Intake:
    """What was taken in of the control topic and has yet to have its effect."""

    def __init__(
        self,
        table: ControlTable,
        partition: int,
        *,
        apply: Callable[[Record, RecordCause, int], Unchanged | None],
        reject: Callable[[Record, RejectedRecordError, int], None],
        ignore: Callable[[Unchanged], None],
    ) -> None:
        self.waiting: list[Pending] = []
        self._table = table
        self._partition = partition
        self._apply = apply
        self._reject = reject
        self._ignore = ignore

    def resume(self) -> None:
        """Find what was sealed and, as far as the state knows, not applied."""
        self.waiting = self._table.pending()

    def seal(self, control: Sequence[Record], progress: Progress) -> None:
        """Take records in, for the next snapshot to carry."""
        wanted: list[Record] = []
        for record in control:
            if record.offset >= progress.control_offset:
                wanted.append(record)
                progress.control_offset = record.offset + 1
        if wanted:
            self.waiting = self._table.put_pending([*self.waiting, *wanted])

    def apply(self, now: int) -> None:
        """Let what was taken in have its effect; before time has begun (0), nothing has."""
        if not now or not self.waiting:
            return
        for record in self.waiting:
            cause = RecordCause(CONTROL_TOPIC, self._partition, record.offset, record.headers)
            try:
                ignored = self._apply(record, cause, now)
            except RejectedRecordError as error:
                self._reject(record, error, now)
                continue
            if ignored is not None:
                self._ignore(ignored)
        self._table.drop_pending()
        self.waiting = []
