"""What must hold for the adaptive stages: as slow and simple models say, and the same after a restart at any point."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.budgets import DAY, Budget, BudgetPolicy, HiddenPerDay
from pipeline.domain.flapping import Flap, FlapPolicy, flipped, settle, steady_at
from pipeline.domain.quiet_minutes import QuietMinutes
from pipeline.domain.storms import MIXED, Pulse, StormEvent, StormNews, StormPolicy
from pipeline.domain.throttling import Throttle, ThrottlePolicy
from pipeline.domain.top_values import Frequent, TopValues

if TYPE_CHECKING:
    from collections.abc import Sequence

Burst = tuple[int, str, str, int]  # minutes since the last one, name, instance, how many records

FLOOR = 12
STORMS = StormPolicy(floor=FLOOR, factor=2.0, quiet_minutes=3)
QUIET_HOUR: list[Burst] = [(1, "a", "i", 8)] * 62  # after it the limit is 16, not 12
BURSTS: st.SearchStrategy[list[Burst]] = st.builds(
    lambda before, bursts: before + bursts,
    st.sampled_from([[], QUIET_HOUR]),
    st.lists(
        st.tuples(
            st.sampled_from([0, 0, 0, 0, 1, 1, 1, 2, 7]),
            st.sampled_from("abcd"),
            st.sampled_from(["i", "j"]),
            st.sampled_from([1, 1, 2, 3, 5, 11, 30]),
        ),
        max_size=40,
    ),
)


def through_msgpack(state: object) -> Any:
    """Return what is read back of what was written: lists where there were tuples."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state))


# -- storms


def lived(
    bursts: Sequence[Burst], *, restart_before: frozenset[int] = frozenset(), by_minute: bool = False
) -> list[Any]:
    """Return all that happens: begins with their counts, and the news of each minute."""
    pulse = Pulse(STORMS, 0)
    keys: dict[tuple[str, str], bytes] = {}
    told: list[Any] = []
    at, number = 0, 0
    for gap, name, instance, times in bursts:
        at += gap
        for minute in range(pulse.minute + 1, at + 1) if by_minute else [at]:
            told += pulse.roll(minute)
        for _ in range(times):
            if number in restart_before:
                pulse = Pulse.restored(through_msgpack(pulse.snapshot()), STORMS)
                keys = {}  # nor are the keys the same objects
            number += 1
            key = keys.setdefault((name, instance), f"{name}{instance}{number}".encode())
            pulse.left -= 1
            if key is not pulse.first and not pulse.mixed:
                pulse.meet(key, name, instance)
            if pulse.left <= 0 and pulse.look():
                told.append(("begins", pulse.minute, pulse.count))
            if pulse.storm is not None:
                told.append(pulse.storm.lets_pass(name, is_new_name=number % 7 == 0))
                pulse.storm.hide({"alertname": name, "instance": instance, "n": str(number)})
    told += pulse.roll(at + 10)
    return [*told, pulse.snapshot()]


def modelled(bursts: Sequence[Burst]) -> list[tuple[str, int]]:
    """Return when storms begin and end, from all records of each minute."""
    minutes: dict[int, list[tuple[str, str]]] = {}
    at = 0
    for gap, name, instance, times in bursts:
        at += gap
        minutes.setdefault(at, []).extend([(name, instance)] * times)
    quiet, in_storm, quiet_minutes = QuietMinutes(), False, 0
    told = []
    for minute in range(at + 10):
        p99 = quiet.p99()
        limit = FLOOR if p99 is None else max(FLOOR, int(STORMS.factor * p99))
        records = minutes.get(minute, [])
        heavy = any(
            count > limit and (count - max(Counter(records[:count]).values())) * MIXED > limit
            for count in range(1, len(records) + 1)
        )
        if heavy and not in_storm:
            in_storm, quiet_minutes = True, 0
            told.append(("begins", minute))
        if in_storm:
            quiet_minutes = 0 if len(records) > limit else quiet_minutes + 1
            if quiet_minutes == STORMS.quiet_minutes:
                in_storm = False
                told.append(("ends", minute))
        elif 0 < len(records) <= limit:
            quiet.learn(minute, len(records))
    return told


