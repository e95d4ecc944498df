"""What the correlator is told: changes of alerts, and what people say of its incidents."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import msgspec

ENDS: Final = frozenset({"resolved", "expired"})
BEGINS: Final = frozenset({"opened", "reopened", "resumed", "surged", "unsuppressed"})
"""Changes with which an alert may come to another incident. `resumed`: firing again after a pause, while open."""


class Seen(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One change of one alert, as alerts.enriched tells it. Times are milliseconds since 1970."""

    fingerprint: str
    name: str
    severity: int  # 0 none .. 4 critical
    firing: bool
    suppressed: bool
    change: str
    at: int
    starts_at: int
    labels: dict[str, str]
    source: str | None = None
    text: str = ""  # the summary annotation
    count: int = 1  # firing records since it opened
    output_id: str = ""  # of the enriched record: stable over replay
    last_seen: int = 0  # of its newest firing record; 0: as `at`. A digest tells later of what was before
    quiet_ms: int = 0  # of `resumed` and `surged`: how long it had not fired before that
    suppressed_by: tuple[str, ...] = ()


class Feedback(msgspec.Struct, frozen=True):
    """What somebody says of an incident."""

    id: str  # the same id again replaces what it said before
    kind: str  # belongs, does_not_belong, root_cause, undo
    incident: str  # its id or an alias
    fingerprint: str = ""  # of belongs and does_not_belong
    node: str = ""  # of root_cause
    of: str = ""  # of undo: the feedback that is taken back


def new_id(tenant: str, fingerprint: str, at: int) -> str:
    """Return the id of the incident whose first alert began at `at`: 16 hex digits, the same in every replay."""
    return sha256(f"{tenant}\0{fingerprint}\0{at}".encode()).hexdigest()[:16]
