"""A topology as documents of a control folder, each small enough for a record."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pipeline.control.folder import LARGEST_FILE
from pipeline.control.yaml import write_document
from pipeline.schemas.control import rule_of
from pipeline.schemas.control_records import new_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pipeline.domain.kubernetes_topology import KubernetesTopology
    from pipeline.domain.topology import Edge
    from pipeline.schemas.control_records import ControlKey, ControlRecord

KIND: Final = "topology"
_BETWEEN: Final = "---\n"
_FULL: Final = 48 * 1024  # bytes of JSON; a record may have 64 KiB


def topology_documents(key: ControlKey, found: KubernetesTopology, comment: str) -> list[str]:
    """Return a topology as YAML documents; the first has the id of `key`, others have -2, -3, … after it."""
    records = [
        new_record(key._replace(id=_numbered(key.id, number)), 1, "-", 0, comment, msgspec.json.encode(spec))
        for number, spec in enumerate(_specs(found), start=1)
    ]
    for record in records:
        rule_of(record)  # or nobody would take it
    return [_document(record) for record in records]


def topology_files(first: Path, documents: Iterable[str]) -> dict[Path, str]:
    """Return the text of each file: `first`, and beside it others with -2, -3, … in their names where it is full."""
    texts: list[list[str]] = [[]]
    size = 0
    for document in documents:
        more = len(document.encode()) + len(_BETWEEN)
        if texts[-1] and size + more > LARGEST_FILE:
            texts.append([])
            size = 0
        texts[-1].append(document)
        size += more
    return {file_number(first, number): _BETWEEN.join(text) for number, text in enumerate(texts, start=1)}


def file_number(first: Path, number: int) -> Path:
    """Return the path of one of several files."""
    return first.with_stem(_numbered(first.stem, number))


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _document(record: ControlRecord) -> str:
    assert record.spec is not None  # noqa: S101 - it was just given
    members = {"tenant": record.tenant_id, "kind": record.kind, "id": record.id, "comment": record.comment}
    return write_document({**members, "spec": msgspec.json.decode(record.spec)})


def _specs(found: KubernetesTopology) -> Iterator[dict[str, Any]]:
    """Yield the parts, none of them larger than a record."""
    spec: dict[str, Any] = {}
    size = 0
    for field, piece in _pieces(found):
        more = len(msgspec.json.encode(piece)) + 1
        if size + more > _FULL:
            yield spec
            spec, size = {}, 0
        if isinstance(piece, tuple):
            spec.setdefault(field, {})[piece[0]] = piece[1]
        else:
            spec.setdefault(field, []).append(piece)
        size += more
    if spec:
        yield spec


def _pieces(found: KubernetesTopology) -> Iterator[tuple[str, dict[str, str] | tuple[str, str]]]:
    """Yield each node, with the edges that begin there and the values that mean it, and the field each stands in."""
    edges: dict[str, list[Edge]] = defaultdict(list)
    for edge in found.edges:
        edges[edge.source].append(edge)
    values: dict[str, list[str]] = defaultdict(list)
    for value, node in found.values.items():
        values[node].append(value)
    for node, kind in found.nodes.items():
        yield "nodes", {"id": node, "type": kind}
        yield from (("edges", {"source": one.source, "target": one.target, "label": one.label}) for one in edges[node])
        yield from (("values", (value, node)) for value in values[node])
