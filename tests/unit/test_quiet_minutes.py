from __future__ import annotations

import random

import pytest

from pipeline.domain.quiet_minutes import ENOUGH, TOPS, WIDEST, QuietMinutes

DAY = 1440


def learned(counts: list[int], *, start: int = 0) -> QuietMinutes:
    quiet = QuietMinutes()
    for minute, count in enumerate(counts, start):
        quiet.learn(minute, count)
    return quiet


def exact(counts: list[int]) -> int:
    """Return the smallest count that at least 99 % of all counts do not exceed."""
    return sorted(counts)[-(-len(counts) * 99 // 100) - 1]


def test_nothing_is_said_before_an_hour_of_quiet_minutes() -> None:
    assert learned([7] * (ENOUGH - 1)).p99() is None
    assert learned([7] * ENOUGH).p99() == 7


def test_counts_up_to_forty_are_exact() -> None:
    assert [learned([count] * ENOUGH).p99() for count in (1, 2, 19, 39, 40)] == [1, 2, 19, 39, 40]


@pytest.mark.parametrize("seed", range(20))
def test_the_percentile_is_never_too_low_and_at_most_five_percent_too_high(seed: int) -> None:
    drawn = random.Random(seed)  # noqa: S311 - test data, not a secret
    counts = [max(1, round(drawn.lognormvariate(drawn.choice([2, 4]), 1.5))) for _ in range(drawn.randint(60, DAY))]
    found = learned(counts).p99()
    assert found is not None
    assert 1 <= found / exact(counts) <= WIDEST


def test_the_buckets_are_as_narrow_as_promised() -> None:
    assert 1.04 < WIDEST < 1.05
    assert sorted(set(TOPS)) == TOPS


def test_one_busy_minute_in_a_hundred_is_not_the_percentile_and_two_are() -> None:
    assert learned([10] * 99 + [400]).p99() == 10
    found = learned([10] * 98 + [400] * 2).p99()
    assert found is not None
    assert 400 <= found <= 400 * WIDEST


def test_a_count_beyond_all_buckets_is_in_the_last_one() -> None:
    assert learned([1 << 50] * ENOUGH).p99() == TOPS[-1]


def test_a_new_level_is_learned_within_days_and_the_old_one_forgotten_within_weeks() -> None:
    quiet = learned([100] * DAY * 14)
    assert quiet.p99() == learned([100] * ENOUGH).p99()
    for minute in range(DAY * 14, DAY * 14 + 4 * 60):  # four hours at a new level: more than 1 % of all that is known
        quiet.learn(minute, 1000)
    up = quiet.p99()
    assert up is not None
    assert up >= 1000
    for minute in range(DAY * 15, DAY * 29):
        quiet.learn(minute, 100)
    assert quiet.p99() == learned([100] * ENOUGH).p99()


def test_a_day_weighs_seven_eighths_of_the_next() -> None:
    quiet = learned([100] * 800)
    for minute in range(DAY, DAY + 7):
        quiet.learn(minute, 1000)
    assert quiet.p99() == learned([100] * ENOUGH).p99()  # 7 of 707
    quiet.learn(DAY + 8, 1000)
    assert quiet.p99() != learned([100] * ENOUGH).p99()  # 8 of 708


def test_the_largest_minute_is_known_after_a_day_of_minutes_and_forgotten_after_weeks() -> None:
    assert learned([7] * (DAY - 1)).largest() is None
    quiet = learned([7] * (DAY - 1) + [31])
    assert quiet.largest() == 31
    for day in range(1, 41):
        for minute in range(400):
            quiet.learn(day * DAY + minute, 7)
    assert quiet.largest() == 31
    quiet.learn(41 * DAY, 7)
    assert quiet.largest() == 7


def test_after_months_of_silence_a_tenant_is_a_stranger() -> None:
    quiet = learned([100] * DAY)
    quiet.learn(DAY * 200, 5)
    assert quiet.p99() is None


def test_few_minutes_a_day_never_become_a_percentile() -> None:
    quiet = QuietMinutes()
    for day in range(60):
        for minute in range(5):
            quiet.learn(day * DAY + minute, 3)
    assert quiet.p99() is None


def test_a_minute_of_yesterday_that_comes_late_counts_as_one_of_today() -> None:
    quiet = learned([5] * ENOUGH, start=DAY * 10)
    quiet.learn(DAY * 9, 5)
    assert quiet.snapshot()[0] == 10
    assert quiet.p99() == 5


def test_what_is_held_is_bounded_by_the_buckets() -> None:
    quiet = learned(list(range(1, 100_000, 7)))
    assert len(quiet.snapshot()[1]) <= len(TOPS) < 600
