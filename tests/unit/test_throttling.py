"""Token buckets on a time-line in milliseconds: 60 a minute in all, 20 for each name, no more than 4 and 2 at once."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import msgspec

from pipeline.domain import throttling
from pipeline.domain.throttling import NAMES, NEVER, Bucket, Throttle, Throttled, ThrottlePolicy

if TYPE_CHECKING:
    import pytest

POLICY = ThrottlePolicy(per_minute=60, burst=4, name_per_minute=20, name_burst=2)
PASSES, TENANT, NAME = None, Throttled.TENANT_RATE, Throttled.NAME_RATE
T0 = 1_764_000_000_000


def taken(*asked: tuple[str, int], policy: ThrottlePolicy = POLICY) -> list[Throttled | None]:
    throttle = Throttle(policy)
    return [throttle.take(name, T0 + at) for name, at in asked]


def test_a_name_may_send_its_burst_at_once_and_then_one_every_three_seconds() -> None:
    asked = [("a", 0), ("a", 0), ("a", 0), ("a", 2999), ("a", 3000), ("a", 3001), ("a", 6000)]
    assert taken(*asked) == [PASSES, PASSES, NAME, NAME, PASSES, NAME, PASSES]


def test_all_names_together_may_send_the_tenants_burst_and_then_one_a_second() -> None:
    asked = [(name, 0) for name in "abcde"] + [("e", 999), ("e", 1000), ("f", 1000), ("f", 2000)]
    assert taken(*asked) == [PASSES] * 4 + [TENANT, TENANT, PASSES, TENANT, PASSES]


def test_a_noisy_name_leaves_the_others_their_share() -> None:
    asked = [("noisy", 0)] * 1000 + [("quiet", 0), ("other", 0), ("third", 0)]
    assert taken(*asked) == [PASSES, PASSES] + [NAME] * 998 + [PASSES, PASSES, TENANT]


def test_what_is_refused_takes_from_neither_bucket() -> None:
    throttle = Throttle(POLICY)
    assert [throttle.take("a", T0) for _ in range(50)].count(PASSES) == 2
    assert [throttle.take(name, T0) for name in "bc"] == [PASSES, PASSES]  # the refused ones left the tenant's tokens
    assert [throttle.take("d", T0) for _ in range(50)] == [TENANT] * 50
    assert throttle.take("d", T0 + 1000) is PASSES
    assert throttle.take("d", T0 + 2000) is PASSES  # the refused ones left the name's tokens


def test_if_both_are_empty_the_name_is_the_reason() -> None:
    asked = [("a", 0), ("a", 0), ("b", 0), ("b", 0), ("a", 0)]
    assert taken(*asked)[-1] is NAME


def test_a_pause_of_any_length_brings_no_more_than_the_burst() -> None:
    asked = [("a", 0), *[("a", 10**12)] * 3]
    assert taken(*asked) == [PASSES, PASSES, PASSES, NAME]


def test_a_time_before_the_last_one_brings_nothing() -> None:
    asked = [("a", 10_000), ("a", 10_000), ("a", 0), ("a", 12_999), ("a", 13_000)]
    assert taken(*asked) == [PASSES, PASSES, NAME, NAME, PASSES]


def test_a_rate_that_divides_no_minute_does_not_drift() -> None:
    policy = ThrottlePolicy(per_minute=10**6, burst=10**6, name_per_minute=7, name_burst=2)
    drawn = random.Random(1)  # noqa: S311 - test data, not a secret
    moments = sorted({0, 3_600_000, *(drawn.randrange(3_600_000) for _ in range(20_000))})
    assert taken(*(("a", at) for at in [0, *moments]), policy=policy).count(PASSES) == 2 + 7 * 60


def test_the_time_of_the_next_token_is_when_the_next_one_passes() -> None:
    throttle = Throttle(POLICY)
    for name in "aabb":
        assert throttle.take(name, T0) is PASSES
    assert throttle.ready_at("a", T0) == T0 + 3000  # its own
    assert throttle.ready_at("c", T0) == T0 + 1000  # the tenant's
    assert throttle.take("c", T0 + 999) is TENANT
    assert throttle.take("c", T0 + 1000) is PASSES
    assert throttle.take("a", T0 + 2999) is NAME
    assert throttle.take("a", T0 + 3000) is PASSES


def test_where_there_is_a_token_it_is_there_now() -> None:
    throttle = Throttle(POLICY)
    assert throttle.ready_at("a", T0) == T0
    throttle.take("a", T0)
    assert throttle.ready_at("a", T0) == T0
    assert throttle.ready_at("a", T0 - 5000) == T0 - 5000


def test_asking_for_the_time_takes_nothing() -> None:
    throttle = Throttle(POLICY)
    for _ in range(10):
        throttle.ready_at("a", T0)
    assert len(throttle) == 0
    assert [throttle.take("a", T0) for _ in range(3)] == [PASSES, PASSES, NAME]


def test_where_no_token_ever_comes_the_time_is_never() -> None:
    for policy in (
        msgspec.structs.replace(POLICY, name_burst=0),
        msgspec.structs.replace(POLICY, burst=0),
        msgspec.structs.replace(POLICY, name_per_minute=0),
    ):
        throttle = Throttle(policy)
        while throttle.take("a", T0) is PASSES:
            pass
        assert throttle.ready_at("a", T0) == NEVER


def test_switched_off_it_lets_everything_pass() -> None:
    off = msgspec.structs.replace(POLICY, enabled=False)
    assert taken(*[("a", 0)] * 100, policy=off) == [PASSES] * 100
    assert Throttle(off).ready_at("a", T0) == T0


def test_under_a_smaller_policy_no_more_is_left_than_fits() -> None:
    throttle = Throttle(POLICY)
    throttle.take("a", T0)
    throttle.policy = msgspec.structs.replace(POLICY, burst=1)
    assert [throttle.take(name, T0) for name in "bc"] == [PASSES, TENANT]


def test_buckets_of_names_that_are_full_again_are_let_go() -> None:
    throttle = Throttle(ThrottlePolicy())
    for number in range(5000):
        throttle.take(f"n{number}", T0 + number * 100)
    assert len(throttle) < 20  # a token is back after half a second, five names later


def test_two_buckets_are_let_go_for_each_new_one_so_that_a_burst_of_names_is_forgotten() -> None:
    throttle = Throttle(ThrottlePolicy())
    for number in range(1000):
        throttle.take(f"n{number}", T0)
    assert len(throttle) == 1000
    for number in range(1000):
        throttle.take(f"m{number}", T0 + 10_000 + number * 1000)
    assert len(throttle) < 5


def test_no_more_buckets_are_held_than_allowed_and_the_name_asked_last_keeps_its_own() -> None:
    policy = ThrottlePolicy(per_minute=10**9, burst=10**9, name_per_minute=1, name_burst=1)
    throttle = Throttle(policy)
    for number in range(NAMES):
        assert throttle.take(f"n{number}", T0) is PASSES
    assert throttle.take("n0", T0) is NAME  # asked last now
    assert throttle.take("new", T0) is PASSES
    assert len(throttle) == NAMES
    assert throttle.take("n0", T0) is NAME
    assert throttle.take("n1", T0) is PASSES  # the one that was let go


def test_making_room_for_new_names_takes_no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    fills = 0

    class Counting(Bucket):
        def fill(self, now: int, rate: int, size: int) -> int:
            nonlocal fills
            fills += 1
            return super().fill(now, rate, size)

    monkeypatch.setattr(throttling, "Bucket", Counting)
    throttle = Throttle(ThrottlePolicy(per_minute=10**9, burst=10**9, name_per_minute=1))
    for number in range(NAMES * 2):
        throttle.take(f"n{number}", T0)
    assert NAMES * 2 <= fills <= NAMES * 2 * 4
