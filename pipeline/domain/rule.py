"""Whose rule it is: what a decision names when it says why."""

from __future__ import annotations

import msgspec


class RuleRef(msgspec.Struct, frozen=True):
    """One version of one record of the control topic."""

    kind: str
    id: str
    version: int
    author: str = ""
    comment: str = ""
    updated_at: int = 0  # ms


BUILT_IN = RuleRef("built_in", "default", 0, "core-alerts")
"""The rule behind a policy that nobody wrote."""
