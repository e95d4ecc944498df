"""Alerts at minutes and rules that come and go: what tests of replay and backtest have in common."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from agents.suppress.defaults import Defaults
from pipeline.domain.flapping import FlapPolicy
from pipeline.domain.storms import StormPolicy
from pipeline.domain.tenants import TenantPolicy
from pipeline.domain.throttling import ThrottlePolicy
from pipeline.exchange import Line
from pipeline.replay_control import FROM_THE_START, ControlInput
from tests import step_driver

if TYPE_CHECKING:
    from collections.abc import Iterator

T0 = 1_767_225_600_000  # 2026-01-01T00:00:00Z
MINUTE = 60_000


def line(number: int, minutes: float, name: str = "HighCPU", tenant: str = "acme", **fields: Any) -> Line:
    """Return an alert as recorded on no particular place, some minutes after T0."""
    value = json.dumps({"tenant_id": tenant, "name": name, **fields}).encode()
    return Line(number, tenant.encode(), value, (), T0 + int(minutes * MINUTE))


def ruled(
    kind: str,
    rule_id: str,
    spec: dict[str, Any] | None,
    minutes: float | None = None,
    *,
    tenant: str = "acme",
    version: int = 1,
    place: tuple[int, int] | None = None,
) -> ControlInput:
    """Return a version of a rule, in force some minutes after T0 or else from the start."""
    record = step_driver.control(0, kind, rule_id, spec, tenant=tenant, version=version, at=T0)
    at = FROM_THE_START if minutes is None else T0 + int(minutes * MINUTE)
    partition, offset = (None, 0) if place is None else place
    return ControlInput(at, record.key, record.value, (), partition, offset)


def silence(minutes: float | None = None, name: str = "HighCPU", **fields: Any) -> ControlInput:
    """Return a silence of one alert name that is active for the whole of 2026."""
    spec = {
        "matchers": [f'alertname="{name}"'],
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2027-01-01T00:00:00Z",
    }
    return ruled("silence", f"no-{name}", spec, minutes, **fields)


ADAPTIVE = Defaults(
    StormPolicy(floor=6, factor=1.5, quiet_minutes=2),
    FlapPolicy(window=20 * MINUTE, start_at=3, end_at=1),
    TenantPolicy(always_pass=("Watchdog",), throttle=ThrottlePolicy(True, 60, 8, 6, 3)),
)


NODE = {
    "source_matchers": ["alertname=NodeDown"],
    "target_matchers": ["alertname!=NodeDown"],
    "equal": ["instance"],
}
WORK = {"matchers": ["alertname=B"], "starts_at": "2026-01-01T00:20:00Z", "ends_at": "2026-01-01T00:40:30Z"}
CHANGING = (
    ruled("inhibit_rule", "node", NODE, 2),
    silence(5, "A"),
    ruled("maintenance_window", "work", WORK, 8, tenant="globex"),
    ruled("silence", "no-A", {"matchers": []}, 12, version=2),
    ruled("identity_rule", "pods", {"drop": ["pod"]}, 30),
    ruled("silence", "no-A", None, 45, version=3),
    ruled("storm_policy", "storms", {"floor": 9, "quiet_minutes": 3}, 50),
)


def eventful() -> Iterator[Line]:
    """Yield two hours of two tenants: quiet, with something that flaps, and a few minutes of far too much."""
    for number in range(480):
        minutes = number / 4
        tenant = ("acme", "globex")[number % 2]
        burst = 60 <= minutes < 64
        for copy in range(12 if burst else 1):
            yield line(
                number,
                minutes,
                "NodeDown" if number % 37 == 5 else "ABC"[(number // 2 + copy) % 3],
                tenant,
                status="resolved" if number % 11 == 3 else "firing",
                severity=("warning", "error", "critical")[number % 41 % 3],
                labels={"instance": f"i{(number + copy) % 5}", "pod": f"p{(number + copy) % 50}"},
            )
