"""Records on their way out: what a step hands to the stream, and the headers they carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

Headers = list[tuple[str, bytes]]

ID: Final = "id"
SCHEMA: Final = "schema"
ORIGIN: Final = "origin"
TRACEPARENT: Final = "traceparent"
REASON: Final = "reason"
DETAIL: Final = "detail"
TRUNCATED: Final = "truncated"  # on a dead letter without all of its bytes: how many there were
FORWARDED: Final = "forwarded-from"  # the origin of a record that was sent on to its tenant's partition

DEAD_LETTER_SCHEMA: Final = b"alerts.dlq/1"
_DETAIL_BYTES: Final = 500


class Record(Protocol):
    """One record as the consumer hands it over."""

    @property
    def offset(self) -> int:
        """Its place in its partition."""

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970; negative for none."""

    @property
    def key(self) -> bytes | None:
        """The bytes that chose its partition."""

    @property
    def value(self) -> bytes | None:
        """What was sent."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Names and values."""


class Output(msgspec.Struct, frozen=True, gc=False):
    """One record to produce."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int  # event time, ms
    partition: int


def origin_text(topic: str, partition: int, offset: int) -> bytes:
    """Return `topic/partition/offset`, as the `origin` header says it."""
    return f"{topic}/{partition}/{offset}".encode()


def read_origin(text: bytes) -> tuple[str, int, int]:
    """Return topic, partition and offset from an `origin` text.

    Raises:
        ValueError: if it is none.
    """
    topic, partition, offset = text.decode().rsplit("/", 2)
    if not (0 <= int(partition) < 1 << 31 and 0 <= int(offset) < 1 << 63):
        raise ValueError(f"no partition of Kafka's has this number, or no record this offset: {text!r}")
    return topic, int(partition), int(offset)


def clipped(detail: str) -> bytes:
    """Return a detail short enough for a header."""
    return detail.encode("utf-8", "replace")[:_DETAIL_BYTES].decode("utf-8", "ignore").encode()
