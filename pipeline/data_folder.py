"""A worker's data folder, held by one process at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.domain.errors import InfrastructureError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_FILE = "worker.lock"  # holds the process id of its holder, for people


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Make `folder` and keep every other worker off it, until the block or this process ends, however it ends.

    RocksDB locks each partition's files, but two workers that share the partitions seldom meet there: each would
    find the state that the other left behind, and give way only now and then.

    Raises:
        InfrastructureError: if another process has it, or it cannot be written to.
    """
    path = folder / LOCK_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise InfrastructureError(
            f"The data folder {folder} cannot be written to ({error.strerror}). "
            "Let the worker's user write there, or name another: CORE_ALERTS_DATA_DIR."
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise InfrastructureError(
                f"The data folder {folder} is in use by another worker (process {file.read().strip() or 'unknown'}). "
                "Give every worker a data folder of its own: CORE_ALERTS_DATA_DIR."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield
