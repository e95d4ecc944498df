from __future__ import annotations

import pytest

from pipeline.domain.matchers import Matcher, Matchers, Operator
from pipeline.domain.severity import Severity
from pipeline.domain.subject import Subject
from pipeline.domain.tenants import DeadMansSwitch, TenantPolicy

SWITCH = DeadMansSwitch("prometheus", Matchers(((Matcher("job", Operator.EQUAL, "heartbeat"),),)), within=300_000)
POLICY = TenantPolicy(always_pass=("Watchdog",), dead_mans_switches=(SWITCH,), never_suppress=Severity.ERROR)


@pytest.mark.parametrize(
    ("name", "labels", "severity", "protected"),
    [
        ("CPUHigh", {}, Severity.WARNING, False),
        ("CPUHigh", {}, Severity.ERROR, True),
        ("CPUHigh", {}, Severity.CRITICAL, True),
        ("Watchdog", {}, Severity.NONE, True),
        ("WatchdogDown", {}, Severity.NONE, False),
        ("CPUHigh", {"job": "heartbeat"}, Severity.INFO, True),
        ("CPUHigh", {"job": "db"}, Severity.INFO, False),
    ],
)
def test_severe_alerts_names_that_always_pass_and_dead_mans_switches_are_protected(
    name: str, labels: dict[str, str], severity: Severity, protected: bool
) -> None:
    assert POLICY.protects(Subject(name, labels, severity.label), severity) is protected


def test_by_default_critical_alerts_alone_are_protected() -> None:
    policy = TenantPolicy()
    assert [policy.protects(Subject("A", {}), severity) for severity in Severity] == [False] * 4 + [True]
