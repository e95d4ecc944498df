"""Suppression as the whole step does it: control records and alerts in, verdicts and their reasons out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agents.suppress.defaults import Defaults
from pipeline.domain.errors import InfrastructureError
from pipeline.domain.reasons import Rejection, Unchanged
from pipeline.domain.timestamps import to_text
from tables import keys
from tests.step_driver import HOUR, MINUTE, SECOND, T0, Crash, Driver, Record, body, control, firing, resolved

if TYPE_CHECKING:
    from pipeline.schemas.records import Output

DAY = 24 * HOUR


def moment(ms: int) -> str:
    return to_text(ms)


def silence(**spec: Any) -> dict[str, Any]:
    span = {} if "recurs" in spec else {"starts_at": moment(T0), "ends_at": moment(T0 + HOUR)}
    return {"matchers": ['alertname="HighCPU"'], **span, **spec}


def told(driver: Driver) -> list[tuple[str, str, list[str]]]:
    """Return (change, verdict, suppressed_by) of what left since the last call, the pipeline's own alerts aside."""
    return [
        (one["change"], one["verdict"], one["suppressed_by"]) for one in said(driver) if one["source"] != "core-alerts"
    ]


def own(driver: Driver) -> list[tuple[str, str]]:
    """Return (name, change) of the pipeline's own alerts that left since the last call."""
    return [(one["name"], one["change"]) for one in said(driver) if one["source"] == "core-alerts"]


def said(driver: Driver) -> list[dict[str, Any]]:
    outputs: list[Output] = [left.output for left in driver.left if left.topic == "alerts.enriched"]
    driver.left.clear()
    return [body(output) for output in outputs]


def decisions(one: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(d["stage"], d["verdict"], d["reason"]) for d in one["decisions"]]


ACTIVE: list[str] = []


# -- silences


def test_an_alert_under_a_silence_leaves_suppressed_and_names_it_its_version_and_its_author() -> None:
    driver = Driver()
    driver.take_control(control(0, "silence", "s-1", silence(), version=3))
    driver.take([firing(0, T0 + 1)])
    [one] = said(driver)
    assert (one["verdict"], one["suppressed_by"]) == ("suppressed", ["silence:s-1"])
    assert one["decisions"][1] == {
        "stage": "silence", "verdict": "suppress", "reason": "silenced", "rule": "s-1", "version": 3, "author": "ada",
    }  # fmt: skip


def test_an_alert_that_no_silence_matches_passes_and_its_ledger_says_so() -> None:
    driver = Driver()
    driver.take_control(control(0, "silence", "s-1", silence()))
    driver.take([firing(0, T0 + 1, name="DiskFull")])
    [one] = said(driver)
    assert one["verdict"] == "active"
    assert decisions(one) == [("lifecycle", "pass", "first_seen"), ("silence", "pass", "no_match")]


def test_a_silence_made_while_an_alert_fires_suppresses_it_at_once_and_its_end_releases_it() -> None:
    driver = Driver()
    driver.take([firing(0, T0)])
    driver.take_control(control(0, "silence", "s-1", silence(ends_at=moment(T0 + 2 * MINUTE))))
    driver.pass_time(T0 + 2 * MINUTE)
    assert told(driver) == [
        ("opened", "active", ACTIVE),
        ("suppressed", "suppressed", ["silence:s-1"]),
        ("unsuppressed", "active", ACTIVE),
    ]


def test_a_silence_that_is_deleted_releases_what_it_hid() -> None:
    driver = Driver()
    driver.take_control(control(0, "silence", "s-1", silence()))
    driver.take([firing(0, T0 + 1)])
    driver.take_control(control(1, "silence", "s-1", None, version=2))
    assert told(driver) == [("opened", "suppressed", ["silence:s-1"]), ("unsuppressed", "active", ACTIVE)]


def test_an_alert_under_two_silences_stays_suppressed_until_the_last_of_them_ends() -> None:
    driver = Driver()
    driver.take_control(
        control(0, "silence", "s-1", silence(ends_at=moment(T0 + MINUTE))),
        control(1, "silence", "s-2", silence(ends_at=moment(T0 + 2 * MINUTE))),
    )
    driver.take([firing(0, T0 + 1)])
    driver.pass_time(T0 + MINUTE)
    assert told(driver) == [("opened", "suppressed", ["silence:s-1", "silence:s-2"])]
    driver.pass_time(T0 + 2 * MINUTE)
    assert told(driver) == [("unsuppressed", "active", ACTIVE)]


