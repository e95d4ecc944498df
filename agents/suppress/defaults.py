"""The policies of tenants that wrote none of their own."""

from __future__ import annotations

import msgspec

from pipeline.domain.budgets import BudgetPolicy
from pipeline.domain.flapping import FlapPolicy
from pipeline.domain.storms import StormPolicy
from pipeline.domain.tenants import TenantPolicy
from pipeline.domain.throttling import ThrottlePolicy


class Defaults(msgspec.Struct, frozen=True):
    """What holds where a tenant has no policy of its own."""

    storm: StormPolicy = StormPolicy()
    flap: FlapPolicy = FlapPolicy()
    tenant: TenantPolicy = TenantPolicy()
    scores: bool = False
    """Whether changes are scored by the tenant's models."""

    @classmethod
    def switched_off(cls) -> Defaults:
        """Return defaults by which nothing adaptive happens unless a tenant asks for it."""
        return cls(
            StormPolicy(enabled=False),
            FlapPolicy(enabled=False),
            TenantPolicy(throttle=ThrottlePolicy(enabled=False), budget=BudgetPolicy()),
        )
