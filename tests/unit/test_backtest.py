from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from agents.suppress.defaults import Defaults
from pipeline.backtest.hours import HOUR, Hours
from pipeline.backtest.report import as_json, by_name, by_rule, example_text, picture, radius, sentences, span_text
from pipeline.backtest.run import Backtest, Difference, Rules
from pipeline.backtest.shift import OTHER_NAMES, Count, Shift
from pipeline.backtest.storms import Storms, StormSpan
from pipeline.domain.alert import Periods
from pipeline.domain.storms import StormPolicy
from pipeline.ledger.told import ToldChange
from pipeline.replay_control import ControlInput, ControlLog
from tests.replay_scenes import ADAPTIVE, CHANGING, MINUTE, T0, eventful, line, ruled, silence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.exchange import Line

NOBODY = Defaults.switched_off()


def compared(
    lines: Iterable[Line],
    now: Sequence[ControlInput] = (),
    candidate: Sequence[ControlInput] = (),
    defaults: tuple[Defaults, Defaults] = (NOBODY, NOBODY),
    partitions: int | None = None,
) -> Difference:
    rules = [Rules(ControlLog(log), one) for log, one in zip((now, candidate), defaults, strict=True)]
    run = Backtest(Periods(), *rules, partitions=partitions)
    for one in lines:
        run.take(one)
    return run.finish()


def life(name: str, begin: float, end: float, **fields: Any) -> list[Line]:
    return [line(0, begin, name, **fields), line(0, end, name, status="resolved", **fields)]


# -- what is hidden and released


def test_the_same_rules_differ_in_nothing() -> None:
    found = compared(eventful(), CHANGING, CHANGING, (ADAPTIVE, ADAPTIVE), 4)
    assert found.now.as_json() == found.candidate.as_json()
    assert (found.hidden, found.released) == (Shift(), Shift())
    assert [*sentences(found)] == []


def test_an_alert_all_of_which_a_new_silence_hides_is_told_with_its_rule_name_and_severity() -> None:
    lines = [*life("HighCPU", 0, 2, severity="critical"), *life("Other", 3, 4)]
    found = compared(lines, candidate=[silence()])
    assert found.hidden.total == Count(alerts=1, critical_alerts=1, changes=2, critical_changes=2)
    assert by_rule(found.hidden) == [("silence:no-HighCPU", "1", "1", "2", "2")]
    assert by_name(found.hidden) == [("HighCPU", "critical", "1", "1", "2", "2")]
    assert [example_text(one) for one in found.hidden.examples()] == [
        "2026-01-01T00:00:00Z  acme  opened  critical  HighCPU  {}  by silence:no-HighCPU",
        "2026-01-01T00:02:00Z  acme  resolved  critical  HighCPU  {}  by silence:no-HighCPU",
    ]
    assert found.released == Shift()


def test_what_a_rule_of_today_hides_and_the_candidate_does_not_is_released_from_that_rule() -> None:
    found = compared(life("HighCPU", 0, 2), now=[silence()])
    assert found.released.total == Count(alerts=1, changes=2)
    assert by_rule(found.released) == [("silence:no-HighCPU", "1", "0", "2", "0")]
    assert found.hidden == Shift()


def test_an_alert_that_is_seen_at_first_counts_by_the_changes_that_are_hidden_and_not_as_an_alert() -> None:
    found = compared(life("HighCPU", 0, 2), candidate=[silence(1)])
    assert found.hidden.total == Count(alerts=0, changes=1)


def test_an_alert_that_is_still_open_at_the_end_counts_too() -> None:
    assert compared([line(0, 0)], candidate=[silence()]).hidden.total == Count(alerts=1, changes=1)


def test_each_life_of_an_alert_counts_and_with_the_worst_severity_it_had() -> None:
    lines = [line(0, 0), line(0, 1, severity="critical"), line(0, 2, severity="info"), line(0, 3, status="resolved")]
    found = compared([*lines, *life("HighCPU", 20, 21)], candidate=[silence()])
    assert found.hidden.total == Count(alerts=2, critical_alerts=1, changes=6, critical_changes=1)


def test_what_two_rules_hide_counts_for_both_and_once_in_all() -> None:
    work = {"matchers": [], "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-02T00:00:00Z"}
    found = compared([line(0, 0)], candidate=[silence(), ruled("maintenance_window", "work", work)])
    assert found.hidden.total == Count(alerts=1, changes=1)
    assert {rule: count.alerts for rule, count in found.hidden.by_rule.items()} == {
        "silence:no-HighCPU": 1,
        "maintenance:work": 1,
    }


