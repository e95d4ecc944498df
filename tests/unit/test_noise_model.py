from __future__ import annotations

import math
import tracemalloc
from typing import TYPE_CHECKING

import msgspec
import pytest

from models.noise import ENOUGH, MOST_KEYS, PRIOR, WEEKS, GuardedNoise, NoiseInput, NoiseModel
from pipeline.domain.severity import Severity

if TYPE_CHECKING:
    from models.base import OnlineModel

WEEK = 7 * 86_400_000
T0 = 2_700 * WEEK
CPU = NoiseInput(T0, "HighCPU", "prometheus", "web-1")


def learned(*labels: tuple[NoiseInput, int, int]) -> NoiseModel:
    """Return a model that learned (alert, label, times)."""
    model = NoiseModel()
    for x, y, times in labels:
        for _ in range(times):
            model.learn(x, y)
    return model


def on(instance: str, *, at: int = T0, name: str = "HighCPU") -> NoiseInput:
    return NoiseInput(at, name, "prometheus", instance)


def rate(model: NoiseModel, x: NoiseInput) -> float:
    return 1 - model.score(x).score


def test_it_is_an_online_model() -> None:
    models: list[OnlineModel[NoiseInput]] = [NoiseModel(), GuardedNoise()]
    assert [model.NAME for model in models] == ["noise", "guarded_noise"]


def test_a_name_without_labels_is_wanted_once_in_a_hundred_and_passes() -> None:
    assert rate(NoiseModel(), CPU) == pytest.approx(0.01)
    assert NoiseModel().passes(CPU)


def test_a_name_is_hidden_when_less_than_one_in_a_thousand_can_be_wanted() -> None:
    assert rate(learned((CPU, 0, 90)), CPU) == pytest.approx(0.1 / 100)
    assert learned((CPU, 0, 90)).passes(CPU)
    assert not learned((CPU, 0, 91)).passes(CPU)


def test_one_that_was_wanted_lets_a_name_pass_on_that_instance() -> None:
    model = learned((on("web-1"), 0, 900), (on("web-2"), 0, 900), (on("web-1"), 1, 1))
    assert rate(model, on("web-1")) == pytest.approx(1 / 911, rel=0.002)
    assert model.passes(on("web-1"))
    assert not model.passes(on("web-2"))


def test_a_new_instance_of_a_noisy_name_is_noise_as_well() -> None:
    assert not learned((on("web-1"), 0, 400)).passes(on("web-2"))


def test_an_instance_goes_its_own_way_with_labels_of_its_own() -> None:
    model = learned((on("prod"), 1, 50), (on("test"), 0, 5000))
    assert rate(model, on("prod")) > 0.6
    assert rate(model, on("test")) < 0.005


def test_an_instance_is_compared_with_the_others_of_its_name_so_that_no_label_counts_twice() -> None:
    assert rate(learned((on("web-1"), 0, 60)), on("web-1")) == pytest.approx(10 * 0.01 / (10 + 60))
    assert rate(learned((on("web-1"), 0, 60)), on("web-2")) == pytest.approx(10 * 0.01 / (10 + 60))
    of_others = 10 * 0.01 / (10 + 60)
    both = learned((on("web-1"), 0, 60), (on("web-2"), 0, 60))
    assert rate(both, on("web-1")) == pytest.approx(10 * of_others / (10 + 60))


def test_few_labels_hide_nothing_whatever_they_say() -> None:
    spread = [(on(f"web-{number}"), 0, 1) for number in range(ENOUGH - 1)]
    assert learned(*spread).labels(CPU) == ENOUGH - 1
    assert learned(*spread).passes(CPU)


@pytest.mark.parametrize(
    "never_hidden",
    [
        NoiseInput(T0, "HighCPU", "prometheus", "web-1", Severity.CRITICAL),
        NoiseInput(T0, "Watchdog", "prometheus", "", Severity.NONE),
    ],
)
def test_critical_alerts_and_heartbeats_always_pass(never_hidden: NoiseInput) -> None:
    assert learned((never_hidden, 0, 5000)).passes(never_hidden)


