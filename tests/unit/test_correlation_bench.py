from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bench import correlation
from bench.correlation import (
    LabelledSet,
    Line,
    by_time_gap,
    changes,
    confidence,
    correlate,
    moved,
    overlaid_with_itself,
    ranked,
    read,
    scores,
    without_doubtful,
)
from pipeline.domain.correlation import CorrelationSettings
from pipeline.domain.severity import Severity

if TYPE_CHECKING:
    from pathlib import Path

T0 = 1_700_000_000_000


def line(seconds: float, name: str = "Errors", host: str = "web", incident: str | None = "i") -> Line:
    at = T0 + round(1000 * seconds)
    labels = {"host": host, "ip": "10.0.0.1"}
    return Line(at, f"{name}/{host}", name, labels, Severity.WARNING, "test", at + 300_000, incident, None)


def test_a_raw_alert_is_read_with_its_truth() -> None:
    raw: dict[str, Any] = {
        "name": "X",
        "labels": {"host": "web"},
        "severity": "error",
        "source": "test",
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2026-01-01T00:05:00Z",
        "extra": {"truth": {"incident": "i", "root_cause": "db"}},
    }
    (found,) = read([raw])
    assert (found.at, found.ends_at - found.at) == (1_767_225_600_000, 300_000)
    assert (found.incident, found.root, found.severity) == ("i", "db", Severity.ERROR)


def test_a_pause_begins_another_group_for_each_host() -> None:
    lines = [line(0), line(1, host="db"), line(2), line(20)]
    assert by_time_gap(lines, 2, "host") == [("web", 1), ("db", 1), ("web", 1), ("web", 2)]


def test_only_changes_digests_and_beginnings_of_bursts_are_told() -> None:
    lines = [line(0), line(0.1), line(30), line(400)]
    told = [(number, None if seen is None else (seen.change, (seen.at - T0) / 1000)) for number, seen in changes(lines)]
    assert told == [
        (0, ("opened", 0)),
        (1, None),
        (2, ("resumed", 30)),
        (None, ("expired", 330)),
        (3, ("reopened", 400)),
        (None, ("expired", 700)),
    ]


def test_two_hosts_minutes_apart_are_two_groups() -> None:
    lines = [
        line(0, "A", "web", "one"),
        line(1, "B", "web", "one"),
        line(100, "C", "db", "two"),
        line(101, "D", "db", "two"),
    ]
    found = correlate(LabelledSet(lines), CorrelationSettings())
    told = scores(lines, found.groups, intervals=True)
    assert (told["macro_f1"], told["pair_f1"], told["groups"]) == (1.0, 1.0, 2)
    assert confidence(lines, found)["joins"] == 2


def test_what_is_called_noise_during_an_attack_can_be_left_open() -> None:
    """Two of four alerts of a scan are called noise, for their rules tell of other things as well."""
    noise = [line(at, name, incident=None)._replace(during_attack=True) for at, name in ((0, "A"), (2, "C"))]
    lines = sorted([*noise, line(1, "B"), line(3, "D")], key=lambda one: one.at)
    found = correlate(LabelledSet(lines), CorrelationSettings())
    assert scores(lines, found.groups)["macro_f1"] == pytest.approx(4 / 6)
    told = without_doubtful(lines, found)
    assert (told["left_out"], told["macro_f1"], told["joins"]) == (2, 1.0, 2)
    assert told["calibration_error"] < 0.1


def test_ordinary_noise_is_not_left_open() -> None:
    lines = [line(0, "A"), line(1, "B", incident=None)]
    found = correlate(LabelledSet(lines), CorrelationSettings())
    told = without_doubtful(lines, found)
    assert (told["left_out"], told["macro_f1"]) == (0, scores(lines, found.groups)["macro_f1"])


def test_a_moved_line_has_the_address_of_its_host_there() -> None:
    there = moved(line(0), 5_000, "other", {"web": "192.168.0.9"})
    assert (there.at, there.ends_at, there.incident) == (T0 + 5_000, T0 + 305_000, "other")
    assert there.labels == {"host": "web", "ip": "192.168.0.9"}
    assert there.fingerprint != line(0).fingerprint


def test_each_fault_is_followed_by_another_of_the_same_system() -> None:
    lines = overlaid_with_itself([line(0, incident="a"), line(900, incident="b")], seed=1)
    assert len(lines) == 4
    assert lines[1].at - lines[0].at == 300_000
    assert {one.incident for one in lines} == {"first/a", "first/b", "second/a", "second/b"}


def test_places_become_shares() -> None:
    told = ranked({"a": 1, "b": 3, "c": None, "d": 1})
    assert (told["first"], told["in_first_three"]) == (0.5, 0.75)


def test_without_data_nothing_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    correlation.main(tmp_path)
    assert "nothing was measured" in capsys.readouterr().out
