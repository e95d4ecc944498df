from __future__ import annotations

import pytest

from pipeline.domain.budgets import DAY, OTHER, SUPPRESSORS, Budget, BudgetEvent, BudgetPolicy, HiddenPerDay

NOTHING, WARNED, EXHAUSTED = None, BudgetEvent.WARNED, BudgetEvent.EXHAUSTED
TODAY = 20_000 * DAY


def spent(*moments: int, policy: BudgetPolicy) -> tuple[Budget, list[BudgetEvent | None]]:
    budget = Budget(policy)
    return budget, [budget.spend(TODAY + moment) for moment in moments]


def test_it_warns_once_and_is_exhausted_once() -> None:
    budget, told = spent(*range(7), policy=BudgetPolicy(suppressed_per_day=5, warn_at=0.6))
    assert told == [NOTHING, NOTHING, WARNED, NOTHING, EXHAUSTED, NOTHING, NOTHING]
    assert budget.spent == 7


def test_it_is_exhausted_from_the_last_change_on_that_it_paid_for() -> None:
    budget, _ = spent(0, 1, policy=BudgetPolicy(suppressed_per_day=3))
    assert not budget.is_exhausted(TODAY)
    budget.spend(TODAY)
    assert budget.is_exhausted(TODAY)


def test_at_midnight_utc_it_is_whole_again_and_warns_again() -> None:
    policy = BudgetPolicy(suppressed_per_day=2, warn_at=0.5)
    budget, told = spent(0, DAY - 1, policy=policy)
    assert told == [WARNED, EXHAUSTED]
    assert budget.is_exhausted(TODAY + DAY - 1)
    assert not budget.is_exhausted(TODAY + DAY)
    assert [budget.spend(TODAY + DAY), budget.spend(TODAY + DAY)] == [WARNED, EXHAUSTED]


def test_a_late_change_of_yesterday_is_paid_for_today() -> None:
    budget, _ = spent(0, policy=BudgetPolicy(suppressed_per_day=2))
    assert budget.spend(TODAY - 1) is EXHAUSTED
    assert budget.is_exhausted(TODAY - 1)


@pytest.mark.parametrize(
    ("policy", "warned_from"),
    [
        (BudgetPolicy(), 80_000),
        (BudgetPolicy(10, 0.7), 7),
        (BudgetPolicy(10, 0.75), 8),
        (BudgetPolicy(3, 0.001), 1),
        (BudgetPolicy(3, 0.0), 1),
        (BudgetPolicy(3, 1.0), 3),
    ],
)
def test_the_warning_comes_at_a_share_of_the_budget(policy: BudgetPolicy, warned_from: int) -> None:
    assert policy.warned_from == warned_from


def test_exhausted_at_once_it_does_not_warn_as_well() -> None:
    assert spent(0, 1, policy=BudgetPolicy(suppressed_per_day=1))[1] == [EXHAUSTED, NOTHING]


def test_a_budget_of_nothing_is_exhausted_before_anything_is_hidden() -> None:
    assert Budget(BudgetPolicy(suppressed_per_day=0)).is_exhausted(TODAY)


def test_a_larger_budget_is_in_force_at_once_and_is_told_of_again() -> None:
    budget, _ = spent(0, 1, policy=BudgetPolicy(suppressed_per_day=2, warn_at=0.5))
    budget.policy = BudgetPolicy(suppressed_per_day=4, warn_at=0.75)
    assert not budget.is_exhausted(TODAY)
    assert [budget.spend(TODAY), budget.spend(TODAY)] == [WARNED, EXHAUSTED]


def test_a_smaller_budget_is_exhausted_with_the_next_change() -> None:
    budget, _ = spent(0, 1, 2, policy=BudgetPolicy(suppressed_per_day=100))
    budget.policy = BudgetPolicy(suppressed_per_day=2)
    assert budget.is_exhausted(TODAY)
    assert [budget.spend(TODAY), budget.spend(TODAY)] == [EXHAUSTED, NOTHING]


def test_what_each_suppressor_hid_is_told_when_the_day_is_over() -> None:
    hidden = HiddenPerDay(day=5)
    for suppressor in ("storm", "silence:db", "storm"):
        hidden.hide(suppressor)
    assert hidden.close(5) == {}
    assert list(hidden.close(6).items()) == [("silence:db", 1), ("storm", 2)]
    assert hidden.day == 6
    assert hidden.close(7) == {}


def test_a_day_before_does_not_close_anything() -> None:
    hidden = HiddenPerDay(day=5)
    hidden.hide("storm")
    assert hidden.close(4) == {}
    assert hidden.close(9) == {"storm": 1}


def test_beyond_a_thousand_suppressors_all_others_are_counted_as_one() -> None:
    hidden = HiddenPerDay()
    for number in range(SUPPRESSORS + 50):
        hidden.hide(f"silence:{number}")
    hidden.hide("silence:0")
    closed = hidden.close(1)
    assert len(closed) == SUPPRESSORS + 1
    assert (closed[OTHER], closed["silence:0"]) == (50, 2)