def test_what_stands_out_in_the_stream_passes_however_noisy_its_name_is() -> None:
    model = learned((CPU, 0, 5000))
    assert [model.passes(msgspec.structs.replace(CPU, anomaly=anomaly)) for anomaly in (0.98, 0.99)] == [False, True]


def test_the_same_name_of_another_source_is_another_rule() -> None:
    model = learned((CPU, 0, 1000))
    assert model.passes(NoiseInput(T0, "HighCPU", "zabbix", "web-1"))


def test_the_reasons_name_the_rates_and_how_far_they_are_from_those_above() -> None:
    model = learned((on("web-1"), 1, 70), (on("web-2"), 0, 70))
    first, second = model.score(on("web-1")).reasons
    of_others = 0.1 / 80
    here = (70 + 10 * of_others) / 80
    distance = (here - of_others) / math.sqrt(of_others * (1 - of_others) / 80)
    assert (first.feature, second.feature) == ("instance", "name")
    assert [first.value, first.usual, first.distance] == pytest.approx([here, of_others, distance])
    assert [second.value, second.usual, second.distance] == pytest.approx([of_others, PRIOR, -0.7866], rel=1e-3)


def test_a_rate_follows_a_change_within_weeks() -> None:
    model = learned((CPU, 1, 1000))
    rates = []
    for week in range(1, WEEKS + 1):
        for _ in range(1000):
            model.learn(on("web-1", at=T0 + week * WEEK), 0)
        rates.append(round(rate(model, CPU), 2))
    assert rates == [0.43, 0.24, 0.15, 0.1, 0.07, 0.05, 0.04, 0.0]
    assert not model.passes(CPU)


def test_weeks_without_labels_are_not_counted_and_forget_nothing() -> None:
    apart = learned((CPU, 1, 10), (on("web-1", at=T0 + 200 * WEEK), 0, 10))
    adjacent = learned((CPU, 1, 10), (on("web-1", at=T0 + WEEK), 0, 10))
    assert rate(apart, CPU) == rate(adjacent, CPU)


def test_labels_of_an_earlier_week_may_come_later() -> None:
    late = learned((on("web-1", at=T0 + WEEK), 0, 10), (CPU, 1, 10))
    assert rate(late, CPU) == rate(learned((CPU, 1, 10), (on("web-1", at=T0 + WEEK), 0, 10)), CPU)


def test_what_is_older_than_all_that_is_remembered_is_not_learned() -> None:
    model = learned(*((on("web-1", at=T0 + week * WEEK), 0, 1) for week in range(WEEKS)))
    before = model.snapshot()
    model.learn(on("web-1", at=T0 - WEEK), 1)
    assert model.snapshot() == before


def test_a_label_that_is_taken_back_leaves_no_trace() -> None:
    model = learned((CPU, 0, 300), (on("web-2"), 1, 2))
    before = model.snapshot()
    for x in (CPU, on("web-3"), on("web-1", at=T0 + WEEK), on("db-1", name="DiskFull")):
        for y in (0, 1):
            model.learn(x, y)
            model.unlearn(x, y)
            assert model.snapshot() == before


def test_what_was_never_learned_cannot_be_taken_back() -> None:
    model = learned((CPU, 0, 3))
    before = model.snapshot()
    for x, y in ((CPU, 1), (on("web-2", at=T0 + WEEK), 0), (on("db-1", name="DiskFull"), 0)):
        model.unlearn(x, y)
        assert model.snapshot() == before


@pytest.mark.parametrize("label", [0.5, -1.0, 2.0, math.nan, math.inf])
def test_other_labels_are_refused(label: float) -> None:
    for model in (NoiseModel(), GuardedNoise()):
        before = model.snapshot()
        with pytest.raises(ValueError, match="the label is"):
            model.learn(CPU, label)
        assert model.snapshot() == before


