"""Silences of a folder: which of them may keep their id, by Alertmanager's rule for edits.

An active silence keeps its id only while its matchers and its past stay as they are. Another edit ends it, for its
history, and begins a new one whose id is that of the document with the next number: db-upgrade, db-upgrade.r2,
db-upgrade.r3. The document keeps its id, and stands for the last of them that has no document of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.control.diff import Action, ControlChange, same
from pipeline.control.folder import ControlProblem
from pipeline.domain.errors import RejectedRecordError
from pipeline.domain.schedules import Once
from pipeline.domain.silence_edits import Outcome, edit
from pipeline.domain.silences import Silence
from pipeline.domain.timestamps import to_datetime
from pipeline.schemas.control import rule_of
from pipeline.schemas.control_records import ControlKey, new_record
from pipeline.schemas.control_specs import read_spec, write_spec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pipeline.control.diff import Writer
    from pipeline.control.folder import RuleDocument
    from pipeline.domain.calendars import Calendar
    from pipeline.schemas.control_records import ControlRecord

KIND: Final = "silence"
_SUCCESSOR: Final = re.compile(r"(.+)\.r([1-9][0-9]{0,8})")
_WHY: Final = "an edit of its matchers or its past ends a silence, and begins another"
_ENDED: Final = "the silence has ended, and so has what is written now"


class Successors:
    """The ids that silences of a folder have had one after the other."""

    def __init__(self, documents: Iterable[ControlKey], newest: Iterable[ControlKey]) -> None:
        self._documents = set(documents)
        self._numbers: dict[tuple[str, str], set[int]] = {}
        for key in {*self._documents, *newest}:
            if key.kind == KIND:
                base, number = _parts(key.id)
                self._numbers.setdefault((key.tenant_id, base), set()).add(number)

    def of(self, key: ControlKey) -> list[ControlKey]:
        """Return the silences that followed the one of a document, the last one first."""
        base, number = _parts(key.id)
        later = [one for one in self._numbers.get((key.tenant_id, base), ()) if one > number]
        keys = [ControlKey(key.tenant_id, KIND, f"{base}.r{one}") for one in sorted(later, reverse=True)]
        return [one for one in keys if one not in self._documents]

    def next(self, key: ControlKey) -> ControlKey:
        """Return an id that no silence has had."""
        base, _ = _parts(key.id)
        numbers = self._numbers.setdefault((key.tenant_id, base), set())
        number = max(numbers, default=1) + 1
        numbers.add(number)
        return ControlKey(key.tenant_id, KIND, f"{base}.r{number}")


def _parts(rule_id: str) -> tuple[str, int]:
    found = _SUCCESSOR.fullmatch(rule_id)
    return (found[1], int(found[2])) if found else (rule_id, 1)


def silence_changes(
    document: RuleDocument,
    newest: Mapping[ControlKey, ControlRecord],
    successors: Successors,
    calendar: Calendar | None,
    writer: Writer,
) -> list[ControlChange] | ControlProblem:
    """Return what has to be written so that a silence is in force, or why it cannot be."""
    chain = [newest[key] for key in (*successors.of(document.key), document.key) if key in newest]
    held = newest.get(document.key)
    if held is not None and same(held, document):
        return []
    known = next((record for record in chain if not record.deleted), None)
    if known is None:
        return [ControlChange(Action.ADDED, None, writer.put(document.key, held, document))]
    return [] if same(known, document) else _edited(document, known, successors, calendar, writer)


def _edited(
    document: RuleDocument, known: ControlRecord, successors: Successors, calendar: Calendar | None, writer: Writer
) -> list[ControlChange] | ControlProblem:
    assert isinstance(document.rule, Silence)  # noqa: S101 - by its kind
    changed = ControlChange(Action.CHANGED, known, writer.put(known.key, known, document))
    try:
        old = rule_of(known)
    except RejectedRecordError:
        return [changed]  # no worker took it, so it has no past
    assert isinstance(old, Silence)  # noqa: S101 - by its kind
    found = edit(old, document.rule, writer.now, calendar)
    if found.outcome is Outcome.UPDATED:
        return [changed]
    over = document.rule.schedule.is_over(writer.now, calendar)
    if found.outcome is Outcome.REFUSED and over and not old.schedule.is_over(writer.now, calendar):
        return [ControlChange(Action.EXPIRED, known, changed.after)]
    if found.outcome is Outcome.REFUSED:
        reason = _ENDED if over else found.reason
        return ControlProblem(document.place, f"{document.key}", reason, "Write a later end, or leave it as it was")
    new = successors.next(document.key)
    steps = [ControlChange(Action.ADDED, None, writer.put(new, None, document), _WHY)]
    if found.ended is not None and found.ended != old:
        steps.insert(0, ControlChange(Action.EXPIRED, known, _ended(known, found.ended, writer), _WHY))
    return steps


def _ended(known: ControlRecord, ended: Silence, writer: Writer) -> ControlRecord:
    """Return the version that says when a silence ended."""
    spec = read_spec(KIND, known.spec or b"{}")
    assert isinstance(ended.schedule, Once)  # noqa: S101 - what has ended does not recur
    times = {"starts_at": to_datetime(ended.schedule.starts_at), "ends_at": to_datetime(ended.schedule.ends_at)}
    spec = write_spec(msgspec.structs.replace(spec, recurs=None, **times))
    return new_record(known.key, known.version + 1, writer.author, writer.now, known.comment, spec)
