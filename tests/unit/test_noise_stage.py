"""Alerts that nobody will care about, hidden where a tenant asks for it, until they end, get worse or are wanted."""

from __future__ import annotations

from typing import Any

import pytest

from agents.suppress.defaults import Defaults
from pipeline.domain.budgets import BudgetPolicy
from pipeline.domain.severity import Severity
from pipeline.domain.tenants import TenantPolicy
from pipeline.replay_outcome import Outcome
from tests.step_driver import MINUTE, SECOND, T0, Driver, Record, body, control, firing, resolved

HIDES = {"noise": {"hide_from": 0.9}}
Told = tuple[str, str, list[str]]


def scene(policy: dict[str, Any] | None = HIDES, *, said: str | None = "noise", scores: bool = True) -> Driver:
    """Return a driver whose tenant has a policy, and once said of HighCPU on host h that it is noise, or wanted."""
    driver = Driver(defaults=Defaults(scores=scores))
    driver.take([firing(0, T0, name="First")])
    if policy is not None:
        driver.take_control(control(0, "tenant", "acme", policy))
    if said is not None:
        driver.take_control(opinion(1, "f-1", said))
    driver.left.clear()
    return driver


def opinion(offset: int, rule_id: str, says: str | None, *, version: int = 1, name: str = "HighCPU") -> Record:
    spec = None if says is None else {"says": says, "name": name, "instance": "h"}
    return control(offset, "feedback", rule_id, spec, version=version)


def cpu(offset: int, after: int, **fields: Any) -> Record:
    return firing(offset, T0 + after, labels={"host": "h"}, **fields)


def cpu_ends(offset: int, after: int, **fields: Any) -> Record:
    return resolved(offset, T0 + after, labels={"host": "h"}, **fields)


def records(driver: Driver) -> list[dict[str, Any]]:
    found = [body(left.output) for left in driver.left if left.topic == "alerts.enriched"]
    driver.left.clear()
    return [one for one in found if one["source"] != "core-alerts"]


def told(driver: Driver) -> list[Told]:
    return [(one["change"], one["verdict"], one["suppressed_by"]) for one in records(driver)]


def reason(record: dict[str, Any]) -> tuple[str, str, str | None] | None:
    """Return verdict, reason and rule of what the stage said."""
    found = [one for one in record["decisions"] if one["stage"] == "noise"]
    return (found[0]["verdict"], found[0]["reason"], found[0]["rule"]) if found else None


def test_an_alert_of_a_name_that_was_called_noise_is_hidden_from_its_opening_to_its_end() -> None:
    driver = scene()
    driver.take([cpu(1, SECOND), cpu_ends(2, MINUTE)])
    opened, ended = records(driver)
    for one in (opened, ended):
        assert (one["verdict"], one["suppressed_by"]) == ("suppressed", ["noise"])
        assert reason(one) == ("suppress", "likely_noise", "acme")
    assert opened["scores"]["noise"] >= 0.9


def test_a_digest_of_repeats_says_what_hid_the_alert() -> None:
    driver = scene()
    driver.take([cpu(1, SECOND), cpu(2, 2 * SECOND)])
    driver.pass_time(T0 + 2 * MINUTE)
    _, repeated = records(driver)
    assert (repeated["change"], repeated["suppressed_by"]) == ("repeated", ["noise"])
    assert reason(repeated) == ("suppress", "likely_noise", None)