def test_a_pending_silence_begins_when_its_time_comes() -> None:
    driver = Driver()
    driver.take_control(control(0, "silence", "s-1", silence(starts_at=moment(T0 + MINUTE))))
    driver.take([firing(0, T0 + 1)])
    driver.pass_time(T0 + MINUTE)
    assert told(driver) == [("opened", "active", ACTIVE), ("suppressed", "suppressed", ["silence:s-1"])]


def told_before_and_after_a_restart(driver: Driver, record: Record) -> list[str]:
    """Return the changes that a record brings, which are the same for a worker that has just been restarted."""
    driver.checkpoint()
    again = Driver(rows=dict(driver.rows))
    for one in (driver, again):
        one.left.clear()
        one.take([record])
    assert again.left == driver.left
    return [change for change, _, _ in told(again)]


def test_an_identity_rule_makes_the_same_alerts_one_after_a_restart_as_before_it() -> None:
    driver = Driver()
    driver.take([firing(0, T0, labels={"pod": "a"})])
    driver.take_control(control(0, "identity_rule", "pods", {"drop": ["pod"]}))
    assert told_before_and_after_a_restart(driver, firing(1, T0 + 1, labels={"pod": "a"})) == ["opened"]


def test_a_deleted_identity_rule_tells_alerts_apart_after_a_restart_as_before_it() -> None:
    driver = Driver()
    driver.take_control(control(0, "identity_rule", "pods", {"drop": ["pod"]}))
    driver.take([firing(0, T0, labels={"pod": "a"})])
    driver.take_control(control(1, "identity_rule", "pods", None, version=2))
    assert told_before_and_after_a_restart(driver, firing(1, T0 + 1, labels={"pod": "a"})) == ["opened"]


def test_a_record_that_comes_late_is_silenced_by_what_is_active_now_and_by_nothing_that_has_ended() -> None:
    driver = Driver()
    driver.take_control(
        control(0, "silence", "s-1", silence(ends_at=moment(T0 + MINUTE))),
        control(1, "silence", "s-2", silence(starts_at=moment(T0 + MINUTE))),
    )
    driver.take([firing(0, T0 + 2 * MINUTE, name="Other"), firing(1, T0 + 30 * SECOND)])
    assert told(driver) == [("opened", "active", ACTIVE), ("opened", "suppressed", ["silence:s-2"])]


def test_a_resolved_record_of_a_silenced_alert_is_suppressed_as_well() -> None:
    driver = Driver()
    driver.take_control(control(0, "silence", "s-1", silence()))
    driver.take([firing(0, T0 + 1), resolved(1, T0 + 2)])
    assert told(driver) == [("opened", "suppressed", ["silence:s-1"]), ("resolved", "suppressed", ["silence:s-1"])]


def test_a_silence_that_ends_on_resolve_ends_with_the_last_alert_it_hid() -> None:
    driver = Driver()
    driver.take_control(control(0, "silence", "s-1", silence(expire_on_resolve=True)))
    one, other = {"labels": {"instance": "a"}}, {"labels": {"instance": "b"}}
    driver.take([firing(0, T0 + 1, **one), firing(1, T0 + 1, **other), resolved(2, T0 + 2, **one)])
    driver.take([firing(3, T0 + 3, **one), resolved(4, T0 + 4, **one), resolved(5, T0 + 4, **other)])
    driver.take([firing(6, T0 + 5, **one)])
    assert [verdict for _, verdict, _ in told(driver)] == ["suppressed"] * 6 + ["active"]


def test_a_repeated_digest_of_a_silenced_alert_says_by_whom_it_is_hidden() -> None:
    driver = Driver()
    driver.take_control(control(0, "silence", "s-1", silence()))
    driver.take([firing(0, T0 + 1), firing(1, T0 + 2), firing(2, T0 + 2 * MINUTE, name="Other")])
    opened, repeated, _ = said(driver)
    assert (opened["change"], repeated["change"]) == ("opened", "repeated")
    assert repeated["suppressed_by"] == ["silence:s-1"]
    assert decisions(repeated)[1] == ("silence", "suppress", "unchanged")


