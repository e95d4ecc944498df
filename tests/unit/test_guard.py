from __future__ import annotations

import random
from typing import TYPE_CHECKING, ClassVar, cast

import msgspec
import pytest

from models.adwin import Adwin
from models.base import OnlineModel, Scored
from models.guard import Guard, GuardState
from models.recent_rate import RecentRate

if TYPE_CHECKING:
    from models.base import State


class Stubborn:
    """A model that always says what it was told first."""

    NAME: ClassVar[str] = "stubborn"
    VERSION: ClassVar[int] = 1

    def __init__(self, told: float | None = None) -> None:
        self.told = told
        self.broken = False

    def score(self, x: int) -> Scored:
        if self.broken:
            raise ZeroDivisionError
        return Scored(0.5 if self.told is None else self.told)

    def learn(self, x: int, y: float | None = None) -> None:
        if self.told is None and y is not None:
            self.told = 0.9 * y + 0.05

    def snapshot(self) -> State:
        return self.told

    @classmethod
    def restore(cls, state: State) -> Stubborn:
        return cls(cast("float | None", state))


class GuardedStubborn(Guard[int, Stubborn]):
    NAME: ClassVar[str] = "guarded_stubborn"

    @staticmethod
    def fresh() -> Stubborn:
        return Stubborn()

    @staticmethod
    def restored(state: State) -> Stubborn:
        return Stubborn.restore(state)

    @staticmethod
    def key(x: int) -> int:
        return x

    @staticmethod
    def chance(score: float) -> float:
        return score


def fed(guard: GuardedStubborn, label: int, times: int) -> GuardedStubborn:
    for _ in range(times):
        guard.learn(7, label)
    return guard


def test_it_is_an_online_model() -> None:
    guard: OnlineModel[int] = GuardedStubborn()
    assert guard.score(7) == Scored(0.5)


def test_the_model_speaks_while_it_is_right() -> None:
    guard = fed(GuardedStubborn(), 0, 2000)
    assert (guard.state, guard.falls, guard.score(7)) == (GuardState.MODEL, 0, Scored(0.05))


def test_when_the_labels_flip_the_simple_rule_speaks_and_says_so() -> None:
    guard = fed(fed(GuardedStubborn(), 0, 500), 1, 100)
    assert (guard.state, guard.falls) == (GuardState.FALLEN_BACK, 1)
    scored = guard.score(7)
    assert scored.score == pytest.approx((63 + 0.01) / 64)
    assert [reason.feature for reason in scored.reasons] == ["recent_rate"]


def test_it_comes_back_by_itself_when_the_model_is_right_again() -> None:
    guard = fed(fed(GuardedStubborn(), 0, 500), 1, 100)
    guard.model.told = 0.9999
    fed(guard, 1, 1500)
    assert (guard.state, guard.falls, guard.score(7)) == (GuardState.MODEL, 1, Scored(0.9999))


def test_it_can_fall_back_again() -> None:
    guard = fed(fed(GuardedStubborn(), 0, 500), 1, 100)
    guard.model.told = 0.9999
    fed(guard, 1, 1500)
    fed(guard, 0, 200)
    assert (guard.state, guard.falls) == (GuardState.FALLEN_BACK, 2)


def test_a_model_that_fails_is_left_at_once_and_its_error_is_not_passed_on() -> None:
    guard = fed(GuardedStubborn(), 0, 10)
    guard.model.broken = True
    assert guard.score(7).score == pytest.approx(0.01 / 11)
    assert fed(guard, 0, 1).state is GuardState.FALLEN_BACK
    guard.model.broken = False
    guard.model.told = 0.0001
    assert fed(guard, 0, 1000).state is GuardState.MODEL


def test_the_value_is_the_score_of_whoever_speaks() -> None:
    guard = fed(GuardedStubborn(), 0, 500)
    assert guard.value(7) == guard.score(7).score == 0.05
    fed(guard, 1, 100)
    assert guard.state is GuardState.FALLEN_BACK
    assert guard.value(7) == guard.score(7).score > 0.9


def test_without_a_label_nothing_happens() -> None:
    guard = GuardedStubborn()
    before = guard.snapshot()
    guard.learn(7)
    assert guard.snapshot() == before


def test_it_goes_on_as_before_after_a_restart_at_any_label() -> None:
    drawn = random.Random(3)  # noqa: S311 - test data, not a secret
    labels = [int(drawn.random() < (0.02 if number < 400 else 0.9)) for number in range(900)]
    straight, restarted = GuardedStubborn(), GuardedStubborn()
    for label in labels:
        straight.learn(7, label)
        restarted = GuardedStubborn.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(restarted.snapshot())))
        restarted.learn(7, label)
    assert straight.falls == 1
    assert restarted.snapshot() == straight.snapshot()


def rises(values: list[float]) -> list[int]:
    adwin = Adwin()
    return [number for number, value in enumerate(values) if adwin.update(value)]


def test_a_rise_of_the_mean_is_told_soon_and_a_fall_is_not() -> None:
    (first, *_) = rises([0.1] * 1000 + [0.6] * 200)
    assert 1000 < first < 1064
    assert rises([0.6] * 1000 + [0.1] * 1000) == []


@pytest.mark.parametrize("seed", range(10))
def test_chance_alone_is_hardly_ever_called_a_rise(seed: int) -> None:
    drawn = random.Random(seed)  # noqa: S311 - test data, not a secret
    assert rises([drawn.random() for _ in range(5000)]) == []


def test_the_window_of_a_million_numbers_is_a_hundred_sums() -> None:
    adwin = Adwin()
    for _ in range(100_000):
        adwin.update(0.5)
    assert len(msgspec.msgpack.encode(adwin.snapshot())) < 2000


def test_the_simple_rule_knows_the_last_63_labels_of_a_key() -> None:
    rule = RecentRate()
    assert (rule.rate(1), rule.labels(1)) == (0.01, 0)
    for one in [True] * 3 + [False]:
        rule.learn(1, one)
    assert (rule.rate(1), rule.labels(1)) == (3.01 / 5, 4)
    for _ in range(63):
        rule.learn(1, one=False)
    assert (rule.rate(1), rule.labels(1)) == (0.01 / 64, 63)


def test_the_newest_such_label_is_taken_back() -> None:
    rule, without = RecentRate(), RecentRate()
    for one in (True, False, True, False):
        rule.learn(1, one)
    for one in (True, False, False):
        without.learn(1, one)
    rule.unlearn(1, one=True)
    assert rule.snapshot() == without.snapshot()
    for one in (False, False, True, True):  # the last of them is no longer there
        rule.unlearn(1, one)
    assert rule.snapshot() == []


def test_the_simple_rule_forgets_the_key_without_a_label_for_longest() -> None:
    rule = RecentRate()
    for key in [*range(RecentRate.MOST), 0, -1]:
        rule.learn(key, one=True)
    assert [rule.labels(key) for key in (0, 1, 2, -1)] == [2, 0, 1, 1]
