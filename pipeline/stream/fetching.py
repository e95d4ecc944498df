"""Fetching by the batch: records as the parser in C makes them, without a Python object around each.

aiokafka wraps every record in a `ConsumerRecord`, one step of a Python generator at a time; that costs as
much as everything the ingest agent does with a repeat. What its parser yields already has offset, timestamp,
key, value and headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka import conn
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# How much of an answer asyncio buffers before it stops reading from the socket. The default, 64 KiB, turns one
# fetch of some megabytes into a hundred pauses.
_READ_AHEAD = 32 << 20


class KeptRecords(MemoryRecords):  # the one in C, or the one in Python
    """The batches of one fetched partition, and the bytes they are read from."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class _LenientBytes(bytearray):
    """Bytes whose parts become text whatever they are."""

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        return _LenientBytes(part) if isinstance(place, slice) else part

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return bytes(self).decode(encoding, errors)


def read_leniently(data: bytes, number: int) -> Iterator[Any]:
    """Yield the records of batch `number` in `data`; a header's name that is not UTF-8 has U+FFFD in it.

    The parser in C gives the whole batch up for one such name, and a partition must not stop for it.
    """
    batches = _MemoryRecordsPy(data)
    for _ in range(number):
        batches._cache_next()
    batch = _DefaultRecordBatchPy(batches._next_slice)
    batch._maybe_uncompress()
    batch._buffer = _LenientBytes(batch._buffer)
    return iter(batch)


class PlainRecords(fetcher.PartitionRecords):
    """The records of one fetched partition, unwrapped.

    Control batches, aborted transactions and positions are the business of the base class's method, which this
    one follows line by line; it only hands a batch's records on as they are.
    """

    def _unpack_records(self) -> Iterator[Any]:
        records, number = self._records, -1
        while records.has_next():
            batch, number = records.next_batch(), number + 1
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
                try:
                    yield from self._wanted(batch)
                except UnicodeDecodeError:
                    yield from self._wanted(read_leniently(records.data, number))
            self.next_fetch_offset = batch.next_offset

    def _wanted(self, records: Iterable[Any]) -> Iterator[Any]:
        """Yield those that were asked for: a batch may begin before."""
        for record in records:
            if record.offset >= self.next_fetch_offset:
                self.next_fetch_offset = record.offset + 1
                yield record


class Fetched(list[Any]):
    """Records of one partition, and an offset: between the two there is no other record."""

    begin: int = 0


class PlainResult(fetcher.FetchResult):
    """What one fetch brought for one partition."""

    def getall(self, max_records: int | None = None) -> Fetched:
        """Return its records, and where they begin.

        Marks of transactions and records of one that was aborted move the position without a word. The records that
        come after them begin where those did.
        """
        if not self.has_more():
            return Fetched()
        state = self._assignment.state_value(self._topic_partition)
        begin = self._partition_records.next_fetch_offset
        is_next = state.has_valid_position and state.position == begin  # the fetcher was not sent elsewhere since
        fetched = Fetched(super().getall(max_records))
        passed_from, passed_to = getattr(state, "_passed_over", (-1, -1))
        fetched.begin = passed_from if passed_to == begin else begin
        if is_next:
            state._passed_over = fetched[-1].offset + 1 if fetched else fetched.begin, state.position
        return fetched


def fetch_plain_records() -> None:
    """Let every consumer of this process fetch plain records."""
    fetcher.PartitionRecords = PlainRecords
    fetcher.FetchResult = PlainResult
    fetcher.MemoryRecords = KeptRecords
    conn.READER_LIMIT = _READ_AHEAD
