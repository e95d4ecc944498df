"""Storms, minute by minute, with a floor of 20 records and an end after two quiet minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from pipeline.domain.quiet_minutes import ENOUGH
from pipeline.domain.storm_account import MINUTE, NEW_NAMES, Storm
from pipeline.domain.storms import LASTING, MIXED, Pulse, StormEvent, StormPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.domain.storms import StormNews

POLICY = StormPolicy(floor=20, factor=4.0, quiet_minutes=2)
M0 = 29_000_000
DIGEST, ENDED = StormEvent.DIGEST, StormEvent.ENDED


def pulse_of(policy: StormPolicy = POLICY) -> Pulse:
    return Pulse(policy, M0)


def send(pulse: Pulse, name: str, instance: str = "i", times: int = 1, *, key: bytes | None = None) -> list[int]:
    """Return at which counts of the minute a storm began."""
    key = key or f"{name}/{instance}".encode()
    begun = []
    for _ in range(times):
        pulse.left -= 1
        if key is not pulse.first and not pulse.mixed:
            pulse.meet(key, name, instance)
        if pulse.left <= 0 and pulse.look():
            begun.append(pulse.count)
    return begun


def mixed(pulse: Pulse, times: int) -> list[int]:
    """Send records of two names in turn."""
    return [count for number in range(times) for count in send(pulse, "ab"[number % 2])]


def minute(pulse: Pulse, number: int, times: int) -> list[StormEvent]:
    """Go on to minute `number`, send as many mixed records, and return what the minutes before brought."""
    news = pulse.roll(M0 + number)
    mixed(pulse, times)
    return [one.event for one in news]


def storming(policy: StormPolicy = POLICY) -> tuple[Pulse, Storm]:
    pulse = pulse_of(policy)
    mixed(pulse, pulse.limit + 1)
    assert pulse.storm is not None
    return pulse, pulse.storm


def facts(news: Iterable[StormNews], event: StormEvent) -> list[Any]:
    return [one.facts for one in news if one.event is event]


# -- how it begins


def test_a_storm_begins_with_the_first_record_over_the_limit() -> None:
    pulse = pulse_of()
    assert mixed(pulse, 20) == []
    assert not pulse.storming
    assert mixed(pulse, 1) == [21]
    assert pulse.storming


def test_it_begins_once() -> None:
    assert mixed(pulse_of(), 1000) == [21]


def test_records_are_counted_by_the_minute() -> None:
    pulse = pulse_of()
    assert [minute(pulse, number, 20) for number in range(1, 5)] == [[]] * 4
    assert pulse.storm is None


def test_the_count_of_the_minute_is_known_at_any_time() -> None:
    pulse = pulse_of()
    assert pulse.count == 0
    for number in range(1, 60):
        mixed(pulse, 1)
        assert pulse.count == number
    pulse.roll(M0 + 1)
    assert pulse.count == 0


def test_one_noisy_alert_alone_is_no_storm_however_noisy() -> None:
    pulse = pulse_of()
    assert send(pulse, "noisy", times=10_000) == []


def test_one_name_on_one_instance_is_no_storm_however_many_alerts_it_is() -> None:
    pulse = pulse_of()
    assert [send(pulse, "noisy", key=str(number).encode()) for number in range(500)] == [[]] * 500


def test_one_name_on_many_instances_is_a_storm() -> None:
    pulse = pulse_of()
    assert [count for number in range(30) for count in send(pulse, "down", f"node{number}")] == [21]


def test_a_noisy_alert_with_a_trickle_of_others_is_no_storm() -> None:
    pulse = pulse_of()
    assert send(pulse, "noisy", times=500) + send(pulse, "b") + send(pulse, "c") + send(pulse, "noisy", times=500) == []
    assert pulse.count == 1002


def test_it_is_one_as_soon_as_the_others_are_more_than_a_tenth_of_the_limit() -> None:
    pulse = pulse_of()
    assert send(pulse, "noisy", times=500) + send(pulse, "b", times=20 // MIXED) == []
    assert send(pulse, "c") == [503]


@pytest.mark.parametrize("others_first", [True, False])
def test_the_order_within_a_minute_does_not_hide_a_noisy_alert(others_first: bool) -> None:
    pulse = pulse_of()
    others = [("b", "i"), ("c", "i")]
    sent = [*others, *[("noisy", "i")] * 300] if others_first else [*[("noisy", "i")] * 300, *others]
    assert [send(pulse, name, instance) for name, instance in sent] == [[]] * 302


def test_what_two_alerts_send_in_turn_is_mixed() -> None:
    pulse = pulse_of(msgspec.structs.replace(POLICY, floor=1000))
    mixed(pulse, 201)
    assert not pulse.mixed
    send(pulse, "b")  # each of them 101 times
    assert pulse.mixed


def test_the_alerts_of_the_minute_before_do_not_make_this_one_mixed() -> None:
    pulse = pulse_of()
    mixed(pulse, 20)
    pulse.roll(M0 + 1)
    assert send(pulse, "a", times=500) == []


def test_many_different_pairs_do_not_hide_that_one_is_the_noisiest() -> None:
    pulse = pulse_of(msgspec.structs.replace(POLICY, floor=5000))
    for number in range(400):  # more than are counted at a time, and less than a tenth of the limit
        assert send(pulse, f"n{number}") + send(pulse, "noisy", times=50) == []
    assert pulse.count == 20_400
    for number in range(1200):
        if send(pulse, f"m{number}"):
            break
    # 101 more would do if all pairs were counted; what is not counted is at most a 33rd of all.
    assert 100 <= number <= 100 + pulse.count // 33


# -- the limit


def test_the_limit_is_the_floor_until_enough_quiet_minutes_are_known() -> None:
    pulse = pulse_of()
    for number in range(1, ENOUGH):
        minute(pulse, number, 10)
    assert pulse.limit == 20
    minute(pulse, ENOUGH, 10)
    minute(pulse, ENOUGH + 1, 10)
    assert pulse.limit == 40  # 4 × 10


def test_a_tenant_that_says_little_keeps_the_floor() -> None:
    pulse = pulse_of()
    for number in range(1, 200):
        minute(pulse, number, 2)
    assert pulse.limit == 20


def day_of(counts: Iterable[int], policy: StormPolicy) -> Pulse:
    """Return the pulse of a tenant that sent as many mixed records, minute by minute of one day (UTC)."""
    pulse = Pulse(policy, M0 - M0 % 1440)
    for count in counts:
        mixed(pulse, count)
        pulse.roll(pulse.minute + 1)
    return pulse


UNWRITTEN = StormPolicy()


@pytest.mark.parametrize(
    ("counts", "limit"),
    [
        ([2] * 1439, 500),  # a minute less than a day's worth
        ([2] * 1440, 100),
        ([2] * 1439 + [60], 120),  # twice the largest
        ([2] * 1439 + [400], 500),
        ([200] * 1440, 800),  # 4 × p99 says more than any floor
    ],
)
def test_a_floor_that_nobody_wrote_is_learned_from_a_day_of_quiet_minutes(counts: list[int], limit: int) -> None:
    assert day_of(counts, UNWRITTEN).limit == limit


def test_a_floor_that_was_written_stays_whatever_the_tenant_sends() -> None:
    assert day_of([2] * 1440, msgspec.structs.replace(UNWRITTEN, floor=500)).limit == 500


def test_a_tenant_that_sends_little_has_a_storm_at_the_learned_floor() -> None:
    pulse = day_of([2] * 1440, UNWRITTEN)
    assert mixed(pulse, 500) == [101]
    assert pulse.storm is not None
    assert pulse.storm.limit == 100


def test_a_learned_floor_is_the_same_after_a_restart_and_gone_once_one_is_written() -> None:
    pulse = Pulse.restored(day_of([2] * 1440, UNWRITTEN).snapshot(), UNWRITTEN)
    assert pulse.limit == 100
    pulse.policy = msgspec.structs.replace(UNWRITTEN, floor=700)
    assert pulse.limit == 700


def test_minutes_without_a_record_are_not_what_a_tenant_is_measured_by() -> None:
    pulse = pulse_of()
    for number in range(1, 100):
        minute(pulse, number * 50, 10)
    assert pulse.limit == 40


def test_minutes_over_the_limit_are_not_learned_whatever_made_them_so() -> None:
    pulse = pulse_of()
    for number in range(1, 200):
        pulse.roll(M0 + number)
        send(pulse, "noisy", times=21)
    assert pulse.limit == 20


def test_minutes_of_a_storm_are_not_learned_even_if_they_are_quiet() -> None:
    pulse, _ = storming(msgspec.structs.replace(POLICY, quiet_minutes=10_000))
    for number in range(1, 200):
        minute(pulse, number, 10)
    assert pulse.storm is not None
    assert pulse.limit == 20


def test_a_storm_that_lasts_for_hours_is_the_new_level_and_ends() -> None:
    pulse = pulse_of()
    ended = [number for number in range(LASTING * 2) if ENDED in minute(pulse, number, 100)]
    # After six hours it is learned, an hour later there is a percentile, and two minutes later it is quiet.
    assert ended == [LASTING + ENOUGH + 2]
    assert pulse.limit >= 400


def test_a_new_level_is_not_learned_from_minutes_without_a_record() -> None:
    pulse, _ = storming(msgspec.structs.replace(POLICY, quiet_minutes=10_000))
    pulse.roll(M0 + LASTING + ENOUGH * 3)
    assert pulse.quiet.p99() is None


# -- what it costs


def test_a_record_of_the_noisiest_alert_is_not_brought_twice() -> None:
    pulse = pulse_of()
    key, same = b"key", bytes([*b"key"])  # the alert was let go of and read again: another object
    send(pulse, "a", key=key)
    assert pulse.first is key
    send(pulse, "a", key=same)
    assert pulse.first is same


def test_in_a_storm_no_record_is_brought() -> None:
    pulse, _ = storming()
    pulse.roll(M0 + 1)
    assert pulse.mixed


def test_a_silence_of_years_is_gone_through_at_once() -> None:
    pulse, _ = storming()
    assert len(pulse.roll(M0 + 10**12)) == 2
    assert pulse.roll(M0 + 10**15) == []


# -- how it ends


def test_a_storm_ends_after_as_many_quiet_minutes_as_its_policy_says() -> None:
    pulse, _ = storming()
    assert [minute(pulse, number, times) for number, times in enumerate((20, 20, 0), 1)] == [
        [DIGEST],  # of the first minute
        [DIGEST],
        [DIGEST, ENDED],
    ]
    assert pulse.storm is None


def test_a_minute_over_the_limit_begins_the_quiet_anew() -> None:
    pulse, _ = storming()
    told = [minute(pulse, number, times) for number, times in enumerate((20, 21, 20, 20, 0), 1)]
    assert told == [[DIGEST]] * 4 + [[DIGEST, ENDED]]


def test_minutes_without_a_record_are_quiet_and_have_no_digest() -> None:
    pulse, _ = storming()
    news = pulse.roll(M0 + 100)
    assert [(one.event, one.at) for one in news] == [(DIGEST, (M0 + 1) * MINUTE), (ENDED, (M0 + 3) * MINUTE)]
    assert (pulse.minute, pulse.storm) == (M0 + 100, None)


def test_the_next_storm_may_begin_in_the_minute_after_the_end() -> None:
    pulse, _ = storming()
    pulse.roll(M0 + 3)
    assert mixed(pulse, 100) == [21]


def test_time_that_goes_back_closes_nothing() -> None:
    pulse, _ = storming()
    assert pulse.roll(M0 - 5) == pulse.roll(M0) == []
    assert pulse.minute == M0


# -- the policy


def test_where_storms_are_switched_off_none_begins() -> None:
    pulse = pulse_of(msgspec.structs.replace(POLICY, enabled=False))
    assert mixed(pulse, 1000) == []
    assert pulse.count == 1000


def test_a_storm_hides_nothing_more_once_it_is_switched_off_and_ends_with_its_minute() -> None:
    pulse, _ = storming()
    pulse.policy = msgspec.structs.replace(POLICY, enabled=False)
    assert not pulse.storming
    mixed(pulse, 100)
    assert [one.event for one in pulse.roll(M0 + 1)] == [DIGEST, ENDED]


def test_a_lower_limit_holds_from_the_next_record_on() -> None:
    pulse = pulse_of()
    mixed(pulse, 15)
    pulse.policy = msgspec.structs.replace(POLICY, floor=10)
    assert pulse.count == 15
    assert mixed(pulse, 1) == [16]


def test_a_higher_limit_holds_at_once() -> None:
    pulse = pulse_of()
    mixed(pulse, 19)
    pulse.policy = msgspec.structs.replace(POLICY, floor=30)
    assert mixed(pulse, 20) == [31]


# -- its account


def test_a_storm_begins_when_its_caller_says_or_else_with_its_minute() -> None:
    _, storm = storming()
    assert storm.started_at == M0 * MINUTE
    pulse = pulse_of(msgspec.structs.replace(POLICY, floor=0))
    for key in (b"a", b"b"):
        pulse.left -= 1
        pulse.meet(key, key.decode(), "")
    assert pulse.look(M0 * MINUTE + 777)
    assert pulse.storm is not None
    assert pulse.storm.started_at == M0 * MINUTE + 777


def test_a_digest_tells_of_its_minute_and_the_end_of_all_of_it() -> None:
    pulse, storm = storming()
    for _ in range(3):
        storm.hide({"alertname": "a", "host": "x"})
    first = pulse.roll(M0 + 1)
    mixed(pulse, 50)
    storm.hide({"alertname": "b", "host": "x"})
    second = pulse.roll(M0 + 2)
    mixed(pulse, 5)
    rest = pulse.roll(M0 + 4)
    (digest,), (missed,) = facts(second, DIGEST), facts(rest, ENDED)
    assert digest == {
        "started_at": M0 * MINUTE,
        "minute": (M0 + 1) * MINUTE,
        "records": 50,
        "limit": 20,
        "quiet_minutes": 0,
        "suppressed": 1,
        "suppressed_so_far": 4,
        "top": {
            "estimate": False,
            "more_labels": False,
            "labels": [
                {"label": "alertname", "values": [{"value": "b", "count": 1}], "error": 0},
                {"label": "host", "values": [{"value": "x", "count": 1}], "error": 0},
            ],
        },
    }
    assert facts(first, DIGEST)[0]["suppressed"] == 3
    assert missed == {
        "started_at": M0 * MINUTE,
        "ended_at": (M0 + 4) * MINUTE,
        "minutes": 4,
        "records": 21 + 50 + 5,
        "limit": 20,
        "peak": {"minute": (M0 + 1) * MINUTE, "records": 50},
        "suppressed": 4,
        "new_names": [],
        "new_names_in_all": 0,
        "top": {
            "estimate": False,
            "more_labels": False,
            "labels": [
                {"label": "alertname", "values": [{"value": "a", "count": 3}, {"value": "b", "count": 1}], "error": 0},
                {"label": "host", "values": [{"value": "x", "count": 4}], "error": 0},
            ],
        },
    }


def test_of_two_peaks_the_first_is_told() -> None:
    pulse, _ = storming()
    minute(pulse, 1, 50)
    minute(pulse, 2, 50)
    (missed,) = facts(pulse.roll(M0 + 10), ENDED)
    assert missed["peak"] == {"minute": (M0 + 1) * MINUTE, "records": 50}


def test_a_minute_without_records_in_which_something_was_hidden_has_a_digest() -> None:
    pulse, storm = storming()
    pulse.roll(M0 + 1)
    storm.hide({"alertname": "a"})  # an alert expired
    assert [one.event for one in pulse.roll(M0 + 2)] == [DIGEST]


def test_a_name_that_nobody_knew_passes_all_through_the_storm() -> None:
    _, storm = storming()
    assert not storm.lets_pass("Known", is_new_name=False)
    assert storm.lets_pass("New", is_new_name=True)
    assert storm.lets_pass("New", is_new_name=False)
    assert storm.missed(0)["new_names"] == ["New"]


def test_of_more_new_names_than_are_remembered_the_first_alert_passes() -> None:
    _, storm = storming()
    for number in range(NEW_NAMES):
        assert storm.lets_pass(f"n{number}", is_new_name=True)
    assert storm.lets_pass("more", is_new_name=True)
    assert not storm.lets_pass("more", is_new_name=False)
    assert storm.missed(0)["new_names_in_all"] == NEW_NAMES


def test_what_is_told_is_json() -> None:
    pulse, storm = storming()
    storm.hide({"alertname": "a", "host": "x"})
    for news in pulse.roll(M0 + 10):
        assert msgspec.json.decode(msgspec.json.encode(news.facts)) == news.facts


# -- after a restart


def test_what_made_a_minute_mixed_is_remembered() -> None:
    pulse = pulse_of()
    send(pulse, "b", times=3)
    send(pulse, "a", times=10)
    assert pulse.mixed
    pulse = Pulse.restored(pulse.snapshot(), POLICY)
    assert send(pulse, "a", times=20) == [21]


def test_a_storm_is_not_begun_again() -> None:
    pulse, storm = storming()
    restored = Pulse.restored(pulse.snapshot(), POLICY)
    assert mixed(restored, 100) == []
    assert restored.storm is not None
    assert restored.storm.started_at == storm.started_at