def test_another_rule_that_hides_the_same_hides_nothing_new() -> None:
    inhibit = {"source_matchers": ["alertname=Down"], "target_matchers": ["alertname=HighCPU"]}
    lines = [line(0, 0, "Down"), line(0, 1)]
    found = compared(lines, now=[silence()], candidate=[ruled("inhibit_rule", "down", inhibit)])
    assert (found.hidden, found.released) == (Shift(), Shift())


def test_the_end_of_a_new_silence_tells_more_changes_than_there_are_now() -> None:
    until = {"matchers": [], "starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-01-01T00:01:00Z"}
    lines = [line(0, 0), line(0, 2, "Other")]
    found = compared(lines, candidate=[ruled("silence", "short", until)])
    assert dict(found.told_more) == {"unsuppressed": 1}
    assert [*sentences(found)] == ["1 changes more are told (unsuppressed 1)."]


def test_what_a_rule_causes_in_both_runs_is_the_same_wherever_the_rule_lies_on_its_topic() -> None:
    lines = [line(0, 0), line(0, 1, "Other")]
    gone = ruled("silence", "no-HighCPU", None, 0.5, version=2)
    found = compared(lines, [silence(), gone], [silence(name="Third"), silence(), gone])
    assert found.now.changes["unsuppressed"] == found.candidate.changes["unsuppressed"] == 1
    assert (found.told_more.total(), found.told_less.total()) == (0, 0)


def test_alerts_that_become_part_of_another_are_merged_and_not_hidden() -> None:
    lines = [line(0, n, labels={"pod": f"p{n}"}, severity="critical") for n in range(3)]
    found = compared(lines, candidate=[ruled("identity_rule", "pods", {"drop": ["pod"]})])
    assert (found.merged, found.split) == (Count(alerts=2, critical_alerts=2), Count())
    assert found.hidden == Shift()
    assert dict(found.told_less) == {"opened": 2}
    assert [*sentences(found)] == [
        "1 changes more are told (repeated 1).",
        "2 changes are no longer there (opened 2).",
        "2 alerts are part of others, 2 critical.",
    ]


