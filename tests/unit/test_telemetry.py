from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from agents.suppress.defaults import Defaults
from models.noise import NoiseInput
from pipeline import telemetry
from pipeline.domain.timestamps import to_text
from pipeline.health import HealthState
from pipeline.metrics import Metrics
from pipeline.telemetry import Telemetry
from tests.step_driver import MINUTE, T0, Driver, control, firing, resolved

SILENCE = {"matchers": ["alertname=HighCPU"], "starts_at": to_text(T0), "ends_at": to_text(T0 + 60 * MINUTE)}
EVERYTHING = {"matchers": [], "starts_at": to_text(T0), "ends_at": to_text(T0 + 60 * MINUTE)}
SUPPRESSED = "core_alerts_alerts_suppressed_total"


class Clock:
    """The clock of the process, moved by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    moved = Clock()
    monkeypatch.setattr(telemetry, "time", moved)
    return moved


class Scene:
    """A step whose figures go to a registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        metrics = Metrics(self.registry, version="1")
        self.telemetry = Telemetry(metrics, HealthState(stall_timeout=60), "ingest")
        self.driver = Driver(defaults=Defaults())

    def report(self) -> None:
        self.telemetry.counted(self.driver.step, self.driver.step.take_tally())

    def gauge(self, name: str) -> float | None:
        return self.registry.get_sample_value(f"core_alerts_{name}", {"partition": "0"})

    def suppressed(self, stage: str, tenant: str = "acme") -> float | None:
        return self.registry.get_sample_value(SUPPRESSED, {"tenant_id": tenant, "stage": stage})


def test_what_is_hidden_is_counted_by_tenant_and_stage_and_only_once() -> None:
    scene = Scene()
    scene.driver.take_control(
        control(0, "silence", "s1", SILENCE),
        control(1, "silence", "s2", SILENCE),
        control(2, "maintenance_window", "w1", EVERYTHING, tenant="globex"),
    )
    records = [firing(0, T0), firing(1, T0, tenant_id="globex"), resolved(2, T0 + MINUTE), firing(3, T0, name="Other")]
    scene.driver.take(records)
    scene.report()
    scene.report()
    assert [scene.suppressed(stage) for stage in ("silence", "maintenance", "storm")] == [4, None, None]
    assert scene.suppressed("maintenance", "globex") == 1


def test_rules_in_force_are_counted_whatever_their_kind(clock: Clock) -> None:
    scene = Scene()
    scene.report()
    assert scene.gauge("control_rules") == 0
    scene.driver.take_control(
        control(0, "silence", "s1", SILENCE),
        control(1, "maintenance_window", "w1", EVERYTHING),
        control(2, "calendar", "c1", {"dates": ["2026-12-24"]}),
        control(3, "inhibit_rule", "i1", {"sources": [{"matchers": ["a=b"]}], "target": {"matchers": ["c=d"]}}),
        control(4, "flap_policy", "f1", {}),
        control(5, "identity_rule", "r1", {"drop": ["pod"]}),
        control(6, "storm_policy", "default", {}),
        control(7, "tenant", "acme", {}),
        control(8, "silence", "s1", SILENCE, tenant="globex"),
        now_ms=T0,
    )
    clock.now += 5
    scene.report()
    assert scene.gauge("control_rules") == 9
    scene.driver.take_control(
        control(9, "silence", "s1", None, version=2), control(10, "tenant", "acme", None, version=2)
    )
    clock.now += 5
    scene.report()
    assert scene.gauge("control_rules") == 7


def test_tenants_in_a_storm_are_counted_while_it_goes_on(clock: Clock) -> None:
    scene = Scene()
    storm = [firing(n, T0, name=f"Alert{n}", severity="warning") for n in range(600)]
    scene.driver.take(storm)
    scene.report()
    assert scene.gauge("storms") == 1
    assert (scene.suppressed("storm") or 0) + (scene.suppressed("throttle") or 0) == 0  # names never met before pass
    scene.driver.step.advance(T0 + 10 * MINUTE)
    clock.now += 5
    scene.report()
    assert scene.gauge("storms") == 0


def test_what_is_told_of_rates_is_counted_once_by_tenant_and_name() -> None:
    scene = Scene()
    scene.driver.defaults = Defaults(scores=True)
    scene.driver.restart()
    rates = scene.driver.step.rates
    assert rates is not None
    rates.told["acme", "AlertRateUnusual"] = 2
    scene.report()
    scene.report()
    labels = {"tenant_id": "acme", "name": "AlertRateUnusual"}
    assert scene.registry.get_sample_value("core_alerts_rate_alerts_total", labels) == 2


def test_tenants_whose_model_has_fallen_back_are_counted_until_it_is_right_again() -> None:
    scene = Scene()
    scene.driver.defaults = Defaults(scores=True)
    scene.driver.restart()
    for tenant in ("acme", "globex"):
        for number in range(600):  # what was never wanted is wanted all at once
            scene.driver.step.learn(tenant, NoiseInput(T0, "HighCPU"), wanted=number >= 500)
    scene.report()
    counted = {
        model: scene.registry.get_sample_value("core_alerts_model_fallback", {"partition": "0", "model": model})
        for model in ("noise", "flapping", "resolve")
    }
    assert counted == {"noise": 2, "flapping": 0, "resolve": 0}


def test_tenants_are_not_looked_at_again_within_five_seconds(clock: Clock) -> None:
    scene = Scene()
    scene.report()
    scene.driver.take_control(control(0, "silence", "s1", SILENCE), now_ms=T0)
    clock.now += 4.9
    scene.report()
    assert scene.gauge("control_rules") == 0
    clock.now += 0.1
    scene.report()
    assert scene.gauge("control_rules") == 1


def test_a_partition_that_comes_back_is_looked_at_at_once(clock: Clock) -> None:
    scene = Scene()
    scene.report()
    scene.telemetry.lost("alerts.raw", 0)
    assert scene.gauge("control_rules") is None
    scene.report()
    assert scene.gauge("control_rules") == 0
