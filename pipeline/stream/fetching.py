"""Fetching by the batch: records as the parser in C makes them, without a Python object around each.

aiokafka wraps every record in a `ConsumerRecord`, one step of a Python generator at a time; that costs as
much as everything the ingest agent does with a repeat. What its parser yields already has offset, timestamp,
key, value and headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka import conn
from aiokafka.consumer import fetcher

if TYPE_CHECKING:
    from collections.abc import Iterator

# How much of an answer asyncio buffers before it stops reading from the socket. The default, 64 KiB, turns one
# fetch of some megabytes into a hundred pauses.
_READ_AHEAD = 32 << 20


class PlainRecords(fetcher.PartitionRecords):
    """The records of one fetched partition, unwrapped.

    Control batches, aborted transactions and positions are the business of the base class's method, which this
    one follows line by line; it only hands a batch's records on as they are.
    """

    def _unpack_records(self) -> Iterator[Any]:
        records = self._records
        while records.has_next():
            batch = records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise fetcher.Errors.CorruptRecordException(f"invalid CRC in a batch of {self._tp}")
            if batch.producer_id is not None and self._isolation_level == fetcher.READ_COMMITTED:
                self._consume_aborted_up_to(batch.base_offset)
                if batch.is_control_batch and self._contains_abort_marker(batch):
                    self._aborted_producers.discard(batch.producer_id)
                if batch.is_transactional and batch.producer_id in self._aborted_producers:
                    self.next_fetch_offset = batch.next_offset
                    continue
            if not batch.is_control_batch:
                wanted = self.next_fetch_offset
                for record in batch:
                    if record.offset >= wanted:  # a batch may begin before the offset that was asked for
                        self.next_fetch_offset = record.offset + 1
                        yield record
            self.next_fetch_offset = batch.next_offset


def fetch_plain_records() -> None:
    """Let every consumer of this process fetch plain records."""
    fetcher.PartitionRecords = PlainRecords
    conn.READER_LIMIT = _READ_AHEAD
