"""What suppresses an alert, as `suppressed_by` names it: `silence:db-upgrade` for a rule, `storm` for what adapts."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.domain.reasons import Stage


def named(stage: Stage, rule_id: str) -> str:
    """Return the name of a rule as a suppressor."""
    return f"{stage.value}:{rule_id}"


@lru_cache(maxsize=10_000)
def parts_of(suppressor: str) -> tuple[str, str]:
    """Return the stage and the id of the rule; no id for what nobody wrote."""
    stage, _, rule_id = suppressor.partition(":")
    return stage, rule_id


def stage_of(suppressor: str) -> str:
    """Return the stage."""
    return parts_of(suppressor)[0]


def is_adaptive(suppressor: str) -> bool:
    """Say whether nobody wrote it."""
    return ":" not in suppressor
