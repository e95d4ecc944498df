"""Records of alerts.enriched as tests of the ledger write them: a line of a file each."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.domain.timestamps import to_text
from pipeline.exchange import Place, envelope
from pipeline.ledger.entries import Entry, Ledger
from pipeline.schemas import own

if TYPE_CHECKING:
    from collections.abc import Iterable

SIX = 1_795_413_600_000  # 2026-11-23T06:00:00Z
SECOND = 1_000
MINUTE = 60 * SECOND
_numbers = itertools.count(1)
FIRST_SEEN = ("lifecycle", "pass", "first_seen")
OWN_ALERT = ("lifecycle", "pass", "own_alert")


def decision(
    stage: str, verdict: str, reason: str, rule: str | None = None, version: int | None = None, author: str = ""
) -> dict[str, Any]:
    """Return a decision as a record carries it."""
    said = {"stage": stage, "verdict": verdict, "reason": reason, "rule": rule, "version": version}
    return {**said, "author": author} if author else said


def change(
    kind: str = "opened", at: int = SIX, *decisions: tuple[Any, ...], suppressed_by: Iterable[str] = (), **fields: Any
) -> bytes:
    """Return the value of a record: a change of acme's HighCPU, which `fields` make another one."""
    by = list(suppressed_by)
    is_over = kind in ("resolved", "expired")
    known = {
        "id": f"{next(_numbers):032x}",
        "tenant_id": "acme",
        "fingerprint": "e05c2add6a628daa",
        "name": "HighCPU",
        "severity": "warning",
        "status": "resolved" if is_over else "firing",
        "change": kind,
        "count": 1,
        "starts_at": to_text(SIX),
        "last_seen_at": to_text(at),
        "ends_at": to_text(at) if is_over else None,
        "labels": {"instance": "web-1"},
        "annotations": {},
        "source": "prometheus",
        "value": None,
        "generator_url": None,
        "verdict": "suppressed" if by else "active",
        "suppressed_by": by,
        "scores": {},
        "decisions": [decision(*one) for one in decisions or [FIRST_SEEN]],
    }
    return msgspec.json.encode(known | fields)


def own_change(name: str, kind: str, at: int, *, since: int, labels: dict[str, str] | None = None, **f: Any) -> bytes:
    """Return the value of a record of an alert of the pipeline's own, which began at `since`."""
    fields = {
        "name": name,
        "source": own.SOURCE,
        "fingerprint": f"own-{name}",
        "labels": labels or {},
        "starts_at": to_text(since),
        "annotations": {"summary": f"{name} {kind}."},
    }
    return change(kind, at, OWN_ALERT, **(fields | f))


def recorded(value: bytes | None, at: int, *, topic: str = "alerts.enriched", key: str = "acme") -> bytes:
    """Return a record with its own time, as a line of `tail --json`."""
    return envelope(Place(topic, 0, next(_numbers)), at, key.encode(), [], value)


def entries(*values: bytes | tuple[bytes, int]) -> list[Entry]:
    """Return records as the ledger has them; a time stands beside a value where it was recorded."""
    ledger = Ledger("acme")
    pairs = [(one, None) if isinstance(one, bytes) else one for one in values]
    taken = [ledger.take(b"acme", value, at) for value, at in pairs]
    return [entry for entry in taken if entry is not None]