def test_somebody_is_reminded_before_a_silence_ends() -> None:
    driver = Driver()
    driver.take_control(control(0, "silence", "s-1", silence(remind_before="10m")))
    driver.pass_time(T0 + 49 * MINUTE)
    assert own(driver) == []
    driver.pass_time(T0 + 50 * MINUTE)
    assert own(driver) == [("SilenceExpires", "opened")]
    driver.pass_time(T0 + 2 * HOUR)
    assert own(driver) == []


def test_a_silence_longer_than_its_tenant_allows_is_a_dead_letter() -> None:
    driver = Driver()
    driver.take([firing(0, T0, name="Other")])
    driver.take_control(control(0, "tenant", "acme", {"max_silence": "30m"}), control(1, "silence", "s-1", silence()))
    [dead] = [left.output for left in driver.left if left.topic == "alerts.dlq"]
    assert dict(dead.headers)["reason"] == b"invalid_control"
    driver.take([firing(1, T0 + 1)])
    assert told(driver)[-1] == ("opened", "active", ACTIVE)


# -- control records


def test_a_malformed_control_record_is_a_dead_letter_and_the_version_before_stays_in_force() -> None:
    driver = Driver()
    broken = control(1, "silence", "s-1", silence(matchers=['alertname=~"("']), version=2)
    driver.take_control(control(0, "silence", "s-1", silence()), broken)
    driver.take([firing(0, T0 + 1)])
    [dead] = [left.output for left in driver.left if left.topic == "alerts.dlq"]
    headers = dict(dead.headers)
    assert (headers["reason"], headers["origin"], dead.value) == (b"invalid_control", b"control/0/1", broken.value)
    assert told(driver) == [("opened", "suppressed", ["silence:s-1"])]


def test_a_rule_whose_making_fails_in_a_way_nobody_foresaw_is_a_dead_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(record: object) -> None:
        raise OverflowError("too large for a calendar")

    monkeypatch.setattr("agents.suppress.control.rule_of", fail)
    driver = Driver()
    driver.take([firing(0, T0)])
    driver.take_control(control(0, "silence", "s-1", silence()))
    driver.checkpoint()
    assert driver.tally.rejected == {Rejection.INVALID_CONTROL: 1}


def test_a_rule_in_the_state_that_this_release_cannot_read_stops_the_worker_with_a_remedy() -> None:
    driver = Driver()
    driver.take([firing(0, T0)])
    driver.take_control(control(0, "silence", "s-1", silence()))
    driver.checkpoint()
    key = keys.control("acme", "silence", "s-1")
    driver.rows[key] = driver.rows[key].replace(b"HighCPU", b"High\\PU")
    with pytest.raises(InfrastructureError, match="Another release wrote it"):
        driver.restart()


def test_an_older_version_that_comes_late_changes_nothing() -> None:
    driver = Driver()
    driver.take_control(control(0, "silence", "s-1", silence(), version=2), control(1, "silence", "s-1", None))
    driver.take([firing(0, T0 + 1)])
    assert told(driver) == [("opened", "suppressed", ["silence:s-1"])]
    driver.checkpoint()
    assert driver.tally.unchanged == {Unchanged.OLDER_VERSION: 1}


def test_a_control_record_on_the_wrong_partition_is_a_dead_letter() -> None:
    driver = Driver(partition=1, partitions=2)  # acme belongs to 0
    driver.take_control(control(0, "silence", "s-1", silence()), now_ms=T0)
    driver.checkpoint()
    assert driver.tally.rejected == {Rejection.WRONG_PARTITION: 1}


def test_rules_that_are_there_before_the_first_record_begin_with_its_time() -> None:
    driver = Driver()
    past = {"matchers": ["a=b"], "starts_at": moment(T0 - HOUR), "ends_at": moment(T0 - MINUTE)}
    driver.take_control(
        control(0, "maintenance_window", "over", past),
        control(1, "tenant", "acme", SWITCH),
    )
    driver.checkpoint()
    driver.restart()
    driver.take([firing(0, T0)])
    driver.pass_time(T0 + 2 * MINUTE)
    [missing] = [one for one in said(driver) if one["source"] == "core-alerts"]
    assert (missing["name"], missing["extra"]["not_seen_since"]) == ("DeadMansSwitchMissing", moment(T0))


