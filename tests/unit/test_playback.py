from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pipeline.dev.playback import (
    Episode,
    play,
    read_episodes,
    record_count,
    recorded_day,
    shift_to_end_at,
)
from pipeline.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

T0 = datetime(2026, 1, 1, tzinfo=UTC)
T0_MS = 1_767_225_600_000


def alert(name: str, start: float, end: float, tenant: str = "acme", value: float | None = None) -> Episode:
    """Return an episode between two moments, given in seconds after T0."""
    return Episode(tenant, name, T0 + timedelta(seconds=start), T0 + timedelta(seconds=end), value=value)


def told(episodes: list[Episode], **options: Any) -> list[tuple[float, str, str]]:
    """Return what was played as (seconds after T0, name, status)."""
    records = ((ms, json.loads(body)) for ms, _, body in play(episodes, **options))
    return [((ms - T0_MS) / 1000, body["name"], body["status"]) for ms, body in records]


def test_an_open_alert_is_sent_each_minute_until_it_ends_then_resolved_once() -> None:
    assert told([alert("HighCPU", 0, 150)]) == [
        (0, "HighCPU", "firing"),
        (60, "HighCPU", "firing"),
        (120, "HighCPU", "firing"),
        (150, "HighCPU", "resolved"),
    ]


def test_an_alert_that_ends_on_the_minute_is_not_sent_firing_at_its_end() -> None:
    assert told([alert("HighCPU", 0, 60)]) == [(0, "HighCPU", "firing"), (60, "HighCPU", "resolved")]


def test_an_alert_without_length_is_sent_firing_before_it_is_resolved() -> None:
    assert told([alert("Blip", 5, 5)]) == [(5, "Blip", "firing"), (5, "Blip", "resolved")]


def test_the_resend_period_can_be_changed() -> None:
    assert [when for when, _, _ in told([alert("HighCPU", 0, 30)], resend=timedelta(seconds=10))] == [0, 10, 20, 30]


def test_the_alerts_of_several_tenants_come_in_time_order() -> None:
    played = told([alert("A", 0, 70, "one"), alert("B", 10, 65, "two"), alert("C", 60, 90, "one")])
    assert played == [
        (0, "A", "firing"),
        (10, "B", "firing"),
        (60, "A", "firing"),
        (60, "C", "firing"),
        (65, "B", "resolved"),
        (70, "A", "resolved"),
        (90, "C", "resolved"),
    ]


def test_an_alert_that_ends_and_starts_anew_at_once_is_resolved_first() -> None:
    assert told([alert("A", 0, 30), alert("A", 30, 50)]) == [
        (0, "A", "firing"),
        (30, "A", "resolved"),
        (30, "A", "firing"),
        (50, "A", "resolved"),
    ]


def test_only_the_resolved_record_carries_an_end() -> None:
    firing, resolved = (json.loads(body) for _, _, body in play([alert("HighCPU", 0, 45)]))
    assert firing == {
        "tenant_id": "acme",
        "name": "HighCPU",
        "severity": "warning",
        "status": "firing",
        "labels": {},
        "annotations": {},
        "starts_at": "2026-01-01T00:00:00Z",
    }
    assert resolved == firing | {"status": "resolved", "ends_at": "2026-01-01T00:00:45Z"}


def test_a_shift_moves_the_timestamp_the_start_and_the_end() -> None:
    _, (ms, tenant, body) = play([alert("HighCPU", 0, 45)], shift=timedelta(hours=1))
    sent = json.loads(body)
    assert (ms, tenant) == (T0_MS + 3_645_000, "acme")
    assert (sent["starts_at"], sent["ends_at"]) == ("2026-01-01T01:00:00Z", "2026-01-01T01:00:45Z")


def test_a_value_wanders_around_the_recorded_one() -> None:
    values = [json.loads(body)["value"] for _, _, body in play([alert("HighCPU", 0, 1200, value=100.0)])]
    assert len(set(values)) > 5
    assert values[0] == 100.0
    assert all(95 <= value <= 105 for value in values)


def test_an_episode_is_read_only_when_it_is_due() -> None:
    taken: list[str] = []

    def endless() -> Iterator[Episode]:
        second = 0
        while True:
            taken.append(f"alert {second}")
            yield alert(f"alert {second}", second, second + 1)
            second += 1

    assert len(list(islice(play(endless()), 20))) == 20
    assert len(taken) < 13


def test_the_count_is_what_is_played() -> None:
    episodes = [alert("A", 0, 0), alert("B", 1, 60), alert("C", 2, 3600.5), alert("D", 3, 123)]
    assert record_count(episodes) == len(told(episodes)) == 2 + 2 + 61 + 3


def test_a_recorded_day_is_each_tenants_busiest_hours_begun_together() -> None:
    hour = 3600
    quiet, busy = [alert("early", 0, 9, "a")], [alert(f"late {n}", 48 * hour + n, 48 * hour + 9, "a") for n in (1, 2)]
    other = [alert("other", 100 * hour, 100 * hour + 9, "b")]
    day = recorded_day([*quiet, *busy, *other])
    assert [(e.name, (e.starts_at - T0).total_seconds()) for e in day] == [
        ("late 1", 100 * hour),
        ("other", 100 * hour),
        ("late 2", 100 * hour + 1),
    ]


def test_no_episodes_make_an_empty_day() -> None:
    assert recorded_day([]) == []
    assert list(play([])) == []


def test_the_shift_lets_the_last_episode_end_now() -> None:
    now = datetime(2026, 11, 23, 6, 0, 0, 123_456, tzinfo=UTC)
    episodes = [alert("long", 0, 500), alert("short", 10, 20)]
    *_, (ms, _, _) = play(episodes, shift=shift_to_end_at(episodes, now))
    assert ms == 1_795_413_600_123


def test_a_broken_line_is_named_with_its_number(tmp_path: Path) -> None:
    good = msgspec.json.encode(alert("HighCPU", 0, 1))
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(good + b"\n" + b'{"tenant_id": "acme"}\n')
    with pytest.raises(ConfigurationError, match=r"alerts\.jsonl, line 2: .*Correct or remove the line"):
        read_episodes(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="Check the path"):
        read_episodes(tmp_path / "none.jsonl.gz")
