from __future__ import annotations

from datetime import date

import msgspec

from pipeline.domain.maintenance import (
    NAMES,
    TOP,
    HiddenCounts,
    MaintenanceWindow,
    Summary,
    next_edge,
    state,
    window_at,
)
from pipeline.domain.matchers import matchers_of
from pipeline.domain.rule import RuleRef
from pipeline.domain.schedules import Once, Recurring
from pipeline.domain.severity import Severity

HOUR = 3_600_000
REF = RuleRef("maintenance_window", "patch-day", 1)
ALL = matchers_of('cluster="eu-1"', None)
WINDOW = 2 * HOUR, 6 * HOUR


def test_a_maintenance_window_is_pending_active_and_expired_like_a_silence() -> None:
    once = MaintenanceWindow(REF, ALL, Once(*WINDOW))
    assert [state(once, hour * HOUR) for hour in (1, 2, 6)] == ["pending", "active", "expired"]
    assert [window_at(once, hour * HOUR) for hour in (1, 5, 6)] == [None, WINDOW, None]
    assert [next_edge(once, hour * HOUR) for hour in (1, 2, 6)] == [2 * HOUR, 6 * HOUR, None]


def test_a_recurring_maintenance_window_is_pending_between_its_windows() -> None:
    nightly = MaintenanceWindow(REF, ALL, Recurring("FREQ=DAILY", "02:00", 4 * HOUR, "UTC", date(1970, 1, 1)))
    assert [state(nightly, hour * HOUR) for hour in (1, 2, 6, 26)] == ["pending", "active", "pending", "active"]
    assert (window_at(nightly, 3 * HOUR), next_edge(nightly, 6 * HOUR)) == (WINDOW, 26 * HOUR)


def counted(*alerts: tuple[str, Severity]) -> HiddenCounts:
    counts = HiddenCounts()
    for name, severity in alerts:
        counts.count(name, severity)
    return counts


HIDDEN = [
    ("HighCPU", Severity.WARNING),
    ("DiskFull", Severity.CRITICAL),
    ("HighCPU", Severity.WARNING),
    ("Absent", Severity.INFO),
]


def test_a_summary_tells_the_most_frequent_name_and_the_worst_severity_first() -> None:
    summary = counted(*HIDDEN).summary(WINDOW, still_firing=1)
    assert summary == Summary(
        window=WINDOW,
        by_name=(("HighCPU", 2), ("Absent", 1), ("DiskFull", 1)),
        other=0,
        by_severity=((Severity.CRITICAL, 1), (Severity.WARNING, 2), (Severity.INFO, 1)),
        still_firing=1,
    )
    assert summary.hidden == 4


def test_a_window_that_hid_nothing_says_so() -> None:
    assert HiddenCounts().summary(WINDOW, 0) == Summary(WINDOW, (), 0, (), 0)


def test_names_beyond_the_most_frequent_are_told_together() -> None:
    many = [(f"alert-{number:02}", Severity.ERROR) for number in range(TOP + 3)]
    summary = counted(*many, many[-1]).summary(WINDOW, 0)
    assert summary.by_name[0] == ("alert-22", 2)
    assert [name for name, _ in summary.by_name[1:]] == [name for name, _ in many[: TOP - 1]]
    assert (summary.other, summary.hidden) == (3, TOP + 4)


def test_however_many_names_there_are_as_many_are_kept() -> None:
    counts = counted(*[(f"a{number}", Severity.WARNING) for number in range(NAMES + 50)])
    counts.count(f"a{NAMES + 7}", Severity.WARNING)
    names, other, _ = counts.snapshot()
    assert (len(names), other) == (NAMES, 51)
    assert counts.summary(WINDOW, 0).hidden == NAMES + 51


def test_what_is_restored_counts_on_as_if_nothing_had_happened() -> None:
    before = counted(*HIDDEN)
    written = msgspec.msgpack.encode(before.snapshot())
    after = HiddenCounts.restored(msgspec.msgpack.decode(written))
    assert after.summary(WINDOW, 2) == before.summary(WINDOW, 2)
    for counts in (before, after):
        counts.count("DiskFull", Severity.ERROR)
    assert after.summary(WINDOW, 2) == before.summary(WINDOW, 2)
    assert msgspec.msgpack.encode(counted(*reversed(HIDDEN)).snapshot()) == written
