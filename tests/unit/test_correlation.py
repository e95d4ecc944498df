"""Alerts into incidents: one tenant whose gap is 10 seconds and stays so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pipeline.domain.correlation import CorrelationSettings, Correlator, Feedback, Seen
from pipeline.domain.topology import Edge, Topology

if TYPE_CHECKING:
    from pipeline.domain.correlation import IncidentEvent

T0 = 1_700_000_000_000
SETTINGS = CorrelationSettings(gap=10_000, learn_gap=False)
SHOP = Topology(
    {},
    [
        Edge("front", "cart", "control_flow"),
        *(Edge(f"{name}-{number}", name, "instance_of") for name in ("front", "cart") for number in (0, 1)),
    ],
)


def seen(name: str, seconds: float, change: str = "opened", **other: Any) -> Seen:
    """Return a change of an alert called `name` on host `web-1`, `seconds` after T0."""
    at = T0 + round(seconds * 1000)
    labels = other.pop("labels", {"host": "web-1"})
    given = {"severity": 2, "suppressed": False, "starts_at": at, **other}
    fingerprint = f"{name}/{'/'.join(labels.values())}"
    firing = change not in {"resolved", "expired"}
    return Seen(fingerprint=fingerprint, name=name, firing=firing, change=change, at=at, labels=labels, **given)


def kinds(events: list[IncidentEvent]) -> list[str]:
    return [event.kind for event in events]


def correlator(topology: Topology | None = None, **settings: Any) -> Correlator:
    return Correlator("acme", msgspec.structs.replace(SETTINGS, **settings), topology)


def test_the_first_alert_opens_an_incident_with_an_id_that_a_replay_gives_again() -> None:
    one, again = (correlator().observe(seen("DiskFull", 0))[0] for _ in range(2))
    assert one == again
    assert one.kind == "opened"
    assert len(one.incident.id) == 16
    assert one.incident.title == "DiskFull on web-1"
    assert [member.name for member in one.incident.members] == ["DiskFull"]


def test_an_alert_of_the_same_host_joins_and_says_why() -> None:
    acme = correlator()
    acme.observe(seen("DiskFull", 0))
    (joined,) = acme.observe(seen("WritesFail", 2))
    [member] = joined.incident.members
    assert joined.kind == "joined"
    assert member.why[0].signal == "labels"
    assert member.why[0].detail == "web-1"
    assert member.why[0].lag_ms == 2000
    assert member.why[0].of == "DiskFull/web-1"
    assert 0.5 < member.strength <= 1


def test_label_values_that_come_together_make_nobody_surer_than_one_of_them() -> None:
    told = []
    for labels in ({"host": "web-1"}, {"host": "web-1", "address": "10.0.0.7"}):
        acme = correlator()
        acme.observe(seen("DiskFull", 0, labels=labels))
        (joined,) = acme.observe(seen("WritesFail", 1, labels=labels))
        member = joined.incident.members[-1]
        told.append((joined.kind, member.strength, member.why[0].strength))
    assert told[0] == told[1]
    assert told[0][1] < 0.95


def test_an_alert_that_joins_is_likelier_to_belong_than_not() -> None:
    """Each of two values says too little alone; both together let the alert join."""
    labels = {"host": "web-1", "service": "shop"}
    acme = correlator(label_weight=0.4, temporal=False)
    acme.observe(seen("DiskFull", 0, labels=labels))
    (joined,) = acme.observe(seen("WritesFail", 0, labels=labels))
    assert (joined.kind, joined.incident.members[-1].strength) == ("joined", 0.5)


def test_after_a_pause_longer_than_the_gap_another_incident_opens() -> None:
    acme = correlator()
    acme.observe(seen("DiskFull", 0))
    assert kinds(acme.observe(seen("WritesFail", 30))) == ["opened"]
    assert acme.open_count == 2


def test_an_alert_of_another_host_and_another_name_opens_its_own() -> None:
    acme = correlator()
    acme.observe(seen("DiskFull", 0))
    assert kinds(acme.observe(seen("LinkDown", 1, labels={"host": "switch-7"}))) == ["opened"]


def test_the_topology_ties_what_no_label_does() -> None:
    for topology, expected in ((SHOP, ["joined"]), (None, ["opened"])):
        acme = correlator(topology)
        acme.observe(seen("Slow", 0, labels={"pod": "cart-0"}))
        assert kinds(acme.observe(seen("Errors", 1, labels={"pod": "cart-1"}))) == expected


def test_a_node_without_edges_joins_the_incident_of_its_time() -> None:
    """Nobody wrote down what runs on it, so time alone says where it belongs; elsewhere time alone does not."""
    lonely = Topology({"node-9": "Host"}, [Edge("front-0", "front", "instance_of"), Edge("mail-0", "mail", "part_of")])
    acme = correlator(lonely)
    acme.observe(seen("SlowRequests", 0, labels={"pod": "front-0"}))
    assert kinds(acme.observe(seen("DiskPressure", 2, labels={"node": "node-9"})))[-1] == "joined"
    assert kinds(acme.observe(seen("QueueLong", 3, labels={"pod": "mail-0"})))[-1] == "opened"


def test_a_signal_that_is_switched_off_ties_nothing() -> None:
    acme = correlator(labels=False)
    acme.observe(seen("DiskFull", 0))
    assert kinds(acme.observe(seen("LinkDown", 1))) == ["opened"]


def test_a_value_that_every_alert_has_ties_nothing() -> None:
    acme = correlator(temporal=False)
    for number in range(200):
        labels = {"cluster": "production", "host": f"machine-{number}"}
        acme.observe(seen(f"Alert{number}", number * 60, labels=labels))
    labels = {"cluster": "production", "host": "machine-new"}
    assert kinds(acme.observe(seen("Other", 199 * 60 + 1, labels=labels)))[-1] == "opened"


def test_an_incident_resolves_a_gap_after_its_last_member() -> None:
    acme = correlator()
    acme.observe(seen("DiskFull", 0))
    acme.observe(seen("WritesFail", 1))
    acme.observe(seen("DiskFull", 60, "resolved"))
    assert acme.open_count == 1
    acme.observe(seen("WritesFail", 61, "expired"))
    assert acme.pass_time(T0 + 70_999) == []
    assert acme.next_time == T0 + 71_000
    (resolved,) = acme.pass_time(T0 + 71_000)
    assert (resolved.kind, resolved.incident.state) == ("resolved", "resolved")
    assert acme.open_count == 0
    assert acme.incident_of("DiskFull/web-1") is None


def test_an_alert_that_joins_in_time_keeps_an_incident_open() -> None:
    acme = correlator()
    acme.observe(seen("DiskFull", 0))
    acme.observe(seen("DiskFull", 3, "resolved"))
    acme.observe(seen("WritesFail", 5))
    assert "resolved" not in kinds(acme.pass_time(T0 + 60_000))
    assert acme.open_count == 1


def test_an_incident_is_as_severe_as_its_worst_active_member() -> None:
    acme = correlator()
    acme.observe(seen("DiskFull", 0))
    joined = acme.observe(seen("DataLost", 1, severity=4))[0]
    assert joined.incident.severity == 4
    fell = acme.observe(seen("DataLost", 60, "resolved", severity=4))[-1]
    assert (fell.kind, fell.incident.severity) == ("severity", 2)
    rose = acme.observe(seen("DiskFull", 61, "severity_raised", severity=3))[-1]
    assert (rose.kind, rose.incident.severity) == ("severity", 3)


def test_a_suppressed_alert_joins_but_opens_no_incident() -> None:
    acme = correlator()
    opened = acme.observe(seen("DiskFull", 1))[0].incident
    assert kinds(acme.observe(seen("AlsoHidden", 2, suppressed=True))) == ["joined"]
    assert acme.incident_of("AlsoHidden/web-1") == opened.id


def test_nobody_hears_of_suppressed_alerts_until_one_that_is_not_opens_the_incident_that_they_are_members_of() -> None:
    acme = correlator()
    assert acme.observe(seen("Hidden", 0, suppressed=True)) == []
    assert acme.observe(seen("AlsoHidden", 1, suppressed=True)) == []
    [opened] = acme.observe(seen("DiskFull", 2))
    assert (opened.kind, sorted(opened.about)) == ("opened", ["AlsoHidden/web-1", "DiskFull/web-1", "Hidden/web-1"])
    assert [one.suppressed for one in opened.incident.members] == [True, True, False]


def test_an_incident_of_suppressed_alerts_alone_opens_when_one_of_them_is_released_and_ends_silently_otherwise() -> (
    None
):
    acme = correlator()
    acme.observe(seen("Hidden", 0, suppressed=True))
    assert kinds(acme.observe(seen("Hidden", 1, "unsuppressed"))) == ["opened"]
    other = correlator()
    other.observe(seen("Hidden", 0, suppressed=True))
    other.observe(seen("Hidden", 1, "resolved", suppressed=True))
    assert other.pass_time(10**9) == []


def test_a_suppressed_member_of_a_serious_incident_is_recalled_once() -> None:
    acme = correlator()
    acme.observe(seen("DataLost", 0, severity=4))
    joined, recalled = acme.observe(seen("Hidden", 1, suppressed=True))
    assert (joined.kind, recalled.kind, recalled.about) == ("joined", "recalled", ("Hidden/web-1",))
    assert kinds(acme.observe(seen("DiskFull", 2))) == ["joined"]


def test_of_many_hidden_members_ten_are_recalled_and_then_the_first_of_each_that_hides() -> None:
    acme = correlator()
    acme.observe(seen("DataLost", 0, severity=4))
    hidden = [(f"Hidden{number}", "flapping") for number in range(12)] + [("Late", "silence:s-1"), ("Last", "flapping")]
    recalled = [
        one.about
        for number, (name, by) in enumerate(hidden, 1)
        for one in acme.observe(seen(name, number, suppressed=True, suppressed_by=(by,)))
        if one.kind == "recalled"
    ]
    assert recalled == [(f"Hidden{number}/web-1",) for number in range(10)] + [("Late/web-1",)]


def test_a_change_about_members_names_these_in_the_order_in_which_they_joined_and_counts_all() -> None:
    acme = correlator()
    for number, name in enumerate(("Hidden", "DiskFull", "AlsoHidden", "WritesFail")):
        acme.observe(seen(name, number, suppressed="Hidden" in name))
    acme.observe(seen("Hidden", 4, "suppressed", suppressed=True, suppressed_by=("silence:s-1",)))
    severity, recalled = acme.observe(seen("DiskFull", 5, "severity_raised", severity=4))
    assert [one.name for one in severity.incident.members] == ["DiskFull"]
    assert [one.name for one in recalled.incident.members] == ["Hidden", "AlsoHidden"]
    assert (severity.incident.member_count, recalled.incident.member_count) == (4, 4)
    for name in ("Hidden", "DiskFull", "AlsoHidden", "WritesFail"):
        acme.observe(seen(name, 6, "resolved"))
    resolved = acme.pass_time(T0 + 60_000)[-1]
    assert (resolved.kind, len(resolved.incident.members)) == ("resolved", 4)


def test_a_member_is_recalled_when_its_incident_becomes_serious() -> None:
    acme = correlator()
    acme.observe(seen("DiskFull", 0))
    acme.observe(seen("Hidden", 1, suppressed=True))
    assert kinds(acme.observe(seen("DiskFull", 2, "severity_raised", severity=4))) == ["severity", "recalled"]


def test_an_alert_that_links_two_incidents_merges_them_under_the_older_id() -> None:
    acme = correlator()
    older = acme.observe(seen("A", 0, labels={"host": "db-1"}))[0].incident.id
    younger = acme.observe(seen("B", 1, labels={"host": "web-1"}))[0].incident.id
    *_, merged = acme.observe(seen("C", 1.5, labels={"host": "db-1", "peer": "web-1"}))
    assert (merged.kind, merged.incident.id, merged.about) == ("merged", older, (younger,))
    assert merged.incident.aliases == (younger,)
    assert acme.incident_of("B/web-1") == older


def test_an_alert_that_fires_again_after_a_pause_goes_where_something_happens_now() -> None:
    acme = correlator()
    first = acme.observe(seen("Errors", 0))[0].incident.id
    acme.observe(seen("Scan", 1))
    second = acme.observe(seen("Crack", 60))[0].incident.id
    acme.observe(seen("Errors", 61, "resumed", quiet_ms=58_000))
    assert first != second
    assert acme.incident_of("Errors/web-1") == second
    (old,) = [event.incident for event in acme.observe(seen("Scan", 62, "resolved")) + acme.pass_time(T0 + 80_000)]
    assert (old.id, old.state, old.member_count) == (first, "resolved", 2)


def test_an_alert_alone_stays_in_its_incident_though_it_fires_on_and_off() -> None:
    acme = correlator()
    acme.observe(seen("Flaps", 0))
    for number in range(1, 5):
        assert acme.observe(seen("Flaps", number * 60, "resumed", quiet_ms=60_000)) == []
    assert acme.open_count == 1


@pytest.mark.parametrize(("alerts", "expected"), [(2, []), (3, ["opened"])])
def test_the_fewer_alerts_an_incident_has_the_longer_one_of_them_may_pause(alerts: int, expected: list[str]) -> None:
    acme = correlator(patience=6.0)
    for number in range(alerts):
        acme.observe(seen(f"Alert{number}", number / 10))
    assert kinds(acme.observe(seen("Alert0", 25, "resumed", quiet_ms=25_000))) == expected


def test_an_alert_that_fires_again_goes_where_something_happens_rather_than_back() -> None:
    acme = correlator(patience=6.0)
    for name, at in (("Sudo", 0), ("Login", 1)):
        acme.observe(seen(name, at))
    (scan,) = acme.observe(seen("Scan", 24))
    assert scan.kind == "opened"
    (joined,) = acme.observe(seen("Sudo", 25, "resumed", quiet_ms=25_000))
    assert (joined.kind, joined.incident.id) == ("joined", scan.incident.id)


def test_a_digest_counts_for_when_the_alert_last_fired_not_for_when_it_is_told() -> None:
    acme = correlator()
    acme.observe(seen("Errors", 0))
    acme.observe(seen("Errors", 60, "repeated", last_seen=T0 + 3_000))
    assert kinds(acme.observe(seen("Other", 61))) == ["opened"]


def test_many_alerts_that_fire_again_at_once_are_another_incident() -> None:
    acme = correlator()
    names = [f"Alert{number}" for number in range(12)]
    first = {acme.observe(seen(name, number))[0].incident.id for number, name in enumerate(names)}
    for second in range(12, 100, 6):
        acme.observe(seen("Alert0", second, "repeated"))
    events = [
        acme.observe(seen(name, 100 + number / 10, "resumed", quiet_ms=80_000)) for number, name in enumerate(names[1:])
    ]
    told = [event for some in events for event in some]
    assert len(first) == 1
    assert kinds(told)[:2] == ["opened", "split"]
    assert len(told[0].about) == 8
    assert {acme.incident_of(f"{name}/web-1") for name in names[1:]} == {told[0].incident.id}
    assert acme.incident_of("Alert0/web-1") in first


def test_incidents_beyond_the_bound_are_closed_the_quietest_first() -> None:
    acme = correlator(incidents=2)
    ids = [acme.observe(seen("A", number, labels={"host": f"h-{number}"}))[-1].incident.id for number in (0, 60)]
    events = acme.observe(seen("A", 120, labels={"host": "h-120"}))
    assert (events[0].kind, events[0].incident.id) == ("resolved", ids[0])
    assert acme.open_count == 2


# -- feedback


def two_incidents() -> tuple[Correlator, str, str]:
    acme = correlator()
    one = acme.observe(seen("DiskFull", 0))[0].incident.id
    two = acme.observe(seen("LinkDown", 1, labels={"host": "switch-7"}))[0].incident.id
    return acme, one, two


def test_feedback_that_an_alert_belongs_moves_it_and_is_learned() -> None:
    acme, one, two = two_incidents()
    events = acme.apply_feedback(Feedback("f1", "belongs", one, fingerprint="LinkDown/switch-7"), T0 + 5_000)
    assert kinds(events) == ["split", "joined"] or kinds(events) == ["joined", "split"]
    assert acme.incident_of("LinkDown/switch-7") == one
    acme.observe(seen("DiskFull", 100, labels={"host": "web-9"}))
    (joined,) = [
        event for event in acme.observe(seen("LinkDown", 101, labels={"host": "switch-9"})) if event.kind == "joined"
    ]
    assert joined.incident.members[-1].why[0].signal == "feedback"
    assert two != one


def test_feedback_that_an_alert_does_not_belong_splits_it_off_and_is_learned() -> None:
    acme = correlator()
    one = acme.observe(seen("DiskFull", 0))[0].incident.id
    acme.observe(seen("Backup", 1))
    events = acme.apply_feedback(Feedback("f1", "does_not_belong", one, fingerprint="Backup/web-1"), T0 + 5_000)
    assert kinds(events) == ["split", "opened"]
    assert acme.incident_of("Backup/web-1") != one
    acme.observe(seen("DiskFull", 100, labels={"host": "web-2"}))
    assert kinds(acme.observe(seen("Backup", 101, labels={"host": "web-2"})))[-1] == "opened"


def test_feedback_can_be_undone() -> None:
    acme = correlator()
    one = acme.observe(seen("DiskFull", 0))[0].incident.id
    acme.observe(seen("Backup", 1))
    acme.apply_feedback(Feedback("f1", "does_not_belong", one, fingerprint="Backup/web-1"), T0 + 5_000)
    acme.apply_feedback(Feedback("f2", "undo", one, of="f1"), T0 + 6_000)
    assert acme.incident_of("Backup/web-1") == one
    acme.observe(seen("DiskFull", 100, labels={"host": "web-2"}))
    assert kinds(acme.observe(seen("Backup", 101, labels={"host": "web-2"})))[-1] == "joined"


def test_the_cause_that_somebody_names_comes_first_until_that_is_undone() -> None:
    acme = correlator()
    one = acme.observe(seen("DiskFull", 0))[0].incident.id
    (said,) = acme.apply_feedback(Feedback("f1", "root_cause", one, node="san-3"), T0 + 5_000)
    assert said.kind == "root_cause"
    assert said.incident.root_causes[0].node == "san-3"
    assert said.incident.root_causes[0].confidence == pytest.approx(0.9)
    (undone,) = acme.apply_feedback(Feedback("f2", "undo", one, of="f1"), T0 + 6_000)
    assert [cause.node for cause in undone.incident.root_causes] == ["web-1"]


OPINIONS = 20


def trouble(acme: Correlator, at: float) -> list[IncidentEvent]:
    """Let four alerts of one host fire and end, and the database's with them; return what is told of it."""
    told = []
    for number, (name, host) in enumerate([("Slow", "w"), ("Errors", "w"), ("Queue", "w"), ("DiskFull", "db")]):
        told += acme.observe(seen(name, at + number, labels={"host": host, "system": "shop-7"}))
    for name, host in (("Slow", "w"), ("Errors", "w"), ("Queue", "w"), ("DiskFull", "db")):
        told += acme.observe(seen(name, at + 20, "resolved", labels={"host": host, "system": "shop-7"}))
    return told + acme.pass_time(T0 + round((at + 3600) * 1000))


