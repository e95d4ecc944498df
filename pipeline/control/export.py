"""Rules of the topic as files that `control apply` finds unchanged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.control.folder import LARGEST_FILE
from pipeline.control.yaml import write_document

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.schemas.control_records import ControlRecord

_FULL: Final = LARGEST_FILE // 2  # bytes


def document_of(record: ControlRecord) -> str:
    """Return a rule as the YAML document that it is made from; its tenant is that of its folder."""
    spec = {} if record.spec is None else msgspec.json.decode(record.spec)
    members = {"kind": record.kind, "id": record.id, "comment": record.comment, "author": record.author, "spec": spec}
    return write_document({name: said for name, said in members.items() if said != ""})


def export_files(records: Iterable[ControlRecord]) -> dict[str, str]:
    """Return the text of each file by its path below the folder: one for each tenant and kind, more if it is full.

    Rules that are deleted are left out. An id is no name of a file: two may differ in capitals only.
    """
    texts: dict[str, list[str]] = {}
    sizes: dict[str, int] = {}
    for record in sorted(records, key=lambda one: one.key):
        if record.deleted:
            continue
        document = document_of(record)
        size = len(document.encode())
        number = 1
        while (path := _path(record, number)) in texts and sizes[path] + size > _FULL:
            number += 1
        texts.setdefault(path, []).append(document)
        sizes[path] = sizes.get(path, 0) + size
    return {path: "---\n".join(documents) for path, documents in texts.items()}


def _path(record: ControlRecord, number: int) -> str:
    return f"{record.tenant_id}/{record.kind}{f'-{number}' if number > 1 else ''}.yml"
