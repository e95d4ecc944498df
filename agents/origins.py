"""Where records first came in: those on a wrong partition are sent on to their tenant's, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from agents.suppress.cause import RecordCause
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.partitioner import partition_of
from pipeline.domain.reasons import Rejection, Unchanged
from pipeline.schemas import outputs, records
from tables.forwards import ForwardTable

if TYPE_CHECKING:
    from agents.telling import Telling
    from pipeline.schemas.records import Record
    from tables.store import RowStore

_TENANTS_KEPT: Final = 100_000


class Origins:
    """Which partition each tenant belongs to, and what was sent on from another one."""

    def __init__(self, store: RowStore, telling: Telling, topic: str, partition: int, partitions: int) -> None:
        self.table = ForwardTable(store)
        self.partitions: dict[str, int] = {}  # tenant -> the partition it belongs to
        self._telling = telling
        self._topic = topic
        self._partition = partition
        self._partitions = partitions

    def cause_of(self, record: Record, tenant: str) -> RecordCause | None:
        """Return the record as a cause, by where it first came in; None if it is dealt with: sent on, or here before.

        Raises:
            RejectedRecordError: if it was sent on once already and still is not where it belongs.
        """
        here = RecordCause(self._topic, self._partition, record.offset, record.headers)
        came_from = came_from_of(record) if record.headers else None
        belongs = self.partitions.get(tenant)
        if belongs is None:
            belongs = partition_of(tenant, self._partitions)
            if len(self.partitions) < _TENANTS_KEPT:
                self.partitions[tenant] = belongs
        if belongs != self._partition:
            if came_from is not None:
                raise RejectedRecordError(
                    Rejection.WRONG_PARTITION, f"{tenant} belongs to partition {belongs}, and it was sent on before"
                )
            on = outputs.sent_on(record, tenant, topic=self._topic, partition=self._partition, to=belongs)
            self._telling.emitted.forwarded.append(on)
            self._telling.tally.forwarded += 1
            return None
        if came_from is None:
            return here
        try:
            origin = records.read_origin(came_from)
        except ValueError:
            return here  # a header of somebody else's that happens to have the name
        if origin[0] != self._topic or origin[1] >= self._partitions:
            return here  # nor is this one of ours
        if self.table.is_again(tenant, origin[1], origin[2]):
            self._telling.tally.unchanged[Unchanged.DUPLICATE_FORWARD] += 1
            return None
        return RecordCause(*origin, record.headers)


def came_from_of(record: Record) -> bytes | None:
    """Return where a record that was sent on first came in; None for one that was not."""
    return next((value for name, value in record.headers if name == records.FORWARDED), None)