@pytest.mark.parametrize(
    ("policy", "said", "fields"),
    [
        (None, "noise", {}),
        ({"always_pass": []}, "noise", {}),
        (HIDES, None, {}),
        (HIDES, "wanted", {}),
        ({"noise": {"hide_from": 1}}, "noise", {}),
        (HIDES, "noise", {"name": "NeverSaid"}),
        (HIDES, "noise", {"severity": "critical"}),
        ({**HIDES, "never_suppress": "error"}, "noise", {"severity": "error"}),
        ({**HIDES, "always_pass": ["HighCPU"]}, "noise", {}),
    ],
    ids=[
        "without a policy", "with a policy that hides none", "of a name of which nobody said anything",
        "that is wanted", "that is not likely enough", "of another name", "critical", "severe for the tenant",
        "that always passes",
    ],
)  # fmt: skip
def test_an_alert_is_shown(policy: dict[str, Any] | None, said: str | None, fields: dict[str, Any]) -> None:
    driver = scene(policy, said=said)
    driver.take([cpu(1, SECOND, **fields)])
    assert told(driver) == [("opened", "active", [])]


def test_without_scores_nothing_is_hidden() -> None:
    driver = scene(scores=False)
    driver.take([cpu(1, SECOND)])
    assert told(driver) == [("opened", "active", [])]


def test_a_critical_alert_says_why_it_passes() -> None:
    driver = scene()
    driver.take([cpu(1, SECOND, severity="critical")])
    assert reason(records(driver)[0]) == ("pass", "never_suppressed", "acme")


def test_when_the_budget_is_spent_nothing_more_is_hidden() -> None:
    driver = scene({**HIDES, "budget": {"suppressed_per_day": 1}})
    driver.take([cpu(1, SECOND), cpu_ends(2, 2 * SECOND), cpu(3, 3 * MINUTE)])
    first, ended, later = records(driver)
    assert first["verdict"] == "suppressed"
    assert (reason(ended), reason(later)) == (("pass", "budget_exhausted", "acme"),) * 2


def test_what_is_hidden_as_noise_counts_for_the_budget_and_the_report() -> None:
    driver = scene()
    driver.take([cpu(1, SECOND)])
    tenant = driver.step.suppression.tenant("acme")
    assert tenant.budget.spent == 1
    assert driver.step.suppression.hid == {("acme", "noise"): 1}


def test_an_alert_that_gets_worse_is_shown_and_so_is_its_end() -> None:
    driver = scene()
    driver.take([cpu(1, SECOND), cpu(2, MINUTE, severity="error"), cpu_ends(3, 2 * MINUTE)])
    opened, raised, ended = records(driver)
    assert [one["verdict"] for one in (opened, raised, ended)] == ["suppressed", "active", "active"]
    assert (reason(raised), reason(ended)) == (("pass", "severity_raised", "acme"), ("pass", "was_shown", "acme"))


def test_the_end_of_what_was_shown_is_shown() -> None:
    driver = scene(said=None)
    driver.take([cpu(1, SECOND)])
    driver.take_control(opinion(1, "f-1", "noise"))
    driver.take([cpu_ends(2, MINUTE), cpu(3, 2 * MINUTE)])
    assert told(driver) == [("opened", "active", []), ("resolved", "active", []), ("reopened", "suppressed", ["noise"])]


def test_a_hidden_alert_is_shown_as_soon_as_somebody_wants_it() -> None:
    driver = scene()
    driver.take([cpu(1, SECOND)])
    driver.take_control(opinion(2, "f-1", "wanted", version=2))
    assert told(driver) == [("opened", "suppressed", ["noise"]), ("unsuppressed", "active", [])]


def test_one_that_wants_it_outweighs_many_who_do_not_where_little_may_be_lost() -> None:
    driver = scene()
    driver.take_control(*[opinion(n, f"f-{n}", "noise") for n in range(2, 6)])
    driver.take([cpu(1, SECOND)])
    driver.take_control(opinion(6, "f-6", "wanted"))
    assert told(driver) == [("opened", "suppressed", ["noise"]), ("unsuppressed", "active", [])]


def test_a_hidden_alert_is_shown_when_what_was_said_is_taken_back() -> None:
    driver = scene()
    driver.take([cpu(1, SECOND)])
    driver.take_control(opinion(2, "f-1", None, version=2))
    assert told(driver) == [("opened", "suppressed", ["noise"]), ("unsuppressed", "active", [])]