@pytest.mark.parametrize("wrong", [math.nan, math.inf])
@pytest.mark.parametrize("field", ["at", "anomaly"])
def test_what_is_no_finite_number_is_refused(field: str, wrong: float) -> None:
    x = msgspec.structs.replace(CPU, **{field: wrong})
    for model in (NoiseModel(), GuardedNoise()):
        before = model.snapshot()
        with pytest.raises(ValueError, match="a model takes finite numbers"):
            model.learn(x, 1)
        with pytest.raises(ValueError, match="a model takes finite numbers"):
            model.score(x)
        assert model.snapshot() == before


def test_memory_is_bounded_however_many_names_there_are() -> None:
    tracemalloc.start()
    model = NoiseModel()
    for number in range(5 * MOST_KEYS):
        for week in range(WEEKS):
            model.learn(NoiseInput(T0 + week * WEEK, f"name {number}" * 20, "source", "instance" * 500), 0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 200_000
    assert len(msgspec.msgpack.encode(model.snapshot())) < 200_000


def test_what_was_wanted_is_remembered_longest() -> None:
    model = learned((on("prod"), 1, 3), (on("test"), 0, 5000))
    for number in range(3 * MOST_KEYS):
        model.learn(NoiseInput(T0, f"name {number}"), 0)
    assert model.passes(on("prod"))
    assert rate(model, on("prod")) > 0.08
    assert not model.passes(on("test"))


def test_fallen_back_the_last_labels_of_a_name_decide() -> None:
    guarded = GuardedNoise()
    names = [on("a", name=name) for name in ("A", "B", "C")]
    for _ in range(400):
        for x in names:
            guarded.learn(x, 0)
    assert (guarded.state, [guarded.passes(x) for x in names]) == ("model", [False, False, False])
    for _ in range(200):
        for x in names:
            guarded.learn(x, int(x.name == "A"))
    assert guarded.state == "fallen_back"
    assert [guarded.passes(x) for x in names] == [True, False, False]
    assert guarded.score(names[0]).score < 0.02
    assert guarded.score(names[0]).reasons[0].feature == "recent_rate"


def test_a_label_is_taken_back_from_the_model_and_from_the_simple_rule() -> None:
    guarded = GuardedNoise()
    for y in (0, 1, 0):
        guarded.learn(CPU, y)
    guarded.unlearn(CPU, 1)
    assert guarded.model.snapshot() == learned((CPU, 0, 2)).snapshot()
    assert guarded.rule.rate(guarded.key(CPU)) == pytest.approx(0.01 / 3)


def test_what_was_said_is_told_without_the_prior_of_the_instance_or_else_of_its_name() -> None:
    model = NoiseModel()
    assert model.said(NoiseInput(0, "HighCPU", "", "h")) == 0.0
    for number in range(4):
        model.learn(NoiseInput(0, "HighCPU", "", "h"), float(number == 0))
    model.learn(NoiseInput(0, "HighCPU", "", "other"), 1.0)
    assert model.said(NoiseInput(0, "HighCPU", "", "h")) == 0.75
    assert model.said(NoiseInput(0, "HighCPU", "", "never seen")) == pytest.approx(0.6)


def test_a_pair_whose_name_was_given_up_is_scored_by_what_is_learned_of_the_name_since() -> None:
    model = NoiseModel()
    pairs = [NoiseInput(T0, f"name {number}", instance=f"host-{number}") for number in range(400)]
    for x in pairs:
        for _ in range(12):
            model.learn(x, 0)
    lost = next(x for x in pairs if model.labels(x) == 0 and model.said(x) == 1)
    for _ in range(30):
        model.learn(NoiseInput(T0, lost.name, instance="other"), 1)
    assert 0 < model.score(lost).score < 1