@given(BURSTS)
def test_storms_begin_and_end_as_the_definition_says(bursts: list[Burst]) -> None:
    told = lived(bursts)[:-1]
    found = [
        ("begins", one[1]) if isinstance(one, tuple) else ("ends", one.at // 60_000 - 1)
        for one in told
        if isinstance(one, tuple) or (isinstance(one, StormNews) and one.event is StormEvent.ENDED)
    ]
    assert found == modelled(bursts)


EVERYWHERE = frozenset(range(10_000))


@given(BURSTS, st.just(EVERYWHERE) | st.frozensets(st.integers(0, 100) | st.integers(480, 700), max_size=5))
def test_storms_are_the_same_after_a_restart_at_any_record(bursts: list[Burst], restarts: frozenset[int]) -> None:
    assert lived(bursts, restart_before=restarts) == lived(bursts)


@given(BURSTS)
def test_it_makes_no_difference_whether_every_minute_is_closed_by_itself(bursts: list[Burst]) -> None:
    assert lived(bursts, by_minute=True) == lived(bursts)


@given(st.lists(st.tuples(st.sampled_from([1, 1, 1, 2000]), st.integers(1, 10**6)), min_size=1, max_size=200))
def test_a_percentile_is_the_same_after_a_restart(steps: list[tuple[int, int]]) -> None:
    quiet, minute = QuietMinutes(), 0
    for gap, count in steps:
        minute += gap
        quiet.learn(minute, count)
    restored = QuietMinutes.restored(through_msgpack(quiet.snapshot()))
    for one in (quiet, restored):
        one.learn(minute + 1500, 7)
    assert (restored.p99(), restored.snapshot()) == (quiet.p99(), quiet.snapshot())


# -- top values


@given(st.lists(st.integers(0, 30), max_size=300), st.integers(2, 9), st.integers(0, 300))
def test_the_error_of_a_count_is_bounded_however_it_is_put_together(keys: list[int], places: int, cut: int) -> None:
    one, other = Frequent[int](places), Frequent[int](places)
    for key in keys[:cut]:
        one.add(key)
    for key in keys[cut:]:
        other.add(key)
    one.merge(other)
    assert one.error <= len(keys) // (places // 2 + 1)
    assert len(one.counts) <= places
    assert all(0 <= times - one.counts.get(key, 0) <= one.error for key, times in Counter(keys).items())


@given(st.lists(st.dictionaries(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), st.text(max_size=3)), max_size=30))
def test_top_values_are_the_same_after_a_restart_and_for_labels_in_any_order(alerts: list[dict[str, str]]) -> None:
    straight, restarted = TopValues(), TopValues()
    for alert in alerts:
        straight.add(alert)
        restarted = TopValues.restored(restarted.snapshot())
        restarted.add(dict(reversed(alert.items())))
    assert restarted.told() == straight.told()
    assert restarted.snapshot() == straight.snapshot()


# -- flapping


FLAPS = st.builds(
    lambda window, end_at, more: FlapPolicy(window=window, start_at=end_at + more, end_at=end_at),
    st.integers(1, 20),
    st.integers(0, 3),
    st.integers(1, 4),
)


@given(FLAPS, st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=40))
def test_flapping_is_what_all_changes_of_the_window_say(policy: FlapPolicy, steps: list[tuple[int, bool]]) -> None:
    flips: tuple[int, ...] = ()
    history: list[int] = []
    now, flapping, expected = 0, False, False
    for gap, changes in steps:
        now += gap
        before, was = flapping, expected
        if expected and sum(at > now - policy.window for at in history) <= policy.end_at:
            expected = False
        if changes:
            history.append(now)
            expected |= sum(at > now - policy.window for at in history) >= policy.start_at
        flips, flapping, flap = (
            flipped(flips, flapping, now, policy) if changes else settle(flips, flapping, now, policy)
        )
        assert flapping == expected
        assert flap is ({(False, True): Flap.FLAPPING, (True, False): Flap.STEADY}.get((was, expected)))
        assert before == was
        assert len(flips) <= policy.start_at
        if flapping:
            due = steady_at(flips, policy)
            assert now < due <= now + policy.window
            assert settle(flips, flapping, due - 1, policy)[1]
            assert not settle(flips, flapping, due, policy)[1]


