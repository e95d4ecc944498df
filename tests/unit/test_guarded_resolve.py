"""The guard over the times to resolve: who speaks, and when that changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from models.guard import GuardState
from models.guarded_resolve import GuardedTimeToResolve
from models.time_to_resolve import Open, Resolves

if TYPE_CHECKING:
    import pytest

HOUR = 3600.0


def learned(guard: GuardedTimeToResolve, times: int, **seconds: float) -> GuardedTimeToResolve:
    for _ in range(times):
        for name, lasted in seconds.items():
            guard.learn(Open(name), lasted)
    return guard


def test_the_model_speaks_while_names_tell_more_than_all_together() -> None:
    guard = learned(GuardedTimeToResolve(), 500, Quick=60.0, Slow=6 * HOUR)
    assert guard.state is GuardState.MODEL
    assert guard.forecast(Open("Quick")) == (60, 60)


def test_nothing_is_told_from_fewer_than_five_ends() -> None:
    assert learned(GuardedTimeToResolve(), 4, Quick=60.0).forecast(Open("Quick")) is None


def test_when_all_names_last_longer_at_once_the_ends_of_all_speak_and_the_model_comes_back_by_itself() -> None:
    names = [f"name {number}" for number in range(20)]
    guard = learned(GuardedTimeToResolve(), 60, **dict.fromkeys(names, 60.0))
    learned(guard, 5, **dict.fromkeys(names, 6 * HOUR))
    assert guard.state is GuardState.FALLEN_BACK
    assert guard.forecast(Open("name 0")) == (6 * HOUR, 6 * HOUR)
    assert guard.model.forecast(Open("name 0")) == Resolves(60, 60, 6 * HOUR)
    half = {name: 60.0 if number % 2 else 6 * HOUR for number, name in enumerate(names)}
    learned(guard, 150, **half)
    assert (guard.state, guard.judgement.falls) == (GuardState.MODEL, 1)
    assert guard.forecast(Open("name 1")) == (60, 60)


def test_a_model_that_fails_is_left_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    guard = learned(GuardedTimeToResolve(), 10, Quick=60.0)

    def fails(x: Open) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(guard.model, "ends_of", fails)
    assert guard.forecast(Open("Quick")) == (60, 60)
    learned(guard, 1, Quick=60.0)
    assert guard.state is GuardState.FALLEN_BACK


def test_what_is_open_already_counts_while_fallen_back() -> None:
    guard = learned(GuardedTimeToResolve(), 10, Quick=60.0, Slow=6 * HOUR)
    guard.judgement.judge(None, 0.0)
    assert guard.forecast(Open("Quick", open_for=120.0)) == (6 * HOUR, 6 * HOUR)
    assert guard.forecast(Open("Quick", open_for=7 * HOUR)) is None


def test_it_goes_on_as_before_after_a_restart_at_any_end() -> None:
    straight, restarted = GuardedTimeToResolve(), GuardedTimeToResolve()
    for number in range(700):
        name, lasted = f"name {number % 20}", 60.0 if number < 500 else 6 * HOUR
        straight.learn(Open(name), lasted)
        restarted = GuardedTimeToResolve.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(restarted.snapshot())))
        restarted.learn(Open(name), lasted)
    assert straight.judgement.falls == 1
    assert restarted.snapshot() == straight.snapshot()
