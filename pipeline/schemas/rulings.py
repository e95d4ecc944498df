"""What every stage said of one change, as `decisions` of alerts.enriched carry it.

There are few different decisions, so each is encoded once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from pipeline.domain.reasons import Ruled, Stage, Told
from pipeline.schemas.enriched import Decision

if TYPE_CHECKING:
    from pipeline.domain.rule import RuleRef

PASS: Final = "pass"  # noqa: S105 - a verdict
SUPPRESS: Final = "suppress"
LIFECYCLE: Final = "lifecycle"
_encode = msgspec.json.Encoder().encode


class Ruling(msgspec.Struct, frozen=True, gc=False):
    """Whether one change of an alert is suppressed, by whom, and what each stage said: JSON, in order."""

    suppressed_by: tuple[str, ...] = ()
    decisions: tuple[bytes, ...] = ()

    @property
    def verdict(self) -> str:
        """Return the word for it."""
        return "suppressed" if self.suppressed_by else "active"


UNASKED: Final = Ruling()
"""Nobody has anything that could suppress."""


@lru_cache(maxsize=10_000)
def decision(stage: Stage, verdict: str, reason: Ruled, ref: RuleRef | None = None) -> bytes:
    """Return one decision as JSON."""
    if ref is None:
        return _encode(Decision(stage, verdict, reason))
    return _encode(Decision(stage, verdict, reason, ref.id, ref.version, ref.author or msgspec.UNSET))


NO_MATCH: Final = {stage: decision(stage, PASS, Ruled.NO_MATCH) for stage in Stage}


def decisions(told: Told, ruling: Ruling) -> msgspec.Raw:
    """Return the decisions of a change, with why it is told at all in front."""
    if not ruling.decisions:
        return _ALONE[told]
    return msgspec.Raw(b"".join([_FIRST[told], b",", b",".join(ruling.decisions), b"]"]))


_ALONE: Final = {told: msgspec.Raw(_encode([Decision(LIFECYCLE, PASS, told.value)])) for told in Told}
_FIRST: Final = {told: bytes(text)[:-1] for told, text in _ALONE.items()}
