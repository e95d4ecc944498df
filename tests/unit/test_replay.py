from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.alert import Periods
from pipeline.domain.errors import ConfigurationError
from pipeline.domain.ids import id_from_record
from pipeline.domain.partitioner import partition_of
from pipeline.exchange import Line, Place, interpret
from pipeline.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.replay_summary import Summary

T0 = 1_767_225_600_000  # 2026-01-01T00:00:00Z
MINUTE = 60_000


def line(number: int, minutes: float, name: str = "HighCPU", tenant: str = "acme", **fields: Any) -> Line:
    """Return an alert as recorded on no particular place, some minutes after T0."""
    value = json.dumps({"tenant_id": tenant, "name": name, **fields}).encode()
    return Line(number, tenant.encode(), value, (), T0 + int(minutes * MINUTE))


def played(lines: Iterable[Line], *, drain: bool = False, **options: Any) -> tuple[bytes, bytes, Summary]:
    """Return changes, dead letters and counts."""
    changes, dead = io.BytesIO(), io.BytesIO()
    run = Replay(Periods(), changes, dead, **options)
    for one in lines:
        run.take(one)
    summary = run.finish(drain=drain)
    return changes.getvalue(), dead.getvalue(), summary


def told(lines: Iterable[Line], **options: Any) -> list[tuple[str, str, int]]:
    """Return (name, change, count) of each change, in order."""
    changes = [json.loads(text) for text in played(lines, **options)[0].splitlines()]
    return [(one["name"], one["change"], one["count"]) for one in changes]


def test_an_alert_is_opened_counted_and_resolved() -> None:
    lines = [line(1, 0), line(2, 0.2), line(3, 0.4), line(4, 0.5, status="resolved")]
    assert told(lines) == [("HighCPU", "opened", 1), ("HighCPU", "resolved", 3)]


def test_time_stands_still_after_the_last_line() -> None:
    assert told([line(1, 0)]) == [("HighCPU", "opened", 1)]


def test_draining_lets_time_pass_until_nothing_is_open() -> None:
    lines = [line(1, 0), line(2, 0.1)]
    assert told(lines, drain=True) == [
        ("HighCPU", "opened", 1),
        ("HighCPU", "repeated", 2),
        ("HighCPU", "expired", 2),
    ]
    assert played(lines, drain=True)[2].open_at_the_end == 0


def test_an_alert_without_a_time_happens_when_the_line_before_it_did() -> None:
    lines = [line(1, 0, "A"), interpret(2, b'{"tenant_id":"acme","name":"B"}')]
    starts = [json.loads(text)["starts_at"] for text in played(lines)[0].splitlines()]
    assert starts == ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]


def test_a_line_that_cannot_become_an_alert_is_a_dead_letter_with_its_bytes() -> None:
    _, dead, summary = played([interpret(1, b"not json"), line(2, 0)])
    letter = interpret(1, dead.strip())
    assert letter.value == b"not json"
    assert dict(letter.headers)["reason"] == b"not_json"
    assert summary.as_json() == {
        "alerts": 2,
        "changes": {"opened": 1},
        "unchanged": {},
        "dead_letters": {"not_json": 1},
        "forwarded": 0,
        "again": 0,
        "open_at_the_end": 1,
    }


def test_the_counts_are_said_in_one_sentence() -> None:
    summary = played([line(1, 0), line(2, 1, "Gone", status="resolved"), interpret(3, b"x")])[2]
    assert str(summary) == (
        "3 alerts in, 1 changes out (opened 1); 1 changed nothing (unknown_alert 1); "
        "1 dead letters (not_json 1); 1 open at the end."
    )


EVENTS = st.lists(
    st.tuples(
        st.integers(-2, 12),
        st.sampled_from(["A", "B"]),
        st.sampled_from(["acme", "globex", "Not A Tenant"]),
        st.sampled_from(["firing", "resolved"]),
        st.sampled_from(["critical", "warning", "nonsense"]),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(events=EVENTS, batch_size=st.integers(1, 50), partitions=st.sampled_from([None, 1, 4]))
def test_the_output_does_not_depend_on_the_size_of_batches(
    events: list[tuple[int, str, str, str, str]], batch_size: int, partitions: int | None
) -> None:
    minute = 0
    lines = []
    for number, (step, name, tenant, status, severity) in enumerate(events, start=1):
        minute += step
        lines.append(line(number, minute, name, tenant, status=status, severity=severity))
    whole = played(lines, partitions=partitions, drain=True)
    assert played(lines, partitions=partitions, drain=True, batch_size=batch_size) == whole


def test_taking_snapshots_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line(number, number / 4, name) for number in range(200) for name in ("A", "B")]
    whole = played(lines, drain=True)
    monkeypatch.setattr("pipeline.replay._SNAPSHOT_EVERY", 7)
    assert played(lines, drain=True, batch_size=3) == whole


def test_partitions_are_written_one_after_the_other() -> None:
    first, second = sorted(["acme", "globex"], key=lambda tenant: partition_of(tenant, 4))
    assert partition_of(first, 4) != partition_of(second, 4)
    lines = [line(1, 0, tenant=second), line(2, 1, tenant=first), line(3, 2, tenant=second, status="resolved")]
    changes = [json.loads(text) for text in played(lines, partitions=4)[0].splitlines()]
    assert [(one["tenant_id"], one["change"]) for one in changes] == [
        (first, "opened"),
        (second, "opened"),
        (second, "resolved"),
    ]


def recorded(partition: int, offset: int, tenant: str, minutes: float = 0) -> Line:
    """Return an alert as it was recorded on alerts.raw."""
    return line(1, minutes, tenant=tenant)._replace(place=Place("alerts.raw", partition, offset))


def test_a_recording_gives_the_ids_it_had_live() -> None:
    home = partition_of("acme", 4)
    change = json.loads(played([recorded(home, 41, "acme")], partitions=4)[0])
    assert change["id"] == id_from_record("acme", "alerts.raw", home, 41, "opened")


def test_a_record_on_a_wrong_partition_counts_once_by_its_copy_on_the_right_one() -> None:
    home = partition_of("acme", 4)
    wrong = (home + 1) % 4
    sent_on = recorded(home, 9, "acme")._replace(headers=[("forwarded-from", f"alerts.raw/{wrong}/5".encode())])
    changes, _, summary = played([recorded(wrong, 5, "acme"), sent_on], partitions=4)
    assert json.loads(changes)["id"] == id_from_record("acme", "alerts.raw", wrong, 5, "opened")
    assert summary.forwarded == 1


def test_a_recorded_record_that_is_there_twice_counts_once() -> None:
    home = partition_of("acme", 4)
    _, _, summary = played([recorded(home, 5, "acme"), recorded(home, 5, "acme")], partitions=4)
    assert (summary.alerts, summary.again) == (1, 1)


def test_a_recording_of_several_partitions_asks_for_their_number() -> None:
    with pytest.raises(ConfigurationError, match=r"recorded on partition 2, lines before it on 1.*Give --partitions"):
        played([recorded(1, 0, "acme"), recorded(2, 0, "globex")])


def test_a_partition_beyond_the_number_given_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="recorded on partition 6, but there are only 4"):
        played([recorded(6, 0, "acme")], partitions=4)
