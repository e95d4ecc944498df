from __future__ import annotations

import io
import json
from dataclasses import replace
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
from pipeline.replay_control import FROM_THE_START, ControlInput, ControlLog
from tests.replay_scenes import ADAPTIVE, CHANGING, MINUTE, T0, eventful, line, ruled, silence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.replay_summary import Summary


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
        "control": 0,
        "changes": {"opened": 1},
        "active": 1,
        "own": 0,
        "suppressed": 0,
        "suppressed_by": {},
        "storms": {"begun": 0, "minutes": 0, "hidden": 0},
        "flapping": {"begun": 0, "ended": 0, "hidden": 0},
        "noise_reduction": 0.5,
        "unchanged": {},
        "dead_letters": {"not_json": 1},
        "forwarded": 0,
        "again": 0,
        "open_at_the_end": 1,
    }


def test_the_counts_are_said_in_one_sentence() -> None:
    summary = played([line(1, 0), line(2, 1, "Gone", status="resolved"), interpret(3, b"x")])[2]
    assert str(summary) == (
        "3 alerts in, 1 changes out (opened 1); 1 to look at, 66.67 % less than came in; "
        "1 changed nothing (unknown_alert 1); 1 dead letters (not_json 1); 1 open at the end."
    )


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


def test_more_to_look_at_than_came_in_is_said_so() -> None:
    assert "2 to look at, 100.00 % more than came in;" in str(played([line(1, 0)], drain=True)[2])


# -- under rules


def verdicts(lines: Iterable[Line], *control: ControlInput, **options: Any) -> list[tuple[str, str, list[str]]]:
    """Return (name, change, what hides it) of each change, in order."""
    changes = played(lines, control=ControlLog(control), **options)[0].splitlines()
    return [(one["name"], one["change"], one["suppressed_by"]) for one in map(json.loads, changes)]


def test_a_rule_that_holds_from_the_start_decides_on_the_first_alert() -> None:
    assert verdicts([line(1, 0)], silence()) == [("HighCPU", "opened", ["silence:no-HighCPU"])]


def test_a_rule_in_time_is_taken_in_before_the_first_alert_that_is_younger() -> None:
    lines = [line(1, 0, "A"), line(2, 1, "HighCPU"), line(3, 2, "B"), line(4, 3, "HighCPU", severity="critical")]
    assert verdicts(lines, silence(1)) == [
        ("A", "opened", []),
        ("HighCPU", "opened", []),
        ("HighCPU", "suppressed", ["silence:no-HighCPU"]),
        ("B", "opened", []),
        ("HighCPU", "severity_raised", ["silence:no-HighCPU"]),
    ]


def test_a_rule_after_the_last_alert_still_has_its_effect() -> None:
    deleted = ruled("silence", "no-HighCPU", None, 9, version=2)
    assert verdicts([line(1, 0)], silence(), deleted)[-1] == ("HighCPU", "unsuppressed", [])


def test_of_two_versions_of_a_rule_the_newer_holds_whichever_comes_first() -> None:
    gone = ruled("silence", "no-HighCPU", None, 1, version=2)
    assert verdicts([line(1, 3)], gone, silence(2)) == [("HighCPU", "opened", [])]


def test_rules_of_one_tenant_do_nothing_to_another() -> None:
    lines = [line(1, 0), line(2, 0, tenant="globex")]
    assert [hidden for _, _, hidden in verdicts(lines, silence())] == [["silence:no-HighCPU"], []]


def test_a_rule_is_taken_in_on_the_partition_of_its_tenant() -> None:
    lines = [line(1, 0), line(2, 0, tenant="globex")]
    own = [silence(name="Other"), silence(tenant="globex")]
    hidden = {
        json.loads(text)["tenant_id"]: json.loads(text)["suppressed_by"]
        for text in played(lines, control=ControlLog(own), partitions=4)[0].splitlines()
    }
    assert hidden == {"acme": [], "globex": ["silence:no-HighCPU"]}


def test_a_rule_that_nobody_can_read_is_a_dead_letter_and_the_version_before_holds() -> None:
    broken = ruled("silence", "no-HighCPU", {"matchers": ["alertname=~'('"]}, version=2)
    changes, dead, summary = played([line(1, 0)], control=ControlLog([silence(), broken]))
    assert json.loads(changes)["suppressed_by"] == ["silence:no-HighCPU"]
    headers = dict(interpret(1, dead.strip()).headers)
    assert (headers["reason"], headers["origin"]) == (b"invalid_control", b"control/0/1")
    assert (summary.control, dict(summary.dead_letters)) == (2, {"invalid_control": 1})


def test_recorded_rules_keep_the_offsets_they_had_on_their_partition() -> None:
    home = partition_of("acme", 4)
    broken = ruled("silence", "x", {}, 0, place=(home, 41))
    dead = played([line(1, 0)], control=ControlLog([broken]), partitions=4)[1]
    assert dict(interpret(1, dead.strip()).headers)["origin"] == f"control/{home}/41".encode()


def test_rules_recorded_on_a_partition_beyond_the_number_given_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"recorded on partition 6, but there are only 4.*Give --partitions"):
        played([line(1, 0)], control=ControlLog([silence(0, place=(6, 0))]), partitions=4)