def test_time_that_passed_in_silence_passes_before_a_control_record_is_taken_in() -> None:
    driver = Driver()
    driver.take([firing(0, T0)])
    driver.pass_time(T0 + 10 * MINUTE)
    driver.left.clear()
    span = {"matchers": ["a=b"], "starts_at": moment(T0 + HOUR), "ends_at": moment(T0 + 2 * HOUR)}
    driver.take_control(control(0, "maintenance_window", "over", span), now_ms=T0 + 5 * HOUR)
    driver.pass_time(T0 + 6 * HOUR)
    assert own(driver) == []


def test_a_rule_of_one_tenant_does_nothing_to_another() -> None:
    driver = Driver()
    driver.take_control(control(0, "silence", "s-1", silence(), tenant="globex"))
    driver.take([firing(0, T0 + 1)])
    assert told(driver) == [("opened", "active", ACTIVE)]


def test_control_records_that_were_sealed_have_their_effect_after_a_crash_with_the_same_ids() -> None:
    def scene(*, crash: bool) -> list[tuple[str, str]]:
        driver = Driver()
        driver.take([firing(0, T0)])
        try:
            driver.take_control(control(0, "silence", "s-1", silence()), crash_after_seal=crash)
        except Crash:
            driver.restart()
        driver.take([firing(1, T0 + 1, name="HighCPU", labels={"a": "b"})])
        return [(one["id"], one["verdict"]) for one in said(driver)]

    assert scene(crash=True) == scene(crash=False)
    assert [verdict for _, verdict in scene(crash=True)] == ["active", "suppressed", "suppressed"]


def test_rules_and_what_they_hide_are_restored() -> None:
    driver = Driver()
    driver.take_control(control(0, "silence", "s-1", silence(ends_at=moment(T0 + MINUTE))))
    driver.take([firing(0, T0 + 1)])
    driver.checkpoint()
    driver.restart()
    driver.take([firing(1, T0 + 2, labels={"instance": "b"})])
    driver.pass_time(T0 + MINUTE)
    assert told(driver) == [
        ("opened", "suppressed", ["silence:s-1"]),
        ("opened", "suppressed", ["silence:s-1"]),
        ("unsuppressed", "active", ACTIVE),
        ("unsuppressed", "active", ACTIVE),
    ]


# -- maintenance


def test_a_maintenance_window_hides_is_told_of_and_releases_what_still_fires() -> None:
    driver = Driver()
    spec = {"matchers": ['alertname=~".*"'], "starts_at": moment(T0 + SECOND), "ends_at": moment(T0 + MINUTE)}
    driver.take_control(control(0, "maintenance_window", "w", spec))
    driver.take(
        [firing(0, T0 + 2 * SECOND), firing(1, T0 + 2 * SECOND, name="B"), resolved(2, T0 + 3 * SECOND, name="B")]
    )
    driver.pass_time(T0 + MINUTE)
    everything = said(driver)
    assert [(one["name"], one["change"], one["verdict"]) for one in everything] == [
        ("MaintenanceWindow", "opened", "active"),
        ("HighCPU", "opened", "suppressed"),
        ("B", "opened", "suppressed"),
        ("B", "resolved", "suppressed"),
        ("MaintenanceWindow", "resolved", "active"),
        ("HighCPU", "unsuppressed", "active"),
    ]
    assert everything[4]["extra"]["hidden"] == 3
    assert everything[4]["extra"]["still_firing"] == 1


# -- inhibition

NODE_DOWN = {
    "source_matchers": ['alertname="NodeDown"'],
    "target_matchers": ['severity="warning"', 'alertname!="NodeDown"'],
    "equal": ["node"],
}


def test_an_alert_is_inhibited_while_its_source_fires_and_released_with_its_end() -> None:
    driver = Driver()
    driver.take_control(control(0, "inhibit_rule", "node", NODE_DOWN))
    node = {"labels": {"node": "n1"}}
    driver.take([firing(0, T0, **node), firing(1, T0 + 1, name="NodeDown", **node)])
    driver.take([resolved(2, T0 + 2, name="NodeDown", **node)])
    assert told(driver) == [
        ("opened", "active", ACTIVE),
        ("opened", "active", ACTIVE),
        ("suppressed", "suppressed", ["inhibition:node"]),
        ("resolved", "active", ACTIVE),
        ("unsuppressed", "active", ACTIVE),
    ]


