"""What differs between a folder of rules and the topic, as the versions to write and as text for a person."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import unified_diff
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from pipeline.control.yaml import write_document
from pipeline.domain.errors import RejectedRecordError
from pipeline.schemas.control_records import new_record
from pipeline.schemas.control_specs import read_spec, write_spec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pipeline.control.folder import RuleDocument
    from pipeline.schemas.control_records import ControlKey, ControlRecord


class Action(StrEnum):
    """What becomes of a rule."""

    ADDED = "added"
    CHANGED = "changed"
    EXPIRED = "expired"
    REMOVED = "removed"


@dataclass(frozen=True)
class ControlChange:
    """One version to write."""

    action: Action
    before: ControlRecord | None
    """None where there is no rule of this id, or no more."""
    after: ControlRecord
    why: str = ""
    """What a person could not see from the difference."""

    @property
    def key(self) -> ControlKey:
        """Which rule it is."""
        return self.after.key

    def diff(self) -> str:
        """Return the difference as a unified diff of YAML."""
        lines = unified_diff(
            [] if self.before is None else _lines(self.before),
            [] if self.after.deleted else _lines(self.after),
            "nothing" if self.before is None else f"{self.key} version {self.before.version}",
            f"{self.key} version {self.after.version}",
            n=2,
        )
        return "".join(lines)


def _lines(record: ControlRecord) -> list[str]:
    spec = {} if record.spec is None else msgspec.json.decode(normal_spec(record))
    return write_document({"comment": record.comment, "spec": spec}).splitlines(keepends=True)


def normal_spec(record: ControlRecord) -> bytes:
    """Return the spec of a version such that equal rules have equal bytes; as it is where it cannot be read."""
    spec = record.spec or b"{}"
    try:
        return write_spec(read_spec(record.kind, spec))
    except RejectedRecordError:
        return spec


@dataclass(frozen=True)
class Writer:
    """Makes the next versions, in one name and at one time."""

    author: str
    now: int  # ms

    def put(self, key: ControlKey, newest: ControlRecord | None, document: RuleDocument) -> ControlRecord:
        """Return the version that puts a document in force."""
        author = document.author or self.author
        return new_record(key, _next(newest), author, self.now, document.comment, document.spec)

    def delete(self, newest: ControlRecord, comment: str) -> ControlRecord:
        """Return the version that deletes a rule."""
        return new_record(newest.key, _next(newest), self.author, self.now, comment, None)


def _next(newest: ControlRecord | None) -> int:
    return 1 if newest is None else newest.version + 1


def same(record: ControlRecord, document: RuleDocument) -> bool:
    """Say whether a version says what a document says; who wrote it counts only if the document names somebody."""
    return (
        not record.deleted
        and record.comment == document.comment
        and document.author in (None, record.author)
        and normal_spec(record) == document.spec
    )


def changes(
    documents: Iterable[RuleDocument], newest: Mapping[ControlKey, ControlRecord], writer: Writer
) -> list[ControlChange]:
    """Return what has to be written so that every document is in force, by key; nothing for one that is."""
    found = []
    for document in sorted(documents, key=lambda one: one.key):
        known = newest.get(document.key)
        if known is not None and same(known, document):
            continue
        before = None if known is None or known.deleted else known
        action = Action.ADDED if before is None else Action.CHANGED
        found.append(ControlChange(action, before, writer.put(document.key, known, document)))
    return found


def removals(
    kept: Collection[ControlKey], tenants: Collection[str], newest: Mapping[ControlKey, ControlRecord], writer: Writer
) -> list[ControlChange]:
    """Return what has to be written so that these tenants have no other rules than those that are kept."""
    return [
        ControlChange(Action.REMOVED, record, writer.delete(record, "no longer in the folder"))
        for key, record in sorted(newest.items())
        if key.tenant_id in tenants and key not in kept and not record.deleted
    ]
