"""The error for rows that are whole, as their checksums say, and not of this release."""

from __future__ import annotations

from pipeline.domain.errors import InfrastructureError


def unreadable(key: bytes, why: str) -> InfrastructureError:
    """Return what to tell an operator about the row at `key`."""
    return InfrastructureError(
        f"the state holds a row that this release cannot read ({key!r}: {why}). Another release wrote it: upgrade "
        "this worker, or give it a new group (CORE_ALERTS_GROUP) to start with an empty state."
    )
