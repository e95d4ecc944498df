from __future__ import annotations

from typing import Any

from pipeline.ledger.hidden import HiddenDay, HiddenDays, day_of
from pipeline.schemas.own import HIDDEN, SOURCE
from tests.ledger_records import FIRST_SEEN, MINUTE, SIX, change, entries, own_change

DAY = 24 * 60 * MINUTE
MIDNIGHT = SIX - 6 * 60 * MINUTE  # 2026-11-23T00:00:00Z
ALWAYS = "0000-00-00"


def hidden(at: int, *suppressors: str, kind: str = "suppressed", **fields: Any) -> tuple[bytes, int]:
    return change(kind, at, suppressed_by=suppressors, **fields), at


def report(day: str, at: int, **counts: int) -> tuple[bytes, int]:
    return own_change(HIDDEN, "resolved", at, since=at - DAY, extra={"day": day, "hidden": counts}), at


def days(*records: tuple[bytes, int], first: str = ALWAYS) -> list[HiddenDay]:
    counted = HiddenDays()
    for entry in entries(*records):
        counted.take(entry)
    return counted.days(first)


def test_a_day_without_a_report_is_counted_by_suppressor_the_most_first() -> None:
    found = days(
        hidden(SIX, "storm"),
        hidden(SIX, "silence:a", "storm"),
        hidden(SIX, "inhibition:b", kind="opened"),
        hidden(SIX, "silence:a", "storm", kind="resolved"),
        (change("opened", SIX), SIX),
    )
    assert found == [HiddenDay("2026-11-23", False, {"storm": 3, "silence:a": 2, "inhibition:b": 1})]
    assert list(found[0].hidden) == ["storm", "silence:a", "inhibition:b"]


def test_a_day_ends_at_midnight_in_utc_and_the_newest_comes_first() -> None:
    found = days(hidden(MIDNIGHT - 1, "storm"), hidden(MIDNIGHT, "silence:a"))
    assert found == [
        HiddenDay("2026-11-23", False, {"silence:a": 1}),
        HiddenDay("2026-11-22", False, {"storm": 1}),
    ]


def test_a_report_stands_for_its_day_whatever_of_it_is_still_there() -> None:
    found = days(
        hidden(MIDNIGHT - 2, "storm"),
        report("2026-11-22", MIDNIGHT, storm=40, throttle=2),
        hidden(MIDNIGHT - 1, "storm"),  # late
        hidden(MIDNIGHT + 1, "storm"),
    )
    assert found == [
        HiddenDay("2026-11-23", False, {"storm": 1}),
        HiddenDay("2026-11-22", True, {"storm": 40, "throttle": 2}),
    ]


def test_repeats_of_what_is_hidden_do_not_count() -> None:
    assert days(hidden(SIX, "storm", kind="repeated")) == []


def test_a_record_or_a_report_that_was_delivered_twice_counts_once() -> None:
    once, told = hidden(SIX, "storm"), report("2026-11-22", MIDNIGHT, storm=40)
    assert days(told, told, once, once) == [
        HiddenDay("2026-11-23", False, {"storm": 1}),
        HiddenDay("2026-11-22", True, {"storm": 40}),
    ]


def test_days_before_the_first_are_left_out() -> None:
    records = (report("2026-11-21", MIDNIGHT - DAY, storm=1), report("2026-11-22", MIDNIGHT, storm=2))
    assert [one.day for one in days(*records, first="2026-11-22")] == ["2026-11-22"]


def test_a_report_that_a_sender_made_up_does_not_count() -> None:
    false = change("resolved", SIX, FIRST_SEEN, name=HIDDEN, source=SOURCE, extra={"day": "2026-11-23", "hidden": {}})
    assert days((false, SIX), hidden(SIX, "storm")) == [HiddenDay("2026-11-23", False, {"storm": 1})]


def test_the_newest_record_is_the_latest_and_not_the_last() -> None:
    counted = HiddenDays()
    assert counted.newest is None
    for entry in entries((change(), SIX), (change(), SIX - MINUTE)):
        counted.take(entry)
    assert counted.newest == SIX
    assert day_of(counted.newest) == "2026-11-23"
