"""alerts.enriched, version 1: one change of one alert, with its reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from pipeline.domain.change import Change

SCHEMA: Final = "alerts.enriched/1"


class Decision(msgspec.Struct, frozen=True, gc=False):
    """One stage's word on the alert, and why."""

    stage: str
    verdict: str
    reason: str
    rule: str | None = None
    version: int | None = None
    author: str | msgspec.UnsetType = msgspec.UNSET  # of that version; only where there is a rule


class BurstTold(msgspec.Struct, frozen=True, gc=False):
    """Why a repeat is told at once: `resumed`, after a pause that is long for its alert, or `surged`."""

    kind: str
    quiet_ms: int  # the pause before the burst


class Quantiles(msgspec.Struct, frozen=True, gc=False):
    """By when something will have happened, in 50 and in 90 % of cases."""

    p50: float
    p90: float


class Expected(msgspec.Struct, frozen=True, gc=False):
    """What is expected of an alert that begins."""

    resolved_in_s: Quantiles


class EnrichedAlert(msgspec.Struct, gc=False):
    """One record of alerts.enriched."""

    id: str
    tenant_id: str
    fingerprint: str
    name: str
    severity: str
    status: str
    change: Change
    count: int
    starts_at: datetime
    last_seen_at: datetime
    ends_at: datetime | None
    labels: msgspec.Raw
    annotations: msgspec.Raw
    source: str | None
    value: float | None
    generator_url: str | None
    verdict: str
    suppressed_by: tuple[str, ...]
    scores: dict[str, float]
    decisions: msgspec.Raw  # a list of `Decision`; see schemas/rulings.py
    extra: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # left out where the sender gave nothing beyond the contract
    score_reasons: Mapping[str, Sequence[object]] | msgspec.UnsetType = msgspec.UNSET  # by score: models.base.Reason
    burst: BurstTold | msgspec.UnsetType = msgspec.UNSET  # of a repeat that begins one
    expected: Expected | msgspec.UnsetType = msgspec.UNSET  # left out where nothing is known


encode: Final = msgspec.json.Encoder().encode
"""Return the JSON bytes of an `EnrichedAlert`."""