@given(FLAPS, st.permutations(range(0, 24, 3)))
def test_changes_in_any_order_leave_the_newest_of_the_window(policy: FlapPolicy, moments: list[int]) -> None:
    flips: tuple[int, ...] = ()
    for at in moments:
        flips, _, _ = flipped(flips, False, at, policy)
    within = [at for at in range(0, 24, 3) if at > 21 - policy.window]
    assert flips == tuple(within[-policy.start_at :])


# -- throttling


RATES = st.builds(
    ThrottlePolicy,
    enabled=st.just(True),
    per_minute=st.integers(0, 5000),
    burst=st.integers(0, 8),
    name_per_minute=st.integers(0, 5000),
    name_burst=st.integers(0, 5),
)
ASKED = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0, 0, 1, 7, 50, 400, 60_000])), max_size=60)


@given(RATES, ASKED)
def test_no_time_sees_more_than_a_burst_and_what_came_in_it(
    policy: ThrottlePolicy, asked: list[tuple[str, int]]
) -> None:
    throttle, now = Throttle(policy), 1000
    passed: list[tuple[str, int]] = []
    for name, gap in asked:
        now += gap
        ready = throttle.ready_at(name, now)
        if throttle.take(name, now) is None:
            assert ready == now
            passed.append((name, now))
        else:
            assert ready > now
    for start, (_, since) in enumerate(passed):
        for end in range(start, len(passed)):
            elapsed, window = passed[end][1] - since, passed[start : end + 1]
            assert len(window) <= policy.burst + elapsed * policy.per_minute / 60_000
            most = max(Counter(name for name, _ in window).values())
            assert most <= policy.name_burst + elapsed * policy.name_per_minute / 60_000


@given(RATES, ASKED)
def test_the_time_of_the_next_token_is_exact(policy: ThrottlePolicy, asked: list[tuple[str, int]]) -> None:
    throttle, now = Throttle(policy), 1000
    for name, gap in asked:
        now += gap
        if throttle.take(name, now) is not None:
            ready = throttle.ready_at(name, now)
            if ready < 1 << 62:
                for at, passes in ((ready - 1, False), (ready, True)):
                    copy = Throttle.restored(throttle.snapshot(), policy)
                    assert (copy.take(name, at) is None) is passes


@given(RATES, ASKED, st.integers(0, 60))
def test_buckets_are_the_same_after_a_restart(
    policy: ThrottlePolicy, asked: list[tuple[str, int]], restart: int
) -> None:
    straight, restarted, now = Throttle(policy), Throttle(policy), 1000
    for number, (name, gap) in enumerate(asked):
        now += gap
        if number == restart:
            restarted = Throttle.restored(through_msgpack(restarted.snapshot()), policy)
        assert restarted.take(name, now) == straight.take(name, now)
    assert restarted.snapshot() == straight.snapshot()


# -- budgets


@given(
    st.integers(0, 12),
    st.floats(0, 1),
    st.lists(st.tuples(st.sampled_from([0, 0, 0, 0, 0, DAY // 3, DAY]), st.sampled_from("abc")), max_size=60),
)
def test_what_was_hidden_is_the_same_after_a_restart_at_any_point(
    size: int, share: float, steps: list[tuple[int, str]]
) -> None:
    policy = BudgetPolicy(size, share)
    straight, restarted = Budget(policy), Budget(policy)
    hidden, hidden_restarted = HiddenPerDay(), HiddenPerDay()
    now, spent_today = 0, 0
    for gap, suppressor in steps:
        spent_today = 0 if (now + gap) // DAY > now // DAY else spent_today
        now += gap
        restarted = Budget.restored(through_msgpack(restarted.snapshot()), policy)
        hidden_restarted = HiddenPerDay.restored(through_msgpack(hidden_restarted.snapshot()))
        assert hidden.close(now // DAY) == hidden_restarted.close(now // DAY)
        assert straight.is_exhausted(now) == (spent_today >= size)
        assert restarted.spend(now) == straight.spend(now)
        spent_today += 1
        hidden.hide(suppressor)
        hidden_restarted.hide(suppressor)
        assert straight.spent == restarted.spent == spent_today == sum(times for _, times in hidden.snapshot()[1])
    assert hidden.snapshot() == hidden_restarted.snapshot()
