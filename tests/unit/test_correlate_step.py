"""The correlate agent's step: changes of alerts in, changes of incidents out, each with who belongs to it and why."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.correlate_driver import CorrelateDriver, change
from tests.step_driver import MINUTE, SECOND, T0, Record, control, header

HOST: dict[str, str] = {"host": "web-1", "service": "checkout"}


def kinds(told: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(one["change"], one["member_count"]) for one in told]


def test_an_alert_opens_an_incident_and_one_of_the_same_host_joins_it_and_says_why() -> None:
    driver = CorrelateDriver()
    driver.take(change(0, T0, "HighCPU", **HOST), change(1, T0 + SECOND, "HighLatency", **HOST))
    opened, joined = driver.told()
    assert (opened["change"], joined["change"]) == ("opened", "joined")
    assert opened["incident"] == joined["incident"]
    newest = joined["members"][-1]
    assert newest["name"] == "HighLatency"
    assert newest["why"][0]["lag_ms"] == SECOND
    assert 0 < newest["strength"] <= 1


def test_a_record_has_its_fields_in_the_order_of_their_names_and_a_detail_only_where_there_is_one() -> None:
    driver = CorrelateDriver()
    driver.take(change(0, T0, "HighCPU", **HOST), change(1, T0 + SECOND, "HighLatency", **HOST))
    opened, joined = driver.told()
    [first], [newest] = opened["members"], joined["members"]
    for one in (joined, newest, newest["why"][0], joined["root_causes"][0]):
        assert list(one) == sorted(one)
    assert (first["why"][0]["signal"], "detail" in first["why"][0]) == ("first", False)
    assert newest["why"][0]["detail"] == "web-1"


def test_an_incident_is_resolved_when_all_of_its_members_have_been() -> None:
    driver = CorrelateDriver()
    driver.take(change(0, T0, "HighCPU", **HOST), change(1, T0 + SECOND, "HighLatency", **HOST))
    driver.take(change(2, T0 + MINUTE, "HighCPU", "resolved", **HOST))
    driver.take(change(3, T0 + MINUTE, "HighLatency", "resolved", **HOST))
    driver.pass_time(T0 + 60 * MINUTE)
    last = driver.told()[-1]
    assert (last["change"], last["state"]) == ("resolved", "resolved")
    assert [one["active"] for one in last["members"]] == [False, False]
    assert driver.step.open_count == 0


def test_a_second_copy_of_a_change_changes_nothing_even_after_a_restart() -> None:
    driver = CorrelateDriver()
    driver.take(change(0, T0, **HOST, record_id="0a" * 16))
    driver.checkpoint()
    driver.restart()
    driver.left.clear()
    driver.take(change(1, T0 + SECOND, **HOST, record_id="0a" * 16))
    assert driver.left == []


def test_a_suppressed_alert_opens_no_incident_alone() -> None:
    driver = CorrelateDriver()
    driver.take(change(0, T0, verdict="suppressed", **HOST))
    assert driver.told() == []


def test_a_hidden_alert_of_a_serious_incident_raises_an_alarm_that_names_what_hides_it_now() -> None:
    driver = CorrelateDriver()
    hidden = change(1, T0 + SECOND, "HighLatency", verdict="suppressed", by="silence:s-1", **HOST)
    driver.take(change(0, T0, "HighCPU", **HOST), hidden)
    driver.take(change(2, T0 + 2 * SECOND, "HighLatency", "suppressed", verdict="suppressed", by="rule:r-7", **HOST))
    driver.checkpoint()
    driver.restart()
    driver.take(change(3, T0 + 3 * SECOND, "HighCPU", "severity_raised", severity="critical", **HOST))
    [alarm] = [msgspec.json.decode(one.output.value or b"") for one in driver.left if one.topic == "alerts.enriched"]
    assert (alarm["name"], alarm["extra"]["name"]) == ("SuppressedAlertInIncident", "HighLatency")
    assert alarm["extra"]["suppressed_by"] == ["rule:r-7"]
    assert "was hidden by rule:r-7 and belongs to incident" in alarm["annotations"]["summary"]
    driver.left.clear()
    driver.take(change(4, T0 + 4 * SECOND, "HighLatency", "suppressed", verdict="suppressed", by="rule:r-8", **HOST))
    assert driver.left == []  # once for each alert


def test_alerts_of_the_pipeline_s_own_are_no_incidents() -> None:
    driver = CorrelateDriver()
    driver.take(change(0, T0, "AlertStorm", source="core-alerts"))
    assert driver.told() == []


def test_what_is_no_change_goes_to_the_dead_letters_and_stops_nothing() -> None:
    driver = CorrelateDriver()
    bad = (None, b"{", b"[]", b'{"id":"1"}', b"\xff")
    driver.take(*[Record(n, T0, value) for n, value in enumerate(bad)], change(9, T0, **HOST))
    assert [left.topic for left in driver.left] == ["alerts.dlq"] * len(bad) + ["alerts.correlated"] or sorted(
        left.topic for left in driver.left
    ) == ["alerts.correlated"] + ["alerts.dlq"] * len(bad)
    origins = [header(left.output, "origin") for left in driver.left if left.topic == "alerts.dlq"]
    assert origins == [f"alerts.enriched/0/{n}" for n in range(len(bad))]


def test_the_same_changes_give_the_same_incident_whatever_their_offsets() -> None:
    one, other = CorrelateDriver(), CorrelateDriver()
    one.take(change(0, T0, **HOST, record_id="0a" * 16))
    other.take(change(70, T0, **HOST, record_id="0a" * 16))
    [first], [second] = one.told(), other.told()
    assert (first["incident"], first["id"]) == (second["incident"], second["id"])


def test_a_topology_brings_alerts_of_neighbours_together_and_names_the_cause_upstream() -> None:
    driver = CorrelateDriver()
    graph = {
        "nodes": [{"id": name, "type": "Service"} for name in ("checkout", "cart", "db")],
        "edges": [
            {"source": "checkout", "target": "cart", "label": "calls"},
            {"source": "cart", "target": "db", "label": "calls"},
        ],
    }
    driver.take(change(0, T0 - MINUTE, "Old", service="elsewhere"))
    driver.take_control(control(0, "topology", "shop", graph))
    driver.left.clear()
    driver.take(
        change(1, T0, "SlowQueries", service="db"),
        change(2, T0 + SECOND, "Timeouts", service="cart"),
        change(3, T0 + 2 * SECOND, "Errors", service="checkout"),
    )
    driver.pass_time(T0 + MINUTE)
    told = driver.told()
    last = told[-1]
    assert kinds(told) == [("opened", 1), ("joined", 2), ("joined", 3)]
    assert [why["signal"] for why in last["members"][0]["why"]] == ["topology", "temporal"]
    assert last["root_causes"][0]["node"] == "db"
    assert abs(sum(one["confidence"] for one in last["root_causes"]) - 1) < 0.01


def test_one_tenant_s_alerts_never_join_another_s_incident() -> None:
    driver = CorrelateDriver()
    driver.take(change(0, T0, **HOST), change(1, T0 + 1, tenant="globex", **HOST))
    acme, globex = driver.told()
    assert (acme["tenant_id"], globex["tenant_id"]) == ("acme", "globex")
    assert acme["incident"] != globex["incident"]
    assert (acme["change"], globex["change"]) == ("opened", "opened")
