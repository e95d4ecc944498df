"""What happened to one alert, as values: for a person as lines, for a program as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.ledger.why_incidents import IncidentSaid
from pipeline.schemas.enriched import Quantiles


class Said(msgspec.Struct, frozen=True):
    """One decision, with what the rule's author wrote beside it."""

    stage: str
    verdict: str
    reason: str
    rule: str | None
    version: int | None
    author: str | None
    comment: str | None


class Happening(msgspec.Struct, frozen=True):
    """One line of the story."""

    at: str
    at_is_exact: bool
    """False: it was then or later."""
    own: str | None
    """The name of the pipeline's own alert that this is of; None: it is a change of the alert itself."""
    id: str
    change: str
    status: str
    severity: str
    count: int
    verdict: str
    suppressed_by: tuple[str, ...]
    sentences: tuple[str, ...]
    decisions: tuple[Said, ...]
    scores: dict[str, float] = {}
    resolved_in_s: Quantiles | None = None
    """After how many seconds it was expected to have ended; None: nothing was known."""


class Story(msgspec.Struct, frozen=True):
    """An alert as its newest record has it, all that happened to it in order, and the incidents it was in."""

    tenant_id: str
    fingerprint: str
    name: str
    labels: dict[str, str]
    source: str | None
    severity: str
    status: str
    starts_at: str
    last_seen_at: str
    ends_at: str | None
    count: int
    verdict: str
    suppressed_by: tuple[str, ...]
    happenings: tuple[Happening, ...]
    incidents: tuple[IncidentSaid, ...] = ()

    def as_json(self) -> Any:
        """Return it as what JSON can be made of."""
        return msgspec.to_builtins(self)
