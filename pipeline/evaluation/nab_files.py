"""Labelled series as files: `series/**/*.csv` and `windows.json`, as NAB has them or anybody else."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from pipeline.domain.errors import ConfigurationError
from pipeline.domain.timestamps import EPOCH
from pipeline.evaluation.nab import Labelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

Windows = dict[str, list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Series:
    """One file: its points as they stand, and its windows as the scorer wants them."""

    name: str  # the path below series/, with slashes
    stamps: tuple[str, ...]  # as the file has them
    times: tuple[int, ...]  # ms since 1970, in UTC
    values: tuple[float | None, ...]  # None where there is no finite number
    labelled: Labelled


def is_series_set(folder: Path) -> bool:
    """Say whether a folder holds labelled series."""
    return (folder / "series").is_dir() and (folder / "windows.json").is_file()


def read_set(folder: Path) -> Iterator[Series]:
    """Yield the series of a folder by name; a file without an entry in windows.json has no anomaly.

    Raises:
        ConfigurationError: for a file that cannot be read, with the line and what to write there.
    """
    path = folder / "windows.json"
    try:
        windows = msgspec.json.decode(path.read_bytes(), type=Windows)
    except (OSError, msgspec.MsgspecError) as error:
        raise ConfigurationError(f'{path}: {error}. Write {{"group/file.csv": [[begin, end], ...]}}.') from None
    for file in sorted((folder / "series").rglob("*.csv")):
        name = file.relative_to(folder / "series").as_posix()
        yield read_series(file, name, windows.get(name, []))


def read_series(path: Path, name: str, windows: Iterable[tuple[str, str]] = ()) -> Series:
    """Return one series: timestamp and value are the first two columns, and a first line without a number is a head."""
    stamps: list[str] = []
    times: list[int] = []
    values: list[float | None] = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as lines:
            for number, row in enumerate(csv.reader(lines), 1):
                if not row or (number == 1 and len(row) > 1 and not _is_stamp(row[0])):
                    continue
                if len(row) < 2 or not _is_stamp(row[0]):
                    raise ConfigurationError(
                        f"{path}, line {number}: no point. Write a time such as 2026-01-31 12:00:00, a comma, a number."
                    )
                stamps.append(row[0])
                times.append(to_time(row[0]))
                values.append(_number(row[1]))
        spans = tuple((to_time(begin), to_time(end)) for begin, end in windows)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise ConfigurationError(f"{path}: {error}. Times are written 2026-01-31 12:00:00, in UTC.") from None
    return Series(name, tuple(stamps), tuple(times), tuple(values), Labelled(len(times), rows_of(times, spans)))


def to_time(text: str) -> int:
    """Return a timestamp in ms; one without a zone is in UTC."""
    moment = datetime.fromisoformat(text.strip())
    since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def _is_stamp(text: str) -> bool:
    try:
        to_time(text)
    except ValueError:
        return False
    return True


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def rows_of(times: Sequence[int], spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the first and last point of each span of time, in order; what overlaps is one, what has no point none.

    A time that two points share is its first, as in NAB.
    """
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        inside = [row for row, at in enumerate(times) if begin <= at <= end]
        if not inside:
            continue
        last = times.index(end, inside[0]) if times[inside[-1]] == end else inside[-1]
        if found and inside[0] <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((inside[0], last))
    return tuple(found)