def test_an_inhibited_alert_whose_severity_rises_is_a_target_no_more() -> None:
    driver = Driver()
    driver.take_control(control(0, "inhibit_rule", "node", NODE_DOWN))
    node = {"labels": {"node": "n1"}}
    driver.take([firing(0, T0, name="NodeDown", **node), firing(1, T0 + 1, **node)])
    driver.take([firing(2, T0 + 2, severity="critical", **node)])
    assert told(driver) == [
        ("opened", "active", ACTIVE),
        ("opened", "suppressed", ["inhibition:node"]),
        ("severity_raised", "active", ACTIVE),
    ]


def test_an_inhibition_that_was_restored_is_lifted_by_the_end_of_its_source() -> None:
    driver = Driver()
    driver.take_control(control(0, "inhibit_rule", "node", NODE_DOWN))
    node = {"labels": {"node": "n1"}}
    driver.take([firing(0, T0, name="NodeDown", **node), firing(1, T0 + 1, **node)])
    driver.checkpoint()
    driver.restart()
    driver.take([resolved(2, T0 + 2, name="NodeDown", **node)])
    assert told(driver)[2:] == [("resolved", "active", ACTIVE), ("unsuppressed", "active", ACTIVE)]


# -- flapping

FLAP = {"window": "30m", "start_at": 3, "end_at": 1}


def flaps(driver: Driver, offset: int, times: int, at: int, **fields: Any) -> None:
    for number in range(times):
        kind = (resolved, firing)[number % 2]
        driver.take([kind(offset + number, at + number * SECOND, **fields)])


def test_an_alert_that_flaps_is_told_once_hidden_then_and_told_with_its_last_state_when_steady() -> None:
    driver = Driver()
    driver.take_control(control(0, "flap_policy", "f", FLAP))
    driver.take([firing(0, T0)])
    flaps(driver, 1, 5, T0 + SECOND)
    assert told(driver) == [
        ("opened", "active", ACTIVE),
        ("resolved", "active", ACTIVE),
        ("reopened", "active", ACTIVE),
        ("flapping", "active", ACTIVE),
        ("reopened", "suppressed", ["flapping"]),
        ("resolved", "suppressed", ["flapping"]),
    ]
    driver.pass_time(T0 + 31 * MINUTE)
    [steady] = said(driver)
    assert (steady["change"], steady["status"], steady["verdict"]) == ("steady", "resolved", "active")


def test_a_critical_alert_that_flaps_is_never_hidden() -> None:
    driver = Driver()
    driver.take_control(control(0, "flap_policy", "f", FLAP))
    driver.take([firing(0, T0, severity="critical")])
    flaps(driver, 1, 5, T0 + SECOND, severity="critical")
    assert {verdict for _, verdict, _ in told(driver)} == {"active"}


def test_flapping_goes_on_after_a_restart() -> None:
    driver = Driver()
    driver.take_control(control(0, "flap_policy", "f", FLAP))
    driver.take([firing(0, T0)])
    flaps(driver, 1, 3, T0 + SECOND)
    driver.checkpoint()
    driver.restart()
    flaps(driver, 4, 1, T0 + 10 * SECOND)
    driver.take([firing(5, T0 + 11 * SECOND)])
    assert told(driver)[3:] == [("flapping", "active", ACTIVE), ("reopened", "suppressed", ["flapping"])]


# -- storms

STORM = {"floor": 10, "factor": 1.0, "quiet_minutes": 2}
CALM = {"throttle": {"enabled": False}}


def storm(driver: Driver, offset: int, at: int, count: int, **fields: Any) -> None:
    driver.take([firing(offset + n, at + n, labels={"instance": f"i{n}"}, **fields) for n in range(count)])


def test_a_storm_hides_what_is_known_and_lets_criticals_and_new_names_pass() -> None:
    driver = Driver()
    driver.take_control(control(0, "storm_policy", "s", STORM), control(1, "tenant", "acme", CALM))
    storm(driver, 0, T0, 11)
    assert own(driver) == [("AlertStorm", "opened")]
    driver.take([firing(20, T0 + 20, labels={"instance": "known"})])
    driver.take([firing(21, T0 + 21, severity="critical", labels={"instance": "critical"})])
    driver.take([firing(22, T0 + 22, name="NeverSeen")])
    assert told(driver) == [
        ("opened", "suppressed", ["storm"]), ("opened", "active", ACTIVE), ("opened", "active", ACTIVE),
    ]  # fmt: skip


