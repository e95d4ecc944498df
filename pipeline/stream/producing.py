"""Producing by hand-built batches: one future for each batch, not for each record."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation, KafkaError, ProducerFenced

from pipeline.domain.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.kafka_connection import KafkaConnection
    from pipeline.schemas.records import Output

# Below the broker's default limit for a batch (1 MiB with its header).
BATCH_BYTES = 900_000
_REQUEST_BYTES = 4 << 20
_ROWS_AT_A_TIME = 500
# The last is what a producer says that was fenced in the middle of a transaction.
_ERRORS = (KafkaError, IllegalOperation)
_NO_HEADERS: list[tuple[str, bytes]] = []
_Row = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes]]]
# The broker answers CONCURRENT_TRANSACTIONS while the previous one still completes: ask again soon.
_RETRY_BACKOFF_MS = 10


class FencedError(InfrastructureError):
    """Another worker owns the partition now; what this one still had is void."""


@dataclass(slots=True)
class Sent:
    """Batches on their way, with the number of records in each."""

    futures: list[tuple[asyncio.Future[Any], int]]

    async def delivered(self) -> int:
        """Wait for all of them; return the offset of the last record, -1 for none.

        Raises:
            InfrastructureError: if one could not be written.
        """
        last = -1
        try:
            for future, count in self.futures:
                metadata = await future
                last = max(last, metadata.offset + count - 1)
        except _ERRORS as error:
            raise broker_error(error) from error
        return last


def taken_over() -> FencedError:
    """Return the error for a partition that somebody else has had since."""
    return FencedError(
        "another worker has taken a partition of this one over while it was silent. Nothing is lost: start it "
        "again, and if that happens often raise worker.session_timeout."
    )


def broker_error(error: BaseException) -> InfrastructureError:
    """Return what to tell an operator about an error of a Kafka client."""
    if isinstance(error, ProducerFenced | IllegalOperation):
        return taken_over()
    return InfrastructureError(
        f"Kafka did not take what was written ({error!r}). Look at the brokers and the network, "
        "and start the worker again: nothing past the last checkpoint was committed."
    )


class BatchProducer:
    """An idempotent producer, transactional if it is given an id, that sends batches it builds itself."""

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        client_id: str,
        request_timeout_ms: int,
        transactional_id: str | None = None,
        transaction_timeout_ms: int = 15_000,
    ) -> None:
        self.transactional_id = transactional_id
        self._producer = AIOKafkaProducer(
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=_REQUEST_BYTES,
            request_timeout_ms=request_timeout_ms,
            retry_backoff_ms=_RETRY_BACKOFF_MS,
            transactional_id=transactional_id,
            transaction_timeout_ms=transaction_timeout_ms,
            **connection.aiokafka(),
        )

    async def start(self) -> None:
        """Connect; a transactional producer thereby fences every earlier one with its id.

        Raises:
            InfrastructureError: if the brokers cannot be reached.
        """
        try:
            await self._producer.start()
        except _ERRORS as error:
            raise broker_error(error) from error

    async def stop(self) -> None:
        """Disconnect."""
        await self._producer.stop()

    async def send(self, topic: str, outputs: Iterable[Output]) -> Sent:
        """Send `outputs`, those of one partition in their order; return once they are queued."""
        by_partition: dict[int, list[Output]] = {}
        for output in outputs:
            by_partition.setdefault(output.partition, []).append(output)
        sent = Sent([])
        for partition, records in by_partition.items():
            rows = ((one.timestamp, one.key, one.value, one.headers) for one in records)
            sent.futures += await self._send_batches(topic, partition, rows)
        return sent

    async def send_rows(self, topic: str, partition: int, rows: Mapping[bytes, bytes | None]) -> Sent:
        """Send the rows of a checkpoint to one partition of a changelog, in as few batches as they fit in."""
        now = time.time_ns() // 1_000_000
        records = ((now, key, value, _NO_HEADERS) for key, value in rows.items())
        return Sent(await self._send_batches(topic, partition, records))

    async def _send_batches(
        self, topic: str, partition: int, records: Iterable[_Row]
    ) -> list[tuple[asyncio.Future[Any], int]]:
        """Send (timestamp, key, value, headers) to one partition.

        The builder in C is called itself: around it aiokafka's own costs four times as much as what it does.
        """
        sent: list[tuple[asyncio.Future[Any], int]] = []
        batch, count = self._producer.create_batch(), 0
        append = batch._builder.append
        try:
            for taken, (timestamp, key, value, headers) in enumerate(records, 1):
                if append(count, timestamp, key, value, headers) is None:
                    sent.append((await self._send_batch(batch, count, topic, partition), count))
                    batch, count = self._producer.create_batch(), 0
                    append = batch._builder.append
                    append(0, timestamp, key, value, headers)  # alone in its batch, a record always fits
                count += 1
                if taken % _ROWS_AT_A_TIME == 0:
                    await asyncio.sleep(0)  # input waits meanwhile
            if count:
                sent.append((await self._send_batch(batch, count, topic, partition), count))
        except _ERRORS as error:
            raise broker_error(error) from error
        return sent

    async def _send_batch(self, batch: Any, count: int, topic: str, partition: int) -> asyncio.Future[Any]:
        batch._relative_offset = count
        batch.close()
        future: asyncio.Future[Any] = await self._producer.send_batch(batch, topic, partition=partition)
        return future

    async def begin(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Begin a transaction that will write to these partitions of topics.

        Told of them now, aiokafka makes them part of it with one request, and not with one for each as it meets them.
        """
        try:
            await self._producer.begin_transaction()
            for topic, partition in partitions:
                self._producer._txn_manager.maybe_add_partition_to_txn(TopicPartition(topic, partition))
        except _ERRORS as error:
            raise broker_error(error) from error

    async def add_offsets(self, offsets: dict[Any, int], group: str) -> None:
        """Make the input offsets part of the transaction."""
        try:
            await self._producer.send_offsets_to_transaction(offsets, group)
        except _ERRORS as error:
            raise broker_error(error) from error

    async def commit(self) -> None:
        """Commit the transaction."""
        try:
            await self._producer.commit_transaction()
        except _ERRORS as error:
            raise broker_error(error) from error