@pytest.mark.parametrize("policy", [None, {}, {"noise": {"hide_from": 0.9999}}, {**HIDES, "always_pass": ["HighCPU"]}])
def test_a_hidden_alert_is_shown_when_the_policy_no_longer_hides_it(policy: dict[str, Any] | None) -> None:
    driver = scene()
    driver.take([cpu(1, SECOND)])
    driver.take_control(control(2, "tenant", "acme", policy, version=2))
    assert told(driver) == [("opened", "suppressed", ["noise"]), ("unsuppressed", "active", [])]


def test_a_policy_that_still_hides_it_tells_nothing() -> None:
    driver = scene()
    driver.take([cpu(1, SECOND)])
    driver.take_control(control(2, "tenant", "acme", {"noise": {"hide_from": 0.95}}, version=2))
    assert told(driver) == [("opened", "suppressed", ["noise"])]


def test_an_alert_that_a_silence_and_noise_hid_stays_hidden_when_the_silence_goes() -> None:
    driver = scene()
    driver.take_control(control(2, "silence", "s-1", {"matchers": [], "starts_at": 0, "ends_at": 1}))
    silence = {
        "matchers": ['alertname="HighCPU"'],
        "starts_at": "2023-11-14T00:00:00Z",
        "ends_at": "2023-11-15T00:00:00Z",
    }
    driver.take_control(control(3, "silence", "s-2", silence))
    driver.take([cpu(1, SECOND)])
    driver.take_control(control(4, "silence", "s-2", None, version=2))
    assert told(driver) == [("opened", "suppressed", ["silence:s-2", "noise"])]
    assert driver.step.suppression.held_by(driver.step.suppression.tenant("acme"), "noise")


def test_while_the_guard_has_fallen_back_the_decision_says_so() -> None:
    driver = scene()
    scoring = driver.step._scoring
    assert scoring is not None
    scoring._models.of("acme").noise.judgement.judge(None, 0.0)  # as if the model had failed
    driver.take([cpu(1, SECOND)])
    (opened,) = records(driver)
    assert reason(opened) == ("suppress", "noise_by_recent_rate", "acme")
    assert opened["scores"]["noise"] == 0.995  # none of one label was wanted, and the prior of 0.01 weighs one
    assert [one["feature"] for one in opened["score_reasons"]["noise"]] == ["recent_rate"]


def test_a_hidden_alert_goes_on_the_same_after_a_restart() -> None:
    driver = scene()
    driver.take([cpu(1, SECOND)])
    driver.checkpoint()
    again = Driver(defaults=driver.defaults, rows=dict(driver.rows))
    for one in (driver, again):
        one.left.clear()
        one.take([cpu_ends(2, MINUTE), cpu(3, 2 * MINUTE, severity="error")])
        one.take_control(opinion(2, "f-1", "wanted", version=2))
    assert again.left == driver.left
    assert [one[:2] for one in told(driver)] == [
        ("resolved", "suppressed"), ("reopened", "suppressed"), ("unsuppressed", "active"),
    ]  # fmt: skip


def test_a_replay_counts_what_was_hidden_as_noise() -> None:
    driver = scene()
    driver.take([cpu(1, SECOND)])
    outcome = Outcome()
    outcome.take([left.output for left in driver.left])
    assert outcome.as_json()["suppressed_by"] == {"noise": 1}
    assert "1 suppressed (noise 1)" in outcome.sentences()


def test_what_runs_the_pipeline_may_hide_noise_of_tenants_without_a_policy() -> None:
    policy = TenantPolicy(never_suppress=Severity.CRITICAL, budget=BudgetPolicy(), hide_noise_from=0.9)
    driver = Driver(defaults=Defaults(tenant=policy, scores=True))
    driver.take([firing(0, T0, name="First")])
    driver.take_control(opinion(0, "f-1", "noise"))
    driver.left.clear()
    driver.take([cpu(1, SECOND)])
    assert told(driver) == [("opened", "suppressed", ["noise"])]
