"""Batches of records as they lie in a topic."""

from __future__ import annotations

from aiokafka.record.default_records import DefaultRecordBatchBuilder


def built(*records: tuple[bytes, str], compression: int = 0) -> bytes:
    """Return a batch of records with a header of this name each."""
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, 9999)
    for number, (value, header) in enumerate(records):
        builder.append(number, 1_700_000_000_000, b"key", value, [(header, b"text")])
    return bytes(builder.build())