def test_a_storm_ends_with_what_was_missed_and_releases_what_still_fires() -> None:
    driver = Driver()
    driver.take_control(control(0, "storm_policy", "s", STORM), control(1, "tenant", "acme", CALM))
    storm(driver, 0, T0, 15)
    driver.left.clear()
    driver.pass_time(T0 + 4 * MINUTE)
    everything = said(driver)
    owns = [one for one in everything if one["source"] == "core-alerts"]
    assert [one["change"] for one in owns] == ["repeated", "resolved"]
    assert owns[-1]["extra"]["suppressed"] == 5
    released = [one for one in everything if one["change"] == "unsuppressed"]
    assert [one["verdict"] for one in released] == ["active"] * 5


def test_the_end_of_an_alert_that_was_shown_passes_a_storm() -> None:
    driver = Driver()
    driver.take_control(control(0, "storm_policy", "s", STORM), control(1, "tenant", "acme", CALM))
    storm(driver, 0, T0, 12)
    driver.left.clear()
    driver.take([resolved(20, T0 + 20, labels={"instance": "i0"}), resolved(21, T0 + 21, labels={"instance": "i11"})])
    assert told(driver) == [("resolved", "active", ACTIVE), ("resolved", "suppressed", ["storm"])]


def test_one_noisy_alert_is_no_storm() -> None:
    driver = Driver()
    driver.take_control(control(0, "storm_policy", "s", STORM))
    driver.take([firing(n, T0 + n) for n in range(100)])
    assert own(driver) == []


def test_a_storm_goes_on_after_a_restart() -> None:
    driver = Driver()
    driver.take_control(control(0, "storm_policy", "s", STORM), control(1, "tenant", "acme", CALM))
    storm(driver, 0, T0, 12)
    driver.checkpoint()
    driver.restart()
    driver.left.clear()
    driver.take([firing(20, T0 + 20, labels={"instance": "known"})])
    assert told(driver) == [("opened", "suppressed", ["storm"])]


# -- throttling

SLOW = {"throttle": {"per_minute": 60, "burst": 100, "name_per_minute": 60, "name_burst": 2}}


def test_changes_beyond_the_rate_of_a_name_wait_and_are_told_when_there_are_tokens() -> None:
    driver = Driver()
    driver.take_control(control(0, "tenant", "acme", SLOW))
    storm(driver, 0, T0, 4)
    assert told(driver) == [("opened", "active", ACTIVE)] * 2 + [("opened", "suppressed", ["throttle"])] * 2
    driver.pass_time(T0 + SECOND)
    assert told(driver) == [("unsuppressed", "active", ACTIVE)]
    driver.pass_time(T0 + 2 * SECOND)
    assert told(driver) == [("unsuppressed", "active", ACTIVE)]


def test_a_name_that_is_throttled_leaves_other_names_alone() -> None:
    driver = Driver()
    driver.take_control(control(0, "tenant", "acme", SLOW))
    storm(driver, 0, T0, 4)
    driver.left.clear()
    driver.take([firing(10, T0 + 10, name="Other")])
    assert told(driver) == [("opened", "active", ACTIVE)]


def test_a_throttled_alert_waits_on_after_a_restart() -> None:
    driver = Driver()
    driver.take_control(control(0, "tenant", "acme", SLOW))
    storm(driver, 0, T0, 3)
    driver.checkpoint()
    driver.restart()
    driver.left.clear()
    driver.pass_time(T0 + 2 * SECOND)
    assert told(driver) == [("unsuppressed", "active", ACTIVE)]


# -- what is never hidden, and how much may be


def test_a_name_on_the_list_always_passes() -> None:
    driver = Driver()
    driver.take_control(control(0, "tenant", "acme", {**SLOW, "always_pass": ["HighCPU"]}))
    storm(driver, 0, T0, 10)
    assert {verdict for _, verdict, _ in told(driver)} == {"active"}


