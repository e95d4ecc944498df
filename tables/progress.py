"""How far a partition has come: the row that makes a snapshot and its input offset one."""

from __future__ import annotations

import msgspec

from tables import keys


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

    def row(self) -> tuple[bytes, bytes]:
        """Return the key and the value to store."""
        return keys.PROGRESS, msgspec.msgpack.encode((1, self))


def read_progress(value: bytes) -> Progress:
    """Return the progress stored in `value`."""
    version, progress = msgspec.msgpack.decode(value, type=tuple[int, Progress])
    if version != 1:
        raise ValueError(f"progress row of version {version}: written by a newer release, upgrade this worker")
    return progress
