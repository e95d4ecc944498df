"""What made an output leave: the same cause gives the same ids, however often it is processed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from pipeline.domain.ids import id_from_record, id_from_timer
from pipeline.schemas.records import origin_text


class RecordCause(msgspec.Struct, frozen=True, gc=False):
    """A record of the input or of the control topic."""

    topic: str
    partition: int
    offset: int
    headers: Sequence[tuple[str, bytes]] = ()

    def id_of(self, tenant: str, what: str) -> str:
        """Return the id of one output, which is the only one of its tenant's that is called `what`."""
        return id_from_record(tenant, self.topic, self.partition, self.offset, what)

    @property
    def origin(self) -> bytes:
        """Return what the `origin` header says."""
        return origin_text(self.topic, self.partition, self.offset)


class TimerCause(msgspec.Struct, frozen=True, gc=False):
    """Time alone: a whole second of it, in milliseconds."""

    partition: int
    deadline: int
    headers: Sequence[tuple[str, bytes]] = ()
    late: str = ""
    """The fingerprint of an alert that came when this time had passed: others have had it without that alert."""

    def id_of(self, tenant: str, what: str) -> str:
        """Return the id of one output, which is the only one of its tenant's that is called `what` at this time."""
        return id_from_timer(tenant, f"{what}/late/{self.late}" if self.late else what, self.deadline)

    @property
    def origin(self) -> bytes:
        """Return what the `origin` header says."""
        return f"timer/{self.partition}/{self.deadline}".encode()


Cause = RecordCause | TimerCause
