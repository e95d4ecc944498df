"""The rows of one partition in RocksDB, written one checkpoint at a time."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

import structlog
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
    WriteOptions,
)

from pipeline.domain.errors import InfrastructureError, StateDamagedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tables.store import Rows

log = structlog.get_logger("core_alerts.stream")

# Written last: the changelog offset that the rows include. No key of a table starts so.
_CHANGELOG_OFFSET = b"\0changelog-offset"
_WRITTEN_AT = b"\0written-at"  # and when that was, ms
# A changelog forgets deletions after 7 days (topics.py): a store that is older could bring deleted rows back.
_TOO_OLD = timedelta(days=6)
# The interpreter is held while rows are written: this many at a time, some milliseconds.
_ROWS_AT_A_TIME = 1000
_OPEN_FILES = 128
_BLOOM_BITS = 10
_LOCK_WORDS = ("while lock file", "lock hold by")  # another process, this process
# How long rows may be in memory only. A worker that is killed reads from its changelog what it wrote since.
_FLUSH_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class StoreLimits:
    """What RocksDB may use, in bytes, over all partitions of a worker."""

    block_cache: int = 64 << 20
    write_buffers: int = 64 << 20


class StoreMemory:
    """The block cache and the memtable budget that all partitions of a worker share."""

    def __init__(self, limits: StoreLimits) -> None:
        self.limits = limits
        self.cache = Cache(limits.block_cache)
        self.write_buffers = WriteBufferManager(limits.write_buffers, allow_stall=False)

    def options(self) -> Options:
        """Return the options that every partition's store is opened with."""
        blocks = BlockBasedOptions()
        blocks.set_block_cache(self.cache)
        blocks.set_bloom_filter(_BLOOM_BITS, block_based=False)
        blocks.set_cache_index_and_filter_blocks(True)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_block_based_table_factory(blocks)
        options.set_write_buffer_manager(self.write_buffers)
        options.set_write_buffer_size(max(4 << 20, self.limits.write_buffers // 4))
        options.set_max_write_buffer_number(2)
        options.set_max_open_files(_OPEN_FILES)
        options.set_compression_type(DBCompressionType.lz4())
        options.set_paranoid_checks(True)
        return options


class PartitionStore:
    """One partition's rows, and the changelog offset up to which they are known to be whole.

    RocksDB's own log is off: the changelog is one already. After a crash the store is a little older than it was,
    whole and with the offset it is at, and catches up from there.
    """

    def __init__(self, path: Path, memory: StoreMemory) -> None:
        self.path = path
        self._memory = memory
        self._db = self._open()
        self._write_options = WriteOptions()
        self._write_options.disable_wal = True
        self._flushed_at = time.monotonic()
        # Rows on their way through a commit: newer than the database, older than what is still being changed.
        self.in_flight: Mapping[bytes, bytes | None] = {}

    def _open(self) -> Rdict:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            db = Rdict(str(self.path), self._memory.options())
        except Exception as error:  # noqa: BLE001 - rocksdict raises bare Exception for everything
            text = str(error)
            if any(words in text.lower() for words in _LOCK_WORDS):
                raise InfrastructureError(
                    f"{self.path} is in use by another worker ({text}). "
                    "Give every worker a data directory of its own: CORE_ALERTS_DATA_DIR."
                ) from None
            raise _error_of(self.path, text) from None
        self._read_options = ReadOptions()
        self._read_options.set_verify_checksums(True)
        db.set_read_options(self._read_options)
        return db

    def get(self, key: bytes) -> bytes | None:
        """Return the row at `key`, or None."""
        if key in self.in_flight:
            return self.in_flight[key]
        try:
            value: bytes | None = self._db.get(key)
        except Exception as error:  # noqa: BLE001 - rocksdict raises bare Exception for everything
            raise self._noted(_error_of(self.path, str(error))) from None
        return value

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows whose keys start with `prefix`, by key."""
        last = prefix
        try:
            for key, value in self._db.items(from_key=prefix):
                if not key.startswith(prefix):
                    return
                yield key, value
                last = key
            # That iterator ends in silence at damage as well as at the end; this one says which it was.
            end = self._db.iter()
            end.seek(last)
            if end.valid():
                end.next()
            end.status()
        except GeneratorExit:
            raise
        except Exception as error:  # noqa: BLE001 - rocksdict raises bare Exception for everything
            raise self._noted(_error_of(self.path, str(error))) from None

    def verify(self) -> None:
        """Pass over every row, so that every block's checksum is looked at.

        Raises:
            StateDamagedError: if one is wrong.
        """
        try:
            rows = self._db.iter(self._read_options)
            rows.seek_to_first()
            valid, following = rows.valid, rows.next
            while valid():
                following()
            rows.status()
        except Exception as error:  # noqa: BLE001 - rocksdict raises bare Exception for everything
            raise _error_of(self.path, str(error)) from None

    def write(self, rows: Rows, changelog_offset: int) -> None:
        """Write `rows`, and in the end the changelog offset that includes them. May be called from a thread.

        A crash in between leaves rows that are newer than the offset: they are read from the changelog again.
        """
        # Neighbours go to neighbouring places: inserting them costs half.
        ordered = iter(sorted(rows))
        try:
            while chunk := list(islice(ordered, _ROWS_AT_A_TIME)):
                batch = WriteBatch(raw_mode=True)
                for key in chunk:
                    value = rows[key]
                    if value is None:
                        batch.delete(key)
                    else:
                        batch.put(key, value)
                self._db.write(batch, self._write_options)
                time.sleep(0)  # the interpreter, to whoever waits for it
            batch = WriteBatch(raw_mode=True)
            batch.put(_CHANGELOG_OFFSET, changelog_offset.to_bytes(8, "big"))
            batch.put(_WRITTEN_AT, _now_ms().to_bytes(8, "big"))
            self._db.write(batch, self._write_options)
            if time.monotonic() - self._flushed_at > _FLUSH_SECONDS:
                self._flushed_at = time.monotonic()
                self._db.flush(wait=False)
        except Exception as error:  # noqa: BLE001 - rocksdict raises bare Exception for everything
            raise self._noted(_error_of(self.path, str(error))) from None

    @property
    def changelog_offset(self) -> int | None:
        """Return the last changelog offset that the rows include; None for an empty store."""
        value = self.get(_CHANGELOG_OFFSET)
        return None if value is None else int.from_bytes(value, "big")

    @property
    def is_too_old(self) -> bool:
        """Say whether the changelog may have forgotten deletions since this store was written to."""
        value = self.get(_WRITTEN_AT)
        return value is not None and _now_ms() - int.from_bytes(value, "big") > _TOO_OLD // timedelta(milliseconds=1)

    def incomplete(self, begin: int, end: int) -> InfrastructureError:
        """Return the error for changelog records that never arrived, and let the next start wipe the store."""
        return self._noted(
            _error_of(self.path, f"the records of its changelog from offset {begin} to {end} are missing")
        )

    def _noted(self, error: InfrastructureError) -> InfrastructureError:
        """Return `error`; where it is damage, the next start will find a mark and wipe the store.

        Not all damage shows when every row is read once: filters and indexes are met by look-ups only.
        """
        if isinstance(error, StateDamagedError):
            _mark_of(self.path, "damaged").touch()
        return error

    def close(self) -> None:
        """Write out what is in memory only, and give the files and their lock back."""
        try:
            self._db.flush()
        except Exception as error:  # noqa: BLE001 - rocksdict raises bare Exception for everything
            log.warning("the last rows stay in the changelog only", path=str(self.path), error=str(error))
            self._db.close()
        else:
            self._db.close()
            _mark_of(self.path, "closed").touch()

    def wipe(self) -> None:
        """Delete everything and start empty."""
        self._db.close()
        shutil.rmtree(self.path, ignore_errors=True)
        self._db = self._open()
        self.in_flight = {}


def open_store(path: Path, memory: StoreMemory) -> tuple[PartitionStore, str | None]:
    """Return the store at `path` and, if a damaged one had to be wiped first, what was wrong with it.

    After anything but a clean stop every row is read once, checksums included: damage is found here and not at 3 a.m.
    After a clean stop it would be found just as well by whoever loads the rows, which stops the worker; the next start
    finds the mark that says so.
    """
    closed = _mark_of(path, "closed")
    was_closed = closed.exists()
    closed.unlink(missing_ok=True)
    mark = _mark_of(path, "damaged")
    if mark.exists():
        shutil.rmtree(path, ignore_errors=True)
        mark.unlink()
        return PartitionStore(path, memory), "it was found damaged while the worker ran"
    try:
        store = PartitionStore(path, memory)
    except StateDamagedError as error:
        shutil.rmtree(path, ignore_errors=True)
        return PartitionStore(path, memory), str(error)
    damage = None if was_closed else _damage_of(store)
    if damage is None and store.is_too_old:
        damage = f"it was last written to more than {_TOO_OLD.days} days ago"
    if damage is not None:
        store.wipe()
    return store, damage


def _damage_of(store: PartitionStore) -> str | None:
    # A function of its own: an error still at hand holds on to the iterator that raised it, and that to the lock.
    try:
        store.verify()
    except StateDamagedError as error:
        return str(error)
    return None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _mark_of(path: Path, what: str) -> Path:
    """Return the file beside a store that says it was found `damaged`, or was `closed` as it should be."""
    return path.with_name(f"{path.name}.{what}")


def _error_of(path: Path, text: str) -> InfrastructureError:
    remedy = next((remedy for words, remedy in _REMEDIES.items() if words in text.lower()), None)
    if remedy is None:  # corruption, and files that should be there and are not
        return StateDamagedError(f"{path}: {text}. Start the worker again: it restores the state from its changelog.")
    return InfrastructureError(
        f"{path}: {text}. {remedy} and start the worker again: nothing past the last checkpoint was committed."
    )


_REMEDIES = {
    "no space": "Free some space",
    "permission denied": "Let the worker's user write there",
    "read-only": "Mount the file system for writing",
    "too many open files": "Raise the limit of open files (ulimit -n)",
    "already closed": "The partition was given away meanwhile",
    "input/output error": "Replace the disk or move the data directory",
}
