"""What every model keeps to, whatever it is a model of; a model that is not in the table fails the last test."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

import models
from models.alert_stream import AlertStreamAnomaly
from models.features import StreamInput
from models.guard import Guard
from models.guarded_resolve import GuardedTimeToResolve
from models.noise import GuardedNoise, NoiseInput, NoiseModel
from models.series_anomaly import Point, SeriesAnomaly
from models.snapshot import pack, unpack
from models.time_to_resolve import Open, TimeToResolve
from models.volume_forecast import VolumeForecast
from models.will_flap import GuardedWillFlap, Opened, WillFlap
from pipeline.domain.severity import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from models.base import OnlineModel

LONG = "ä" * 5000
MANY = 50_000
Example = tuple[Any, float | None]


@dataclass(frozen=True)
class Case:
    """One model, what it is given, and what it must refuse."""

    fresh: Callable[[], OnlineModel[Any]]
    draw: Callable[[random.Random, int], Example]
    """Return an input and its truth: those of a tenant that has a few names and sends now and then a new one."""
    odd: tuple[Any, ...]
    """Inputs with what was never seen, with nothing, and with too much."""
    no_numbers: Callable[[float], tuple[Example, ...]]
    """Return inputs, or truths, with a value that is no finite number in each place that takes one."""
    most_bytes: int
    """A snapshot is never larger."""


def name_of(draw: random.Random, number: int) -> str:
    return f"new {number}" if draw.random() < 0.2 else f"name {draw.randrange(20)}"


def label(draw: random.Random) -> float:
    return float(draw.random() < 0.1)


def noise_input(draw: random.Random, number: int) -> Example:
    instance = f"10.0.0.{draw.randrange(30)}"
    return NoiseInput(number * 600_000, name_of(draw, number), "prometheus", instance), label(draw)


def noise_case(fresh: Callable[[], OnlineModel[Any]], most_bytes: int) -> Case:
    return Case(
        fresh,
        noise_input,
        (NoiseInput(0, ""), NoiseInput(1 << 50, LONG, LONG, LONG, Severity.CRITICAL), NoiseInput(-1, "unseen")),
        lambda bad: ((NoiseInput(bad, "name 1"), 1.0), (NoiseInput(1, "name 1"), bad)),  # type: ignore[arg-type]
        most_bytes,
    )


def resolve_case(fresh: Callable[[], OnlineModel[Any]], most_bytes: int) -> Case:
    return Case(
        fresh,
        lambda draw, number: (Open(name_of(draw, number), draw.expovariate(0.01)), draw.expovariate(0.001)),
        (Open(""), Open(LONG, 1e300), Open("unseen", 5e-324)),
        lambda bad: ((Open("name 1", bad), None), (Open("name 1"), bad)),
        most_bytes,
    )


def flap_case(fresh: Callable[[], OnlineModel[Any]], most_bytes: int) -> Case:
    return Case(
        fresh,
        lambda draw, number: (
            Opened(name_of(draw, number), f"eth{draw.randrange(30)}", draw.random() < 0.3),
            label(draw),
        ),
        (Opened(""), Opened(LONG, LONG, again=True), Opened("unseen", "unseen")),
        lambda bad: ((Opened("name 1"), bad),),
        most_bytes,
    )


CASES = {
    "noise": noise_case(NoiseModel, 200_000),
    "guarded noise": noise_case(GuardedNoise, 220_000),
    "alert stream": Case(
        AlertStreamAnomaly,
        lambda draw, number: (StreamInput(number * 1000, name_of(draw, number), f"host {draw.randrange(30)}"), None),
        (StreamInput(0, "", ""), StreamInput(1 << 50, LONG, LONG), StreamInput(-1, "unseen", "unseen")),
        lambda bad: ((StreamInput(bad, "name 1", "host 1"), None),),  # type: ignore[arg-type]
        60_000,
    ),
    "series anomaly": Case(
        SeriesAnomaly,
        lambda draw, number: (Point(number * 300_000, draw.gauss(100 + number % 288, 10)), None),
        (Point(0, 0.0), Point(1 << 50, 1e308), Point(-1, -1e308), Point(1, 5e-324)),
        lambda bad: ((Point(1, bad), None),),
        3_000,
    ),
    "volume forecast": Case(
        lambda: VolumeForecast(24),
        lambda draw, number: (int(draw.expovariate(0.02)) * (number % 24 > 8), None),
        (0, 1, (1 << 32) - 1),
        lambda bad: ((bad, None),),
        2_000,
    ),
    "time to resolve": resolve_case(TimeToResolve, 170_000),
    "guarded time to resolve": resolve_case(GuardedTimeToResolve, 175_000),
    "will flap": flap_case(WillFlap, 45_000),
    "guarded will flap": flap_case(GuardedWillFlap, 47_000),
}


@pytest.fixture(params=list(CASES.values()), ids=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


def examples(case: Case, count: int) -> Iterator[Example]:
    draw = random.Random(5)  # noqa: S311 - examples, not a secret
    for number in range(count):
        yield case.draw(draw, number)


def learned(case: Case, count: int) -> OnlineModel[Any]:
    model = case.fresh()
    for x, y in examples(case, count):
        model.learn(x, y)
    return model


def restored(model: OnlineModel[Any]) -> OnlineModel[Any]:
    kind = type(model)
    return kind.restore(unpack(kind.NAME, kind.VERSION, pack(kind.NAME, kind.VERSION, model.snapshot())))


def written(model: OnlineModel[Any]) -> bytes:
    return msgspec.msgpack.encode(model.snapshot())


def is_plain(state: object) -> bool:
    if isinstance(state, list | tuple):  # msgpack writes both as arrays
        return all(map(is_plain, state))
    if isinstance(state, dict):
        return all(isinstance(key, str) and is_plain(value) for key, value in state.items())
    return state is None or type(state) in {bool, int, float, str, bytes}


def test_scoring_never_learns(case: Case) -> None:
    model = learned(case, 500)
    before = written(model)
    inputs = [x for x, _ in examples(case, 500)] + [*case.odd]
    assert [model.score(x) for x in inputs] == [model.score(x) for x in reversed(inputs)][::-1]
    assert written(model) == before


def test_the_same_inputs_give_the_same_scores(case: Case) -> None:
    one, other = case.fresh(), case.fresh()
    for x, y in examples(case, 1000):
        assert one.score(x) == other.score(x)
        one.learn(x, y)
        other.learn(x, y)
    assert written(one) == written(other)


@pytest.mark.parametrize("at", [0, 1, 250, 700])
def test_a_model_that_was_restored_goes_on_as_if_nothing_had_been(case: Case, at: int) -> None:
    once, again = case.fresh(), case.fresh()
    for number, (x, y) in enumerate(examples(case, 1000)):
        if number == at:
            again = restored(again)
        assert again.score(x) == once.score(x)
        once.learn(x, y)
        again.learn(x, y)
    assert written(again) == written(once)


def test_a_snapshot_is_not_changed_by_what_is_learned_after_it(case: Case) -> None:
    model = learned(case, 300)
    snapshot = model.snapshot()
    before = msgspec.msgpack.encode(snapshot)
    twin = type(model).restore(snapshot)
    for x, y in examples(case, 300):
        model.learn(x, y)
        twin.learn(x, y)
    assert msgspec.msgpack.encode(snapshot) == before


def test_a_snapshot_is_plain_values(case: Case) -> None:
    assert is_plain(case.fresh().snapshot())
    assert is_plain(learned(case, 500).snapshot())


def test_a_score_lies_between_0_and_1_and_every_number_of_its_reasons_is_finite(case: Case) -> None:
    model = learned(case, 500)
    for x, _ in examples(case, 1000):
        scored = model.score(x)
        assert 0 <= scored.score <= 1
        assert scored.reasons
        assert all(map(math.isfinite, (n for one in scored.reasons for n in (one.value, one.usual, one.distance))))


def test_what_was_never_seen_and_what_is_missing_can_be_scored_and_learned(case: Case) -> None:
    for model in (case.fresh(), learned(case, 500)):
        for x in case.odd:
            assert 0 <= model.score(x).score <= 1
            model.learn(x, 1.0)
            assert 0 <= model.score(x).score <= 1
        assert written(restored(model)) == written(model)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused_and_nothing_is_learned_of_them(case: Case, bad: float) -> None:
    model = learned(case, 200)
    before = written(model)
    for x, y in case.no_numbers(bad):
        with pytest.raises(ValueError, match=r"nan|inf"):
            model.learn(x, 1.0 if y is None else y)
        if y is None or math.isfinite(y):
            with pytest.raises(ValueError, match=r"nan|inf"):
                model.score(x)
    assert written(model) == before


def test_memory_is_bounded_however_much_is_learned(case: Case) -> None:
    model = case.fresh()
    largest = 0
    for number, (x, y) in enumerate(examples(case, MANY)):
        model.learn(x, y)
        if number % (MANY // 10) == 0:
            largest = max(largest, len(written(model)))
    assert max(largest, len(written(model))) <= case.most_bytes


@pytest.mark.parametrize("name", ["guarded noise", "guarded will flap"])
def test_a_score_is_the_same_with_and_without_its_reasons(name: str) -> None:
    guard, others = learned(CASES[name], 2000), [x for x, _ in examples(CASES[name], 500)]
    assert isinstance(guard, Guard)
    for x in (*others, *CASES[name].odd):
        assert guard.unexplained(guard.model, x) == guard.model.score(x).score
        assert guard.value(x) == guard.score(x).score


def kinds() -> set[type]:
    """Return every class in models/ that has what a model has."""
    found = set()
    for module in pkgutil.iter_modules(models.__path__, "models."):
        for _, kind in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
            verbs = all(callable(getattr(kind, verb, None)) for verb in ("score", "learn", "snapshot", "restore"))
            if kind.__module__ == module.name and verbs and isinstance(getattr(kind, "NAME", None), str):
                found.add(kind)
    return found


def test_every_model_is_in_the_table() -> None:
    assert kinds() == {type(case.fresh()) for case in CASES.values()}


def test_no_two_models_have_one_name() -> None:
    names = [kind.NAME for kind in (type(case.fresh()) for case in CASES.values())]
    assert len(set(names)) == len(names)
