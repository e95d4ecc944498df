"""Rows that are whole, as their checksums say, and not of this release: how they are noticed, and the error."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from pipeline.domain.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Callable

Row = TypeVar("Row", bound="tuple[object, ...]")


def decoded(key: bytes, row: bytes, decode: Callable[[bytes], Row], version: int) -> Row:
    """Return the row at `key`, a tuple that begins with its version.

    Raises:
        InfrastructureError: for a row of another release.
    """
    try:
        fields = decode(row)
    except msgspec.MsgspecError as error:
        raise unreadable(key, str(error)) from None
    if fields[0] != version:
        raise unreadable(key, f"its version is {fields[0]}")
    return fields


def unreadable(key: bytes, why: str) -> InfrastructureError:
    """Return what to tell an operator about the row at `key`."""
    return InfrastructureError(
        f"the state holds a row that this release cannot read ({key!r}: {why}). Another release wrote it: upgrade "
        "this worker, or give it a new group (CORE_ALERTS_GROUP) to start with an empty state."
    )
