"""What must hold for the models of noise and of the alert stream, whatever comes."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from models.alert_stream import AlertStreamAnomaly
from models.features import StreamInput
from models.noise import WEEKS, GuardedNoise, NoiseInput, NoiseModel
from pipeline.domain.severity import Severity
from pipeline.evaluation.classification import auc

WEEK = 7 * 86_400_000
Label = tuple[NoiseInput, int]

ALERTS = st.builds(
    NoiseInput,
    at=st.integers(0, WEEKS - 1).map(lambda week: week * WEEK + 5),
    name=st.sampled_from(["A", "B", "C"]),
    source=st.sampled_from(["", "s"]),
    instance=st.sampled_from(["", "i", "j"]),
    severity=st.sampled_from(Severity),
)
LABELS: st.SearchStrategy[list[Label]] = st.lists(st.tuples(ALERTS, st.sampled_from([0, 0, 0, 1])), max_size=60)
PROBES = [
    NoiseInput(0, name, source, instance) for name in "ABCD" for source in ("", "s") for instance in ("", "i", "k")
]
CHANGES = st.lists(
    st.tuples(st.sampled_from([-1000, 0, 1, 1000, 400_000, 10**9]), st.sampled_from("ABCDE"), st.sampled_from("hij")),
    max_size=60,
)


def through_msgpack(state: object) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state))


def learned(labels: list[Label]) -> NoiseModel:
    model = NoiseModel()
    for x, y in labels:
        model.learn(x, y)
    return model


def told(model: NoiseModel) -> list[Any]:
    return [(model.score(x), model.passes(x), model.labels(x)) for x in PROBES]


def stream(changes: list[tuple[int, str, str]]) -> list[StreamInput]:
    at, found = 0, []
    for gap, name, host in changes:
        at += gap
        found.append(StreamInput(at, name, host))
    return found


@given(LABELS, st.randoms(use_true_random=False))
def test_the_order_of_labels_makes_no_difference(labels: list[Label], random: Any) -> None:
    shuffled = list(labels)
    random.shuffle(shuffled)
    assert told(learned(shuffled)) == told(learned(labels))


@given(LABELS, LABELS)
def test_taken_back_labels_leave_what_the_others_say(kept: list[Label], taken_back: list[Label]) -> None:
    model = learned(kept + taken_back)
    for x, y in taken_back:
        model.unlearn(x, y)
    assert told(model) == told(learned(kept))


@given(LABELS)
def test_the_noise_model_is_the_same_after_a_restart_at_any_label(labels: list[Label]) -> None:
    restarted = NoiseModel()
    for x, y in labels:
        restarted = NoiseModel.restore(through_msgpack(restarted.snapshot()))
        restarted.learn(x, y)
    assert restarted.snapshot() == learned(labels).snapshot()
    assert told(restarted) == told(learned(labels))


@given(LABELS)
def test_the_guarded_model_is_the_same_after_a_restart_at_any_label(labels: list[Label]) -> None:
    straight, restarted = GuardedNoise(), GuardedNoise()
    for x, y in labels:
        restarted = GuardedNoise.restore(through_msgpack(restarted.snapshot()))
        assert restarted.score(x) == straight.score(x)
        restarted.learn(x, y)
        straight.learn(x, y)
    assert restarted.snapshot() == straight.snapshot()


@given(LABELS, ALERTS)
def test_scoring_learns_nothing_and_scores_are_probabilities(labels: list[Label], x: NoiseInput) -> None:
    for model in (learned(labels), GuardedNoise()):
        before = through_msgpack(model.snapshot())
        first = model.score(x)
        model.passes(x)
        model.learn(x)
        assert (model.score(x), through_msgpack(model.snapshot())) == (first, before)
        assert 0 <= first.score <= 1


@given(LABELS, ALERTS)
def test_one_more_of_that_week_that_was_wanted_makes_an_alert_less_likely_to_be_noise(
    labels: list[Label], x: NoiseInput
) -> None:
    model = learned([*labels, (x, 0)])
    before = model.score(x).score
    model.learn(x, 1)
    assert model.score(x).score < before


@given(st.integers(0, 400), st.integers(0, 3), st.sampled_from(Severity))
def test_nothing_critical_and_nothing_little_known_is_hidden(noise: int, wanted: int, severity: Severity) -> None:
    x = NoiseInput(0, "A", severity=severity)
    model = learned([(x, 0)] * noise + [(x, 1)] * wanted)
    if not model.passes(x):
        assert severity < Severity.CRITICAL
        assert noise > 90
        assert wanted == 0


@given(CHANGES)
def test_the_stream_model_is_the_same_after_a_restart_at_any_change(changes: list[tuple[int, str, str]]) -> None:
    straight, restarted = AlertStreamAnomaly(), AlertStreamAnomaly()
    for x in stream(changes):
        restarted = AlertStreamAnomaly.restore(through_msgpack(restarted.snapshot()))
        before = through_msgpack(straight.snapshot())
        assert restarted.score(x) == straight.score(x)
        assert through_msgpack(straight.snapshot()) == before
        assert 0 <= straight.score(x).score <= 1
        restarted.learn(x)
        straight.learn(x)
    assert restarted.snapshot() == straight.snapshot()


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40))
def test_the_area_counts_pairs(scored: list[tuple[int, bool]]) -> None:
    true = [score for score, truth in scored if truth]
    false = [score for score, truth in scored if not truth]
    if true and false:
        wins = sum((one > other) + (one == other) / 2 for one in true for other in false)
        assert auc(*zip(*scored, strict=True)) == wins / (len(true) * len(false))
