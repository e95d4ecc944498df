from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from rich.console import Console

from pipeline.dev.demo_report import Report, percentile
from pipeline.dev.incidents import Incidents, Judged, Said, injected
from pipeline.dev.live_alerts import live_alerts
from pipeline.dev.outcome import Outcome, is_live
from pipeline.dev.playback import Episode

if TYPE_CHECKING:
    from collections.abc import Sequence

SIX = 1_795_413_600_000  # 2026-11-23T06:00:00Z
START = datetime(2026, 11, 23, 6, tzinfo=UTC)


class Message:
    """A record as a consumer reads it."""

    def __init__(self, value: bytes, minutes: int = 0, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        self._value, self._timestamp, self._headers = value, SIX + minutes * 60_000, list(headers)

    def value(self) -> bytes:
        return self._value

    def timestamp(self) -> tuple[int, int]:
        return 1, self._timestamp

    def headers(self) -> list[tuple[str, bytes]]:
        return self._headers


def told(number: int, change: str, name: str = "HighCPU", tenant: str = "acme") -> Message:
    fields: dict[str, Any] = {"count": number, "severity": "warning", "name": name, "labels": {}}
    identity = {"id": f"{tenant}{name}{number}", "tenant_id": tenant, "fingerprint": name, "change": change}
    return Message(json.dumps(fields | identity).encode(), number)


def outcome_of(*messages: Message) -> Outcome:
    outcome = Outcome()
    for moment, message in enumerate(messages):
        outcome.take_change(message, float(moment))
    return outcome


def test_a_change_that_is_read_twice_counts_once() -> None:
    outcome = outcome_of(told(1, "opened"), told(2, "resolved"), told(1, "opened"))
    assert (dict(outcome.changes), outcome.twice, outcome.latest) == ({"opened": 1, "resolved": 1}, 1, 1.0)
    assert outcome.alerts == {("acme", "HighCPU")}


def test_live_alerts_are_timed_and_not_counted() -> None:
    outcome = outcome_of(told(1, "opened", tenant="acme-live-3"))
    assert outcome.live == {("acme-live-3", "HighCPU", "opened"): 0.0}
    assert (outcome.changes.total(), outcome.latest) == (0, 0.0)


def test_dead_letters_are_counted_by_reason() -> None:
    outcome = Outcome()
    for reason in (b"not_json", b"not_json", b"missing_name"):
        outcome.take_dead_letter(Message(b"", headers=[("reason", reason)]), 0.0)
    assert outcome.dead_letters == {"not_json": 2, "missing_name": 1}


def test_the_story_is_of_the_alert_that_most_happened_to_until_its_end() -> None:
    outcome = outcome_of(
        told(1, "opened", "Dull"),
        told(2, "resolved", "Dull"),
        told(1, "opened", "Eventful"),
        told(2, "repeated", "Eventful"),
        told(3, "resolved", "Eventful"),
        told(1, "opened", "Unfinished"),
        told(2, "severity_raised", "Unfinished"),
        told(3, "severity_lowered", "Unfinished"),
        told(4, "repeated", "Unfinished"),
    )
    assert [(chapter.at, chapter.told.change) for chapter in outcome.story()] == [
        ("2026-11-23T06:01:00Z", "opened"),
        ("2026-11-23T06:02:00Z", "repeated"),
        ("2026-11-23T06:03:00Z", "resolved"),
    ]


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.99, 4), (0.25, 1), (0.0, 1)])
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert percentile([4, 1, 3, 2], share) == expected


def test_live_alerts_are_all_different_however_few_were_recorded() -> None:
    recorded = [
        Episode("acme", name, START + timedelta(minutes=minute), START + timedelta(hours=1), labels=msgspec.Raw(b"{}"))
        for minute, name in enumerate(["HighCPU", "DiskFull", "HighCPU"])
    ]
    live = live_alerts(recorded, 50)
    assert len({(one.tenant_id, one.name, bytes(one.labels)) for one in live}) == 50
    assert all(is_live(one.tenant_id) for one in live)


def test_no_recorded_alerts_make_no_live_ones() -> None:
    assert live_alerts([], 50) == []


def test_the_report_shows_what_it_holds() -> None:
    report = Report(
        processing_guarantee="at_least_once",
        hours=24,
        digest_minutes=15,
        alerts_in=1000,
        unique_alerts=7,
        changes_out=100,
        changes={"opened": 60, "resolved": 40},
        noise_reduction=0.9,
        alerts_per_second=50_000,
        live_rate=500,
        live_alerts=3000,
        latency_p50_ms=4.25,
        latency_p99_ms=12.0,
        dead_letters={"not_json": 2},
        seen_twice=0,
        incidents=12,
        large_incidents=5,
        causes_named_first=3,
        causes_named_in_three=4,
    )
    incident = Said(
        "acme",
        "i-1",
        "resolved",
        "SlowQueries on db",
        7,
        START,
        [{"node": "db", "confidence": 0.8, "evidence": ["first"]}],
    )
    screen = io.StringIO()
    report.show(
        Console(file=screen, width=120),
        outcome_of(told(1, "opened"), told(2, "resolved")).story(),
        Judged(5, 3, 4, incident, "db"),
    )
    lines = [" ".join(line.split()) for line in screen.getvalue().splitlines()]
    assert "alerts in 1,000 24 h of two systems, sent again each minute while open" in lines
    assert "noise reduction 90.0% 1 - changes out / alerts in" in lines
    assert "dead letters 2 not_json 2" in lines
    assert "true cause first 3 among the first 3: 4" in lines
    assert "An incident of acme: SlowQueries on db, 7 alerts" in lines
    assert "80% db first" in lines
    assert "The fault was injected into db." in lines
    assert "2026-11-23T06:02:00Z resolved warning fired 2 times" in lines


class Told:
    """A record of alerts.correlated, as the consumer hands it over."""

    def __init__(self, **fields: object) -> None:
        said = {
            "tenant_id": "acme",
            "incident": "i-1",
            "change": "joined",
            "title": "HighCPU",
            "member_count": 5,
            "first_seen_at": "2026-11-23T06:01:00Z",
            "root_causes": [{"node": "db"}, {"node": "cart"}],
            "aliases": [],
        }
        self._value = msgspec.json.encode(said | fields)

    def value(self) -> bytes:
        return self._value


def test_incidents_are_compared_with_the_fault_that_began_before_them() -> None:
    incidents = Incidents()
    message: Any
    for message in (
        Told(),
        Told(incident="i-2", root_causes=[{"node": "cart"}, {"node": "db"}]),
        Told(incident="small", member_count=1),
        Told(incident="merged", root_causes=[]),
        Told(incident="i-2", aliases=["merged"], root_causes=[{"node": "cart"}, {"node": "db"}]),
    ):
        incidents.take(message, 0.0)
    episodes = [
        Episode("acme", "HighCPU", START + timedelta(minutes=at), START + timedelta(hours=1), extra={"truth": truth})
        for at, truth in (
            (0, {"incident": "f-1", "root_cause": "db"}),
            (30, {"incident": "f-2", "root_cause": "cart"}),
            (31, {"incident": "f-2", "root_cause": "cart"}),
        )
    ]
    judged = incidents.judged(injected(episodes, timedelta(0)))
    assert (judged.incidents, judged.named_first, judged.named_in_three, judged.truth) == (2, 1, 2, "db")
