"""Ids of outputs: the same cause gives the same id, however often it is processed."""

from __future__ import annotations

from hashlib import blake2b


def id_from_record(tenant: str, topic: str, partition: int, offset: int, kind: str, index: int = 0) -> str:
    """Return the id of output number `index` of `kind` that the record at this offset causes: 32 hex digits."""
    cause = f"{tenant}\0{topic}\0{partition}\0{offset}\0{kind}\0{index}"
    return blake2b(cause.encode(), digest_size=16).hexdigest()


def id_from_timer(tenant: str, timer: str, deadline_ms: int) -> str:
    """Return the id of the output that the timer `timer` causes at its deadline: 32 hex digits."""
    return blake2b(f"{tenant}\0{timer}\0{deadline_ms}".encode(), digest_size=16).hexdigest()
