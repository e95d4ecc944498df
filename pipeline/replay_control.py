"""The rules of a replay: a folder, all of which holds from the start, or records of the topic `control` in time.

A record in time is taken in before the first alert of its partition that is younger than it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pipeline.control.folder import read_folder
from pipeline.domain.errors import ConfigurationError, RejectedRecordError
from pipeline.domain.partitioner import partition_of
from pipeline.exchange import interpret, read_lines
from pipeline.schemas.control_records import as_bytes, new_record, parse_key
from pipeline.topics import CONTROL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from pipeline.control.folder import RuleDocument
    from pipeline.exchange import Line
    from pipeline.schemas.control_records import ControlKey, ControlRecord

FROM_THE_START: Final = -1
"""The time of a record that holds before the first alert, whenever that is."""
_FIRST_KINDS: Final = ("tenant", "calendar")  # others are judged by these
_NOBODY: Final = "-"


@dataclass(frozen=True, slots=True)
class ControlInput:
    """One record of the topic `control`, and when it is taken in."""

    at: int  # ms
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int | None = None
    """Where it was recorded; None for one that was not."""
    offset: int = 0

    @property
    def timestamp(self) -> int:
        """Return when it was, as records have it."""
        return self.at


@dataclass(frozen=True, slots=True)
class ControlLog:
    """What is known of the topic `control`, in the order of its partitions."""

    records: Sequence[ControlInput] = ()

    def __bool__(self) -> bool:
        return bool(self.records)

    def by_partition(self, partitions: int | None) -> dict[int, list[ControlInput]]:
        """Return the records of each partition in order, with rising offsets and times that never fall.

        Without `partitions` there is one. Records keep the offsets they were recorded with, unless some have none.

        Raises:
            ConfigurationError: if one was recorded on a partition that there is not.
        """
        keeps_places = partitions is not None and all(one.partition is not None for one in self.records)
        found: dict[int, list[ControlInput]] = defaultdict(list)
        for record in _in_time(self.records):
            number = 0 if partitions is None else _partition(record, partitions)
            there = found[number]
            offset = record.offset if keeps_places else len(there)
            if not there or offset > there[-1].offset:
                there.append(replace(record, partition=number, offset=offset))
        return dict(found)

    def holding(self, since: int | None) -> ControlLog:
        """Return the same with all that is older than `since` in force from the start."""
        if since is None:
            return self
        return ControlLog([replace(one, at=FROM_THE_START) if one.at < since else one for one in self.records])

    def of_tenant(self, tenant: str) -> ControlLog:
        """Return the records that are one tenant's."""
        begin = f"{tenant}/".encode()
        return ControlLog([one for one in self.records if (one.key or b"").startswith(begin)])

    def without(self, key: ControlKey) -> ControlLog:
        """Return the same without the versions of one rule."""
        name = as_bytes(key)
        return ControlLog([one for one in self.records if one.key != name])

    def having(self, record: ControlRecord) -> ControlLog:
        """Return the same with a version that is in force from the start, after all others that are."""
        first = [one for one in self.records if one.at == FROM_THE_START]
        made = ControlInput(FROM_THE_START, as_bytes(record.key), record.value)
        return ControlLog([*first, made, *(one for one in self.records if one.at != FROM_THE_START)])

    def changed(self, change: Callable[[ControlInput], ControlInput]) -> ControlLog:
        """Return the same with another record in the place of each."""
        return ControlLog([change(one) for one in self.records])


def _partition(record: ControlInput, partitions: int) -> int:
    if record.partition is None:
        try:
            return partition_of(parse_key(record.key).tenant_id, partitions)
        except RejectedRecordError:
            return 0  # where it becomes a dead letter
    if record.partition >= partitions:
        raise ConfigurationError(
            f"A control record was recorded on partition {record.partition}, but there are only {partitions}. Give "
            "--partitions as many as the topic had."
        )
    return record.partition


def _in_time(records: Iterable[ControlInput]) -> list[ControlInput]:
    """Return records by time; none of a partition overtakes one before it."""
    latest: dict[int | None, int] = {}
    timed = []
    for record in records:
        at = latest[record.partition] = max(record.at, latest.get(record.partition, FROM_THE_START))
        timed.append(replace(record, at=at))
    return sorted(timed, key=lambda one: one.at)  # stable: those of one partition stay in order


def read_control(path: Path) -> ControlLog:
    """Return the rules of a folder, in force from the start, or a recording of the topic `control`.

    Raises:
        ConfigurationError: if the folder has problems, or the file is no such recording.
    """
    if not path.is_dir():
        return recorded(path, (interpret(number, text) for number, text in read_lines(path)))
    found = read_folder(path)
    if found.problems:
        raise ConfigurationError("\n".join([*map(str, found.problems), f"{path} has {len(found.problems)} problems."]))
    return of_documents(found.rules.values())


def of_documents(documents: Iterable[RuleDocument]) -> ControlLog:
    """Return what puts rules in force from the start, all of them in version 1."""
    return ControlLog(
        [ControlInput(FROM_THE_START, as_bytes(one.key), first_version(one).value) for one in _ordered(documents)]
    )


def first_version(document: RuleDocument) -> ControlRecord:
    """Return the version of a document that is the first of its rule."""
    return new_record(document.key, 1, document.author or _NOBODY, 0, document.comment, document.spec)


def _ordered(documents: Iterable[RuleDocument]) -> list[RuleDocument]:
    return sorted(documents, key=lambda one: (one.key.kind not in _FIRST_KINDS, one.key))


def recorded(source: object, lines: Iterable[Line]) -> ControlLog:
    """Return records of the topic `control`, each in force from its time on; `source` names where they are from.

    Raises:
        ConfigurationError: if one is of no topic, or of another.
    """
    return ControlLog(list(_recorded(source, lines)))


def _recorded(source: object, lines: Iterable[Line]) -> Iterator[ControlInput]:
    for line in lines:
        place = line.place
        if place is None or place.topic != CONTROL.name:
            raise ConfigurationError(
                f"{source}, line {line.number}, is no record of the topic {CONTROL.name}. Give a folder of rules, or "
                f"what `core-alerts tail {CONTROL.name} --from-beginning --timeout 5 --json` prints."
            )
        at = FROM_THE_START if line.timestamp is None else line.timestamp
        yield ControlInput(at, line.key, line.value, line.headers, place.partition, place.offset)