def test_a_spent_budget_stops_adaptive_suppression_for_the_day_and_is_told() -> None:
    driver = Driver()
    budget = {"suppressed_per_day": 4, "warn_at": 0.5}
    driver.take_control(control(0, "tenant", "acme", {**SLOW, "budget": budget}))
    storm(driver, 0, T0, 8)
    everything = said(driver)
    assert [(one["change"], one["verdict"]) for one in everything if one["source"] is None] == (
        [("opened", "active")] * 2 + [("opened", "suppressed")] * 4 + [("opened", "active")] * 2
    )
    assert [(one["name"], one["change"]) for one in everything if one["source"]] == [
        ("SuppressionBudget", "opened"), ("SuppressionBudget", "severity_raised"),
    ]  # fmt: skip


def test_each_day_ends_with_how_much_each_suppressor_hid() -> None:
    driver = Driver()
    driver.take_control(control(0, "silence", "s-1", silence()))
    driver.take([firing(0, T0 + 1), resolved(1, T0 + 2)])
    driver.left.clear()
    driver.pass_time(T0 + DAY)
    [report] = [one for one in said(driver) if one["name"] == "SuppressionReport"]
    assert report["extra"] == {"day": "2023-11-14", "hidden": {"silence:s-1": 2}}


def test_a_tenant_record_without_a_throttle_leaves_it_to_the_defaults() -> None:
    driver = Driver()
    driver.take([firing(0, T0, name="Other")])
    driver.take_control(control(0, "tenant", "acme", {"max_silence": "1d"}))
    storm(driver, 1, T0, 400)
    assert {verdict for _, verdict, _ in told(driver)} == {"active"}


# -- dead man's switches

SWITCH = {"dead_mans_switches": [{"id": "prom", "matchers": ['alertname="Watchdog"'], "within": "2m"}]}


def test_a_dead_man_s_switch_that_stops_coming_raises_an_alert_which_ends_when_it_is_back() -> None:
    driver = Driver()
    driver.take([firing(0, T0, name="Watchdog")])
    driver.take_control(control(0, "tenant", "acme", SWITCH))
    driver.take([firing(1, T0 + MINUTE, name="Watchdog")])
    driver.pass_time(T0 + 3 * MINUTE - SECOND)
    assert own(driver) == []
    driver.pass_time(T0 + 3 * MINUTE)
    assert own(driver) == [("DeadMansSwitchMissing", "opened")]
    driver.take([firing(2, T0 + 4 * MINUTE, name="Watchdog")])
    driver.pass_time(T0 + 4 * MINUTE + 40 * SECOND)
    assert own(driver) == [("DeadMansSwitchMissing", "resolved")]


def test_a_dead_man_s_switch_that_never_came_is_missed_from_when_it_was_asked_for() -> None:
    driver = Driver()
    driver.take([firing(0, T0)])
    driver.take_control(control(0, "tenant", "acme", SWITCH))
    driver.pass_time(T0 + 2 * MINUTE)
    assert own(driver) == [("DeadMansSwitchMissing", "opened")]


# -- near-duplicates


def test_the_pods_of_one_deployment_are_one_alert_under_an_identity_rule() -> None:
    driver = Driver()
    rule = {"normalise": [{"label": "pod", "as": "pod_hash"}]}
    driver.take_control(control(0, "identity_rule", "pods", rule))
    driver.take([firing(0, T0, labels={"pod": "checkout-7d9f8b6c4d-x2x9z"})])
    driver.take([firing(1, T0 + 1, labels={"pod": "checkout-6b7c9d8f5b-q8w7v"})])
    assert [change for change, _, _ in told(driver)] == ["opened"]


def test_an_identity_rule_holds_for_alerts_that_are_known_already() -> None:
    driver = Driver()
    labels = {"pod": "checkout-7d9f8b6c4d-x2x9z"}
    driver.take([firing(0, T0, labels=labels)])
    driver.take_control(control(0, "identity_rule", "pods", {"normalise": [{"label": "pod", "as": "pod_hash"}]}))
    driver.take([firing(1, T0 + 1, labels=labels)])
    assert [change for change, _, _ in told(driver)] == ["opened", "opened"]  # it has another identity now


# -- defaults


@pytest.mark.parametrize(("defaults", "storms"), [(Defaults(), 1), (Defaults.switched_off(), 0)])
def test_without_policies_of_its_own_a_tenant_has_the_defaults(defaults: Defaults, storms: int) -> None:
    driver = Driver(defaults=defaults)
    storm(driver, 0, T0, 501)
    assert len(own(driver)) == storms
