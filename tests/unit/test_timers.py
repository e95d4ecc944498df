from __future__ import annotations

import pytest

from pipeline.domain.timers import TimerWheel, second_of


@pytest.mark.parametrize(
    ("due_ms", "second"), [(0, 0), (1, 1), (999, 1), (1000, 1), (1001, 2), (-1, 0), (-1000, -1), (-1001, -1)]
)
def test_a_time_has_passed_at_the_whole_second_after_it(due_ms: int, second: int) -> None:
    assert second_of(due_ms) == second


def test_an_empty_wheel_never_rings() -> None:
    wheel = TimerWheel()
    assert list(wheel.due(1 << 60)) == []
    assert len(wheel) == 0
    assert wheel.next_ms > 1 << 60


def test_a_key_rings_at_its_second_and_not_a_millisecond_before() -> None:
    wheel = TimerWheel()
    wheel.arm(5, b"a")
    assert wheel.next_ms == 5000
    assert list(wheel.due(4999)) == []
    assert list(wheel.due(5000)) == [(5, [b"a"])]
    assert list(wheel.due(5000)) == []


def test_seconds_ring_oldest_first_and_keys_of_one_second_in_their_order() -> None:
    wheel = TimerWheel()
    for second, key in [(7, b"c"), (3, b"z"), (7, b"a"), (3, b"b"), (9, b"x")]:
        wheel.arm(second, key)
    assert len(wheel) == 5
    assert list(wheel.due(8000)) == [(3, [b"b", b"z"]), (7, [b"a", b"c"])]
    assert wheel.next_ms == 9000


def test_what_is_armed_while_ringing_rings_too_if_it_is_due() -> None:
    wheel = TimerWheel()
    wheel.arm(1, b"first")
    rung = []
    for second, keys in wheel.due(3000):
        rung.append((second, keys))
        if second == 1:
            wheel.arm(3, b"now")
            wheel.arm(4, b"later")
            wheel.arm(0, b"late")
    assert rung == [(1, [b"first"]), (0, [b"late"]), (3, [b"now"])]
    assert wheel.next_ms == 4000


def test_a_second_armed_again_while_it_rings_rings_again() -> None:
    wheel = TimerWheel()
    wheel.arm(1, b"a")
    rung = []
    for second, keys in wheel.due(1000):
        rung.append((second, keys))
        if len(rung) == 1:
            wheel.arm(1, b"b")
    assert rung == [(1, [b"a"]), (1, [b"b"])]