@pytest.mark.parametrize("seed", range(12))
def test_what_differs_adds_up_and_is_the_other_way_round_if_the_rules_are(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a mix, not a secret
    logs = [rng.sample(CHANGING, rng.randrange(6)) for _ in (0, 1)]
    adaptive = [rng.choice([ADAPTIVE, NOBODY]) for _ in (0, 1)]
    partitions = rng.choice([None, 4])
    lines = [*eventful()]
    found = compared(lines, logs[0], logs[1], (adaptive[0], adaptive[1]), partitions)
    now, candidate = found.now.outcome, found.candidate.outcome
    more = found.released.total.changes + found.told_more.total()
    less = found.hidden.total.changes + found.told_less.total()
    assert (candidate.active - candidate.own) - (now.active - now.own) == more - less
    assert sum(row[1] for row in found.hours.rows()) == now.active - now.own
    assert sum(row[2] for row in found.hours.rows()) == candidate.active - candidate.own
    back = compared(lines, logs[1], logs[0], (adaptive[1], adaptive[0]), partitions)
    assert (back.hidden.total, back.released.total) == (found.released.total, found.hidden.total)
    assert (back.merged, back.split) == (found.split, found.merged)
    assert (back.told_more, back.told_less) == (found.told_less, found.told_more)
    assert (back.storms_begun, back.storms_avoided) == (found.storms_avoided, found.storms_begun)


# -- storms


def test_a_storm_that_only_the_candidate_has_is_begun_and_one_that_only_today_has_is_avoided() -> None:
    noise = [line(n, 10 + n / 50, f"N{n % 5}", labels={"instance": f"i{n}"}) for n in range(50)]
    low, off = Defaults(storm=StormPolicy(floor=20)), Defaults(storm=StormPolicy(enabled=False))
    found = compared([*noise, line(0, 30, "Later")], defaults=(off, low))
    [storm] = found.storms_begun
    assert (storm.tenant_id, storm.ended_at) == ("acme", T0 + 16 * MINUTE)
    assert found.storms_avoided == []
    assert "1 storms begun: acme 2026-01-01T00:10:" in " ".join(sentences(found))
    assert compared([*noise, line(0, 30, "Later")], defaults=(low, off)).storms_avoided == [storm]


def test_a_storm_that_begins_a_little_later_is_the_same_storm() -> None:
    ours, theirs = Storms(), Storms()
    ours.begin("acme", 10)
    ours.end("acme", 20)
    ours.begin("acme", 90)
    theirs.begin("acme", 15)
    theirs.end("acme", 40)
    theirs.begin("globex", 91)
    assert ours.beyond(theirs) == [StormSpan("acme", 90, None)]
    assert theirs.beyond(ours) == [StormSpan("globex", 91, None)]


# -- counting within bounds


def told(name: str, severity: str = "warning") -> ToldChange:
    return ToldChange(
        "id", "acme", "f", name, severity, "firing", "opened", msgspec.Raw(b"{}"), "suppressed", (), msgspec.Raw(b"[]")
    )


def test_examples_are_critical_ones_first_and_of_many_names() -> None:
    shift = Shift()
    for at, name in enumerate("aaaaaaabcd"):
        shift.add_change(told(name), ("silence:x",), at)
    shift.add_change(told("z", "critical"), ("silence:x",), 99)
    assert [(one.told.name, one.at) for one in shift.examples()] == [("z", 99), ("a", 0), ("a", 1), ("d", 9), ("c", 8)]


def test_more_names_than_can_be_kept_apart_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.backtest.shift._NAMES", 2)
    shift = Shift()
    for name in "abcda":
        shift.add_change(told(name), (), 0)
    assert {name: count.changes for (name, _), count in shift.by_name.items()} == {"a": 2, "b": 1, OTHER_NAMES: 2}


def test_hours_are_counted_in_longer_parts_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.backtest.hours._PARTS", 2)
    hours = Hours()
    for hour in (0, 1, 2, 3, 4):
        hours.add(hour * HOUR, now=True, candidate=hour > 2)
    assert (hours.width, hours.rows()) == (4 * HOUR, [(0, 4, 1), (4 * HOUR, 1, 1)])


# -- in words


def test_the_reach_of_a_rule_is_one_sentence() -> None:
    lines = [*life("HighCPU", 0, 2, severity="critical"), *life("HighCPU", 30, 31)]
    found = compared(lines, candidate=[silence()])
    assert radius(found, "In the last 7d") == (
        "In the last 7d it would have hidden 2 alerts, of which 1 critical (4 changes, of which 2 critical)."
    )
    assert span_text(found) == "2026-01-01T00:00:00Z to 2026-01-01T00:31:00Z (31m)"
    assert radius(compared(lines), "In it") == "In it it would have hidden nothing."


def test_each_hour_is_a_mark_as_high_as_what_is_to_be_seen_in_it() -> None:
    lines = [line(n, n * 20, f"N{n}") for n in range(6)] + [line(9, 300, "HighCPU")]
    found = compared(lines, candidate=[silence(), silence(name="N0"), silence(name="N1"), silence(name="N2")])
    found.hours = Hours()
    for hour, now, candidate in ((0, 8, 8), (2, 8, 1), (3, 4, 0)):
        found.hours.add(T0 + hour * HOUR, now=False, candidate=False)
        for number in range(8):
            found.hours.add(T0 + hour * HOUR, now=number < now, candidate=number < candidate)
    assert picture(found) == [
        "Changes to be seen from 2026-01-01T00:00:00Z on; a mark is 1h, the highest 8:",
        "  now        █ █▅",
        "  candidate  █ ▂ ",
    ]


def test_nothing_at_all_has_no_picture_and_no_time() -> None:
    found = compared([])
    assert (picture(found), span_text(found)) == ([], "no time at all")
    assert as_json(found)["first_at"] is None


def test_all_of_it_is_there_as_json() -> None:
    found = as_json(compared(life("HighCPU", 0, 2, labels={"a": "b"}), candidate=[silence()]))
    assert found["hidden"]["by_rule"] == [
        {"rule": "silence:no-HighCPU", "alerts": 1, "critical_alerts": 0, "changes": 2, "critical_changes": 0}
    ]
    assert found["hidden"]["examples"][0] == {
        "at": "2026-01-01T00:00:00Z",
        "tenant_id": "acme",
        "fingerprint": found["hidden"]["examples"][1]["fingerprint"],
        "name": "HighCPU",
        "severity": "warning",
        "change": "opened",
        "labels": {"a": "b"},
        "by": ["silence:no-HighCPU"],
    }
    assert found["hours"] == {
        "width_ms": HOUR,
        "counts": [{"at": "2026-01-01T00:00:00Z", "now": 2, "candidate": 0}],
    }
    assert (found["now"]["active"], found["candidate"]["active"]) == (2, 0)
