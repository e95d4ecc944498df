"""Flapping on a time-line in minutes, with four changes within ten to begin and one to end."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.domain.flapping import Flap, FlapPolicy, flipped, settle, steady_at

POLICY = FlapPolicy(window=10 * 60_000, start_at=4, end_at=1)
FLAPPING, STEADY, NOTHING = Flap.FLAPPING, Flap.STEADY, None


class Quiet(float):
    """A moment at which somebody looks, and nothing happens."""


def minutes(at: float) -> int:
    return round(at * 60_000)


def live(*moments: float, policy: FlapPolicy = POLICY) -> tuple[tuple[int, ...], bool, list[Flap | None]]:
    """Return the changes kept, whether it flaps, and what became of it at each moment."""
    flips: tuple[int, ...] = ()
    flapping, told = False, []
    for moment in moments:
        step = settle if isinstance(moment, Quiet) else flipped
        flips, flapping, flap = step(flips, flapping, minutes(moment), policy)
        told.append(flap)
    return flips, flapping, told


CASES: dict[str, list[tuple[float, Flap | None]]] = {
    "three changes are none too many": [(0, NOTHING), (1, NOTHING), (2, NOTHING)],
    "with the fourth within ten minutes it flaps": [(0, NOTHING), (1, NOTHING), (2, NOTHING), (9.99, FLAPPING)],
    "a change counts for less than ten minutes": [(0, NOTHING), (1, NOTHING), (2, NOTHING), (10, NOTHING)],
    "it begins once": [(0, NOTHING), (1, NOTHING), (2, NOTHING), (3, FLAPPING), (4, NOTHING), (5, NOTHING)],
    "with two left it is not steady yet": [
        (0, NOTHING),
        (1, NOTHING),
        (2, NOTHING),
        (3, FLAPPING),
        (Quiet(11.99), NOTHING),
        (Quiet(12), STEADY),
        (Quiet(13), NOTHING),
    ],
    "between the thresholds it stays as it is": [
        (0, NOTHING),
        (1, NOTHING),
        (2, NOTHING),
        (Quiet(3), NOTHING),
        (4, FLAPPING),
        (Quiet(11.5), NOTHING),  # two left
        (11.6, NOTHING),  # three
        (Quiet(13.9), NOTHING),
    ],
    "steady again, it takes as many changes as before to flap": [
        (0, NOTHING),
        (1, NOTHING),
        (2, NOTHING),
        (3, FLAPPING),
        (Quiet(12.5), STEADY),  # one left
        (12.6, NOTHING),
        (12.7, NOTHING),
        (12.8, FLAPPING),
    ],
    "changes of one and the same millisecond are changes": [(5, NOTHING), (5, NOTHING), (5, NOTHING), (5, FLAPPING)],
    "a late change counts at its own time": [(5, NOTHING), (4, NOTHING), (6, NOTHING), (3, FLAPPING)],
    "a change that is too late to count does not count": [
        (12, NOTHING),
        (13, NOTHING),
        (14, NOTHING),
        (4, NOTHING),
        (4.01, FLAPPING),
    ],
    "if nobody looked in time, the next change finds it steady": [
        (0, NOTHING),
        (1, NOTHING),
        (2, NOTHING),
        (3, FLAPPING),
        (100, STEADY),
        (101, NOTHING),
    ],
    "an alert that never flapped does not become steady": [(0, NOTHING), (Quiet(20), NOTHING)],
}


@pytest.mark.parametrize("sentence", CASES)
def test_that(sentence: str) -> None:
    moments, expected = zip(*CASES[sentence], strict=True)
    assert live(*moments)[2] == list(expected)


def test_no_more_changes_are_kept_than_it_takes_to_begin() -> None:
    flips, flapping, _ = live(*(number / 100 for number in range(50)))
    assert flips == tuple(minutes(number / 100) for number in (46, 47, 48, 49))
    assert flapping


def test_changes_are_kept_oldest_first_whatever_order_they_came_in() -> None:
    assert live(5, 3, 4, 5)[0] == (minutes(3), minutes(4), minutes(5), minutes(5))


def test_when_it_will_be_steady_is_when_somebody_who_looks_finds_it_so() -> None:
    flips, flapping, _ = live(0, 1, 2, 3)
    due = steady_at(flips, POLICY)
    assert due == minutes(12)
    assert settle(flips, flapping, due - 1, POLICY)[1:] == (True, None)
    assert settle(flips, flapping, due, POLICY) == ((minutes(3),), False, STEADY)


def test_a_further_change_puts_that_off() -> None:
    flips, _, _ = live(0, 1, 2, 3, 8)
    assert steady_at(flips, POLICY) == minutes(13)


def test_with_no_more_changes_than_the_lower_threshold_it_is_steady_already() -> None:
    assert steady_at((), POLICY) == 0
    assert steady_at((minutes(3),), POLICY) == 0


def test_with_a_lower_threshold_of_none_all_changes_must_have_passed() -> None:
    policy = msgspec.structs.replace(POLICY, end_at=0)
    flips, flapping, _ = live(0, 1, 2, 3, policy=policy)
    assert steady_at(flips, policy) == minutes(13)
    assert settle(flips, flapping, minutes(13) - 1, policy)[1]
    assert settle(flips, flapping, minutes(13), policy) == ((), False, STEADY)


def test_flapping_ends_when_its_policy_is_switched_off() -> None:
    flips, flapping, _ = live(0, 1, 2, 3)
    off = msgspec.structs.replace(POLICY, enabled=False)
    assert steady_at(flips, off) == 0
    assert settle(flips, flapping, minutes(3), off) == (flips, False, STEADY)


def test_under_a_policy_that_is_switched_off_nothing_flaps() -> None:
    off = msgspec.structs.replace(POLICY, enabled=False)
    assert live(*range(20), policy=off)[1:] == (False, [None] * 20)


def test_a_change_that_ends_it_and_begins_it_anew_is_not_told() -> None:
    policy = msgspec.structs.replace(POLICY, start_at=2)
    flips, flapping, told = live(0, 1, 2, 11.5, policy=policy)  # at 11.5 one is left, and with this one two
    assert (flips, flapping) == ((minutes(2), minutes(11.5)), True)
    assert told == [NOTHING, FLAPPING, NOTHING, NOTHING]


def test_by_default_six_changes_within_half_an_hour_flap() -> None:
    policy = FlapPolicy()
    assert live(0, 6, 12, 18, 24, 29.9, policy=policy)[2][-1] is FLAPPING
    assert live(0, 6, 12, 18, 24, 30, policy=policy)[2][-1] is NOTHING
    assert policy.ref.kind == "built_in"
