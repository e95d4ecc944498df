"""What a table needs of the store underneath it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

Rows = dict[bytes, bytes | None]  # rows to write; None deletes


class RowStore(Protocol):
    """The rows of one partition, as of the last snapshot handed over."""

    def get(self, key: bytes) -> bytes | None:
        """Return the row at `key`, or None."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows whose keys start with `prefix`, by key."""


class DictStore:
    """Rows in a dict: for replay, and for tests."""

    def __init__(self, rows: dict[bytes, bytes] | None = None) -> None:
        self.rows = {} if rows is None else rows

    def get(self, key: bytes) -> bytes | None:
        """Return the row at `key`, or None."""
        return self.rows.get(key)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows whose keys start with `prefix`, by key."""
        for key in sorted(self.rows):
            if key.startswith(prefix):
                yield key, self.rows[key]

    def write(self, rows: Rows) -> None:
        """Take `rows` in, all at once."""
        for key, value in rows.items():
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value
