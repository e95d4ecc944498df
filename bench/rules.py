"""A full set of rules for the benches: silences, inhibition and policies for each tenant, hiding next to nothing.

What is measured with them is what it costs to ask, so most of them are about other alerts than those of the load.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from bench.load import RULES, SERVICES
from pipeline.control.kafka import write_control
from pipeline.domain.timestamps import to_text
from pipeline.schemas.control_records import ControlKey, new_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from pipeline.kafka_connection import KafkaConnection
    from pipeline.schemas.control_records import ControlRecord

SILENCES = 200
INHIBIT_RULES = 50
_DAY_MS = 24 * 3600 * 1000


def write_rules(connection: KafkaConnection, tenants: list[str]) -> int:
    """Write the rules of every tenant to the topic control; return how many."""
    now = time.time_ns() // 1_000_000
    records = [record for tenant in tenants for record in rules_of(tenant, now)]
    write_control(connection, records)
    return len(records)


def rules_of(tenant: str, now: int) -> Iterator[ControlRecord]:
    """Yield 200 active silences, 50 inhibit rules and a policy of each kind."""
    for number in range(SILENCES):
        yield _record(tenant, "silence", f"s{number}", _silence(number, now), now)
    for number in range(INHIBIT_RULES):
        yield _record(tenant, "inhibit_rule", f"i{number}", _inhibit_rule(number), now)
    yield _record(tenant, "storm_policy", "storms", {"floor": 500, "factor": 4.0}, now)
    yield _record(tenant, "flap_policy", "flaps", {"window": "30m", "start_at": 6, "end_at": 2}, now)
    yield _record(tenant, "tenant", tenant, {"always_pass": ["Watchdog"]}, now)


def _silence(number: int, now: int) -> dict[str, Any]:
    rule, service = RULES[number % len(RULES)], SERVICES[number % len(SERVICES)]
    matchers = [
        [f'alertname="{rule}"', f'instance="10.200.{number}.1:9100"'],
        [f'service="{service}"', f'namespace="team-{number}"'],
        [f'alertname="{rule}"', f'instance=~"10\\\\.200\\\\.{number}\\\\..*"'],
        [f'alertname="Other{number}"'],
    ][number % 4]
    return {"matchers": matchers, "starts_at": to_text(now - _DAY_MS), "ends_at": to_text(now + _DAY_MS)}


def _inhibit_rule(number: int) -> dict[str, Any]:
    rule = RULES[number % len(RULES)]
    return {
        "source_matchers": [f'alertname="NodeDown{number}"'],
        "target_matchers": [f'alertname="{rule}"', 'severity="warning"'],
        "equal": ["cluster", "instance"],
    }


def _record(tenant: str, kind: str, rule_id: str, spec: dict[str, Any], now: int) -> ControlRecord:
    return new_record(ControlKey(tenant, kind, rule_id), 1, "bench", now, "bench", msgspec.json.encode(spec))
