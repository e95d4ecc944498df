"""The chance that an alert flaps, from openings that did and did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from models.guard import GuardState
from models.will_flap import WITHIN, GuardedWillFlap, Opened, WillFlap, outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MINUTE = 60_000


def learned(openings: Iterable[tuple[Opened, int]]) -> WillFlap:
    model = WillFlap()
    for opened, flapped in openings:
        model.learn(opened, flapped)
    return model


FLAPPER, STEADY, OTHER = Opened("LinkDown", "eth0"), Opened("LinkDown", "eth1"), Opened("DiskFull", "sda")
BOTH = [(FLAPPER, 1), (STEADY, 0)] * 50


# -- the outcome


def test_an_alert_flapped_with_the_third_change_after_its_opening() -> None:
    opened = 100 * MINUTE
    changes = [105 * MINUTE, 110 * MINUTE, 120 * MINUTE]
    assert outcome(opened, changes[:2], now=121 * MINUTE) is None
    assert outcome(opened, changes, now=121 * MINUTE) is True


def test_after_half_an_hour_with_fewer_it_did_not() -> None:
    assert outcome(0, [MINUTE, 2 * MINUTE], now=WITHIN) is None
    assert outcome(0, [MINUTE, 2 * MINUTE], now=WITHIN + 1) is False


def test_changes_before_it_opened_and_after_half_an_hour_do_not_count() -> None:
    assert outcome(MINUTE, [0, 2 * MINUTE, 3 * MINUTE], now=100 * MINUTE) is False
    assert outcome(0, [MINUTE, 2 * MINUTE, WITHIN], now=100 * MINUTE) is True
    assert outcome(0, [MINUTE, 2 * MINUTE, WITHIN + 1], now=100 * MINUTE) is False


# -- the chance


def test_before_anything_is_known_one_in_ten_flaps() -> None:
    assert WillFlap().score(FLAPPER).score == pytest.approx(0.1)


def test_an_instance_that_flaps_is_told_from_one_of_its_name_that_does_not() -> None:
    model = learned(BOTH)
    assert model.score(FLAPPER).score > 0.8
    assert model.score(STEADY).score < 0.2


def test_a_new_instance_is_as_likely_as_its_name_and_a_new_name_as_all() -> None:
    model = learned(BOTH + [(OTHER, 0)] * 20)
    assert model.score(Opened("LinkDown", "eth9")).score == pytest.approx(0.48, abs=0.05)
    assert model.score(Opened("NeverSeen", "x")).score == pytest.approx(0.32, abs=0.05)


def test_one_flapping_opening_of_a_new_name_is_not_taken_for_its_nature() -> None:
    model = learned([(OTHER, 0)] * 50 + [(FLAPPER, 1)])
    assert 0.05 < model.score(FLAPPER).score < 0.25


def test_an_alert_that_no_longer_flaps_is_believed_after_some_time() -> None:
    model = learned([(FLAPPER, 1)] * 100)
    assert model.score(FLAPPER).score > 0.95
    for _ in range(100):
        model.learn(FLAPPER, 0)
    assert model.score(FLAPPER).score < 0.2


def test_the_reasons_say_what_name_and_instance_make_of_it_the_weightier_first() -> None:
    instance, name = learned(BOTH + [(OTHER, 0)] * 2).score(FLAPPER).reasons
    assert (instance.feature, name.feature) == ("instance", "name")
    assert instance.value > 0.8
    assert instance.usual == name.value
    assert instance.distance > abs(name.distance)


def test_name_and_instance_are_not_run_together() -> None:
    model = learned([(Opened("a", "bc"), 1)] * 50)
    assert model.score(Opened("ab", "c")).score < model.score(Opened("a", "bc")).score


def test_the_name_that_was_learned_of_longest_ago_is_forgotten_first() -> None:
    many = [(Opened(f"name {number}", "i"), 0) for number in range(1024)]
    model = learned([(FLAPPER, 1)] * 50)
    remembered = learned([(FLAPPER, 1)] * 50 + many[:-1])
    assert remembered.score(FLAPPER).score > 0.7 * model.score(FLAPPER).score  # the instance is kept
    forgotten = learned([(FLAPPER, 1)] * 50 + many)
    assert forgotten.score(FLAPPER).score == forgotten.score(Opened("NeverSeen")).score


def test_what_opened_again_is_counted_apart() -> None:
    model = learned([(Opened("LinkDown", "eth0", again=True), 1)] * 50 + [(FLAPPER, 0)] * 50)
    assert model.score(Opened("LinkDown", "eth0", again=True)).score > 0.8
    assert model.score(FLAPPER).score < 0.1


def test_a_name_is_known_once_its_openings_weigh_as_much_as_those_of_all() -> None:
    assert not learned([(FLAPPER, 0)] * 11).knows(FLAPPER)
    model = learned([(FLAPPER, 0)] * 12)
    assert model.knows(FLAPPER)
    assert model.knows(Opened("LinkDown", "never seen"))
    assert not model.knows(Opened("LinkDown", "eth0", again=True))
    assert not model.knows(OTHER)


def test_without_an_outcome_nothing_is_learned() -> None:
    model = learned(BOTH)
    before = model.snapshot()
    model.learn(FLAPPER)
    assert model.snapshot() == before


@pytest.mark.parametrize("flapped", [2, 0.5, float("nan")])
def test_an_outcome_is_1_or_0(flapped: float) -> None:
    model = learned(BOTH)
    before = model.snapshot()
    with pytest.raises(ValueError, match="1 or 0"):
        model.learn(FLAPPER, flapped)
    assert model.snapshot() == before


# -- its guard


LINKS = [Opened("LinkDown", f"eth{number}") for number in range(50)]


def guarded(guard: GuardedWillFlap, times: int, flaps: Callable[[int], bool]) -> GuardedWillFlap:
    for _ in range(times):
        for number, link in enumerate(LINKS):
            guard.learn(link, flaps(number))
    return guard


def every_other(number: int) -> bool:
    return number % 2 == 0


def test_the_model_speaks_while_instances_tell_more_than_the_base_rate() -> None:
    guard = guarded(GuardedWillFlap(), 40, every_other)
    assert (guard.state, guard.falls) == (GuardState.MODEL, 0)
    assert guard.score(LINKS[0]) == guard.model.score(LINKS[0])
    assert guard.score(LINKS[0]).score > 0.8 > 0.2 > guard.score(LINKS[1]).score


def test_when_all_that_never_flapped_flap_at_once_the_base_rate_speaks() -> None:
    guard = guarded(GuardedWillFlap(), 40, lambda number: False)
    guarded(guard, 2, lambda number: True)
    assert guard.state is GuardState.FALLEN_BACK
    assert guard.score(LINKS[0]).score > 0.95 > 0.5 > guard.model.score(LINKS[0]).score
    assert [reason.feature for reason in guard.score(LINKS[0]).reasons] == ["recent_rate"]


def test_the_model_comes_back_by_itself_when_instances_tell_more_again() -> None:
    guard = guarded(GuardedWillFlap(), 40, lambda number: False)
    guarded(guard, 2, lambda number: True)
    guarded(guard, 60, every_other)
    assert (guard.state, guard.falls) == (GuardState.MODEL, 1)


def test_the_base_rate_of_what_opened_again_is_another_one() -> None:
    again = Opened("LinkDown", "eth0", again=True)
    guard = GuardedWillFlap()
    for _ in range(100):
        guard.learn(STEADY, 0)
        guard.learn(again, 1)
    guard.judgement.judge(None, 0.0)  # the model fails
    assert guard.score(STEADY).score < 0.01
    assert guard.score(again).score > 0.98