def test_a_cause_that_is_found_when_an_incident_is_over_is_learned_for_the_next_ones() -> None:
    acme = correlator()
    first = trouble(acme, 0)[-1].incident
    for number in range(OPINIONS):
        over = trouble(acme, 10_000 * (number + 1))[-1].incident
        assert over.state == "resolved"
        assert acme.apply_feedback(Feedback(f"f{number}", "root_cause", over.id, node="db"), over.last_seen) == []
    last = trouble(acme, 1_000_000)[-1].incident
    assert [cause.node for cause in first.root_causes] == ["w", "db"]
    assert [cause.node for cause in last.root_causes] == ["db", "w"]
    for number in range(OPINIONS):
        acme.apply_feedback(Feedback(f"u{number}", "undo", "", of=f"f{number}"), last.last_seen)
    assert [cause.node for cause in trouble(acme, 2_000_000)[-1].incident.root_causes] == ["w", "db"]


def test_feedback_about_an_unknown_incident_does_nothing() -> None:
    assert correlator().apply_feedback(Feedback("f1", "root_cause", "gone", node="x"), T0) == []


# -- state


def test_a_snapshot_of_another_version_is_refused() -> None:
    state = {**correlator().snapshot(), "version": 0}
    with pytest.raises(ValueError, match="version 0"):
        Correlator.restore("acme", SETTINGS, None, state)
