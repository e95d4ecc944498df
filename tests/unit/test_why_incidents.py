from __future__ import annotations

from pipeline.domain.correlation.views import Link
from pipeline.ledger.why_incidents import AlertIncidents
from tests.incident_records import incident, incident_records, member
from tests.ledger_records import MINUTE, SIX

TOPOLOGY = Link("topology", 0.86, 1200, "7bb29e61630e0232", "db")
LABELS = Link("labels", 0.5, 2000, "7bb29e61630e0232", "web-1")
OPENED = incident("opened", SIX, member("g"), about=["g"], causes=["db", "cart"])
JOINED = incident(
    "joined",
    SIX + MINUTE,
    member("g"),
    member("f", TOPOLOGY, LABELS, joined_at=SIX + MINUTE),
    about=["f"],
    causes=["db", "cart"],
)


def incidents(*records: bytes) -> AlertIncidents:
    """Return what is told of the incidents of alert f."""
    found = AlertIncidents("f")
    for record in incident_records(*records):
        found.take(record)
    return found


def lines(*records: bytes) -> list[list[str]]:
    return [list(one.lines()) for one in incidents(*records).said()]


def test_an_incident_is_told_with_why_the_alert_joined_and_what_likely_caused_it() -> None:
    assert lines(OPENED, JOINED) == [
        [
            "i1 HighCPU on web-1: open, critical, 2 alerts",
            "It joined at 2026-11-23T06:01:00Z: near in the topology (db) 0.86, 1.2 s after 7bb29e61; "
            "a label in common (web-1) 0.50, 2 s after 7bb29e61.",
            "Likeliest cause: db (0.50).",
        ]
    ]


def test_the_alert_that_opened_an_incident_is_told_so() -> None:
    assert lines(incident("opened", SIX, member("f", joined_at=SIX)))[0] == [
        "i1 HighCPU on web-1: open, critical, 1 alert",
        "It opened it at 2026-11-23T06:00:00Z.",
    ]


def test_an_alert_that_was_put_there_is_told_so() -> None:
    moved = incident("joined", SIX, member("g"), member("f", Link("feedback", 1.0, 0, ""), joined_at=SIX), about=["f"])
    assert lines(moved)[0][1] == "It joined at 2026-11-23T06:00:00Z, because somebody said so."


def test_what_is_told_of_the_incident_later_holds() -> None:
    resolved = incident(
        "resolved", SIX + 2 * MINUTE, member("g"), member("f", TOPOLOGY), causes=["cart"], state="resolved"
    )
    (found,) = incidents(OPENED, JOINED, resolved).said()
    assert (found.state, found.cause, found.is_member) == ("resolved", "cart", True)


def test_an_alert_that_was_split_off_was_a_member() -> None:
    moved = incident("opened", SIX + 2 * MINUTE, member("f", joined_at=SIX + 2 * MINUTE), about=["f"], name="i2")
    left = incident("split", SIX + 2 * MINUTE, member("g"), about=["f"])
    assert [(one.incident, one.is_member) for one in incidents(JOINED, moved, left).said()] == [
        ("i1", False),
        ("i2", True),
    ]
    assert lines(JOINED, left)[0][0].endswith("1 alert; it is no member any more")


def test_an_incident_that_was_merged_into_another_is_told_once() -> None:
    merged = incident("merged", SIX + 2 * MINUTE, member("h"), member("f", TOPOLOGY), name="i0", aliases=["i1"])
    assert [one.incident for one in incidents(JOINED, merged).said()] == ["i0"]


def test_incidents_of_others_are_not_told() -> None:
    assert incidents(OPENED).said() == ()
    assert incident_records(JOINED, tenant="globex") == []
