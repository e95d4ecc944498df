"""A tenant's own policy: what nobody may hide from it, and how much may be hidden and sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pipeline.domain.budgets import BudgetPolicy
from pipeline.domain.matchers import Matchers
from pipeline.domain.rule import BUILT_IN, RuleRef
from pipeline.domain.severity import Severity
from pipeline.domain.throttling import ThrottlePolicy

if TYPE_CHECKING:
    from pipeline.domain.subject import Subject


class DeadMansSwitch(msgspec.Struct, frozen=True):
    """Alerts that have to keep coming: when none came for `within`, that is an alert of its own."""

    id: str
    matchers: Matchers
    within: int  # ms


class TenantPolicy(msgspec.Struct, frozen=True):
    """What holds for one tenant as a whole."""

    ref: RuleRef = BUILT_IN
    always_pass: tuple[str, ...] = ("Watchdog",)  # alert names
    dead_mans_switches: tuple[DeadMansSwitch, ...] = ()
    max_silence: int | None = None  # ms; None: as long as anybody likes
    never_suppress: Severity = Severity.CRITICAL  # this and anything worse
    throttle: ThrottlePolicy = ThrottlePolicy()
    budget: BudgetPolicy = BudgetPolicy()
    hide_noise_from: float | None = None  # the score from which an alert counts as noise; None: none does
    throttle_is_its_own: bool = False  # the tenant wrote it; otherwise whoever runs the pipeline decides on it

    def protects(self, subject: Subject, severity: Severity) -> bool:
        """Say whether nothing learned or adaptive may hide this alert."""
        if severity >= self.never_suppress or subject.name in self.always_pass:
            return True
        switches = self.dead_mans_switches
        return bool(switches) and any(switch.matchers.matches(subject) for switch in switches)