def test_what_was_over_long_before_the_first_alert_is_not_told() -> None:
    daily = {"rrule": "FREQ=DAILY", "start": "23:00", "duration": "30m", "time_zone": "UTC", "from": "2025-01-01"}
    window = ruled("maintenance_window", "nightly", {"matchers": ['alertname="Backup"'], "recurs": daily})
    changes = verdicts([line(1, 0), line(2, 24 * 60 - 1, "Late")], window)
    assert changes == [
        ("HighCPU", "opened", []),
        ("HighCPU", "expired", []),
        ("MaintenanceWindow", "opened", []),
        ("MaintenanceWindow", "resolved", []),
        ("Late", "opened", []),
    ]


# -- adaptively, and in all


def test_the_figures_of_storms_flapping_and_noise_are_counted() -> None:
    flips = [line(n, n * 2, status=("firing", "resolved")[n % 2]) for n in range(6)]
    noise = [line(n, 60 + n / 100, f"N{n % 5}", labels={"instance": f"i{n}"}) for n in range(90)]
    later = [line(n, 65 + n, "Later") for n in range(5)]
    _, _, summary = played([*flips, *noise, *later], defaults=ADAPTIVE, drain=True)
    counted = summary.as_json()
    assert counted["storms"] == {"begun": 1, "minutes": 3, "hidden": 84}
    assert counted["flapping"] == {"begun": 1, "ended": 1, "hidden": 2}
    assert counted["active"] + counted["suppressed"] == sum(counted["changes"].values())
    assert counted["noise_reduction"] == round(1 - counted["active"] / 101, 6)
    assert "1 storms, 3 minutes that hid 84 changes; 1 times an alert began to flap" in str(summary)


def test_a_storm_that_is_on_at_the_end_counts_up_to_its_last_whole_minute() -> None:
    noise = [line(n, n / 50, f"N{n % 5}", labels={"instance": f"i{n}"}) for n in range(120)]
    storms = played(noise, defaults=ADAPTIVE)[2].as_json()["storms"]
    assert (storms["begun"], storms["minutes"]) == (1, 2)
    assert storms["hidden"] > 50


def test_draining_lets_storms_end() -> None:
    noise = [
        line(n, n / 50, f"N{n % 5}", labels={"instance": f"i{n}"}, ends_at="2026-01-01T00:03:00Z") for n in range(99)
    ]
    changes = verdicts(noise, defaults=ADAPTIVE, drain=True)
    assert [change for name, change, _ in changes if name == "AlertStorm"][-1] == "resolved"


def test_draining_lets_what_flaps_be_steady_again() -> None:
    flips = [line(n, n * 2, status=("firing", "resolved")[n % 2]) for n in range(6)]
    assert verdicts(flips, defaults=ADAPTIVE, drain=True)[-1] == ("HighCPU", "steady", [])


@pytest.mark.parametrize("partitions", [None, 4])
def test_alerts_under_rules_give_the_same_bytes_in_batches_of_one_of_seven_and_of_a_thousand(
    partitions: int | None,
) -> None:
    lines = [*eventful()]
    control = ControlLog([*CHANGING])
    whole = played(lines, control=control, defaults=ADAPTIVE, partitions=partitions, drain=True)
    for batch_size in (1, 7):
        again = played(
            lines, control=control, defaults=ADAPTIVE, partitions=partitions, drain=True, batch_size=batch_size
        )
        assert again == whole
    counted = whole[2].as_json()
    assert set(counted["suppressed_by"]) == {"silence", "maintenance", "inhibition", "flapping", "storm", "throttle"}
    assert counted["storms"]["begun"] > 0
    assert counted["flapping"]["ended"] > 0
    assert counted["changes"]["unsuppressed"] > 0
    assert counted["dead_letters"] == {"invalid_control": 1}


def test_taking_snapshots_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, control = [*eventful()], ControlLog([*CHANGING])
    whole = played(lines, control=control, defaults=ADAPTIVE, drain=True)
    monkeypatch.setattr("pipeline.replay_run._SNAPSHOT_EVERY", 7)
    assert played(lines, control=control, defaults=ADAPTIVE, drain=True, batch_size=3) == whole


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([-2, 0, 0, 0, 0, 0.1, 0.1, 1, 1, 5, 12]),
        st.sampled_from(["A", "B", "NodeDown", "Watchdog"]),
        st.sampled_from(["acme", "globex", "Not A Tenant"]),
        st.sampled_from(["firing", "firing", "resolved"]),
        st.sampled_from(["critical", "warning", "nonsense"]),
        st.sampled_from(["i1", "i2"]),
    ),
    max_size=60,
)
RULES = st.lists(st.tuples(st.sampled_from(CHANGING), st.none() | st.integers(-1, 30)), max_size=6)


@settings(max_examples=100, deadline=None)
@given(events=EVENTS, rules=RULES, batch_size=st.integers(1, 50), partitions=st.sampled_from([None, 1, 4]))
def test_the_output_does_not_depend_on_the_size_of_batches(
    events: list[tuple[float, str, str, str, str, str]],
    rules: list[tuple[ControlInput, int | None]],
    batch_size: int,
    partitions: int | None,
) -> None:
    minute = 0.0
    lines = []
    for number, (step, name, tenant, status, severity, instance) in enumerate(events, start=1):
        minute += step
        labels = {"instance": instance, "pod": f"p{number}"}
        lines.append(line(number, minute, name, tenant, status=status, severity=severity, labels=labels))
    control = ControlLog(
        [replace(rule, at=FROM_THE_START if minutes is None else T0 + minutes * MINUTE) for rule, minutes in rules]
    )

    def output(**options: Any) -> tuple[bytes, bytes, Summary]:
        return played(lines, control=control, defaults=ADAPTIVE, partitions=partitions, drain=True, **options)

    assert output(batch_size=batch_size) == output()
