"""How far a partition has come: the row that makes a snapshot and its input offset one."""

from __future__ import annotations

import msgspec

from pipeline.domain.errors import ConfigurationError
from tables import keys
from tables.unreadable import decoded

_VERSION = 2
# How many records a run may be ahead of its last snapshot: what a second run decides without newer control records.
_REACH = 2_000_000


class Progress(msgspec.Struct, array_like=True):
    """What a partition had read, and when it thought it was, at one offset."""

    topic: str
    partition: int
    partitions: int
    offset: int = 0  # the next input record to process
    stream_ms: int = 0  # the largest timestamp processed
    wall_ms: int = 0  # the wall clock as last sealed; 0: not yet
    tick_ms: int = 0  # time then advanced to this, before the record at `offset`; 0: it did not
    judged_to: int = 0  # the wall clock as last sealed judges the records before this offset; a later one asks anew
    control_offset: int = 0  # the next record of the control topic to take in
    reach: int = 0  # records before this offset may have been processed before the next snapshot

    def row(self, *, last: bool = False) -> tuple[bytes, bytes]:
        """Return the key and the value to store; `last`: nothing is processed before this is durable."""
        self.reach = self.offset if last else self.offset + _REACH
        return keys.PROGRESS, msgspec.msgpack.encode((_VERSION, self))


_decode = msgspec.msgpack.Decoder(tuple[int, Progress]).decode


def read_progress(value: bytes, place: Progress) -> Progress:
    """Return the progress stored in `value`, which must be that of `place`.

    Raises:
        InfrastructureError: for a row of another release.
        ConfigurationError: for the state of another topic, partition or number of partitions.
    """
    _, progress = decoded(keys.PROGRESS, value, _decode, _VERSION)
    was, wanted = (f"{one.topic}, partition {one.partition} of {one.partitions}" for one in (progress, place))
    if was != wanted:
        raise ConfigurationError(
            f"the state belongs to {was}, and this worker is set up for {wanted}. Set the partition count back: "
            "another one would split the lives of alerts over two states. To change it for good, start a new group "
            "(CORE_ALERTS_GROUP), which begins with an empty state."
        )
    return progress
