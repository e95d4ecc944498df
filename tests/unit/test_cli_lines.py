from __future__ import annotations

import json
from typing import Any

from pipeline.commands.lines import describe

SIX = 1_795_413_600_000  # 2026-11-23T06:00:00Z


def change(**fields: Any) -> bytes:
    known = {
        "tenant_id": "acme",
        "name": "HighCPU",
        "severity": "critical",
        "change": "opened",
        "count": 3,
        "labels": {"service": "checkout", "instance": "web-1"},
        "decisions": [{"stage": "lifecycle", "verdict": "pass", "reason": "first_seen"}],
    }
    return json.dumps(known | fields).encode()


def test_a_change_is_told_with_its_labels_in_order_its_count_and_its_reason() -> None:
    assert describe("alerts.enriched", SIX, b"acme", [], change()) == (
        "2026-11-23T06:00:00Z  acme  opened           critical HighCPU  "
        '{instance="web-1", service="checkout"}  3×  first_seen'
    )


def test_a_dead_letter_is_told_with_its_reason_and_where_it_came_from() -> None:
    headers = [("reason", b"not_json"), ("detail", b"malformed"), ("origin", b"alerts.raw/1/2")]
    assert describe("alerts.dlq", SIX, None, headers, b"oops") == (
        "2026-11-23T06:00:00Z  -  not_json: malformed  from alerts.raw/1/2  oops"
    )


def test_a_record_of_another_topic_is_shown_as_it_is() -> None:
    assert describe("audit", SIX, b"acme", [], b'{"a": 1}') == '2026-11-23T06:00:00Z  acme  {"a": 1}'
    assert describe("control", None, b"acme", [], None) == "-  acme  (no value)"


def test_what_is_no_change_on_the_topic_of_changes_is_shown_as_it_is() -> None:
    assert describe("alerts.enriched", SIX, b"acme", [], b"[]") == "2026-11-23T06:00:00Z  acme  []"


def test_an_alert_cannot_steer_the_terminal() -> None:
    line = describe("alerts.enriched", SIX, b"acme", [], change(name="\x1b[2J\r\nfake line\x9b"))
    assert line.isprintable()
    assert "fake line" in line
