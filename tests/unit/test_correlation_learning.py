"""What is learned of a tenant: gap, rarity, words, pairs of names, what is usual in an incident."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.domain.correlation.background import Background
from pipeline.domain.correlation.cooccurrence import CoOccurrence
from pipeline.domain.correlation.gap import GapModel
from pipeline.domain.correlation.index import KEPT, IncidentIndex
from pipeline.domain.correlation.onset import Beginning, Pace
from pipeline.domain.correlation.rarity import Rarity
from pipeline.domain.correlation.strength import calibrated, fade
from pipeline.domain.correlation.text import TextLikeness, words_of


def gap_after(pauses: list[int]) -> int:
    model = GapModel(default=8_000, low=7_500, high=120_000)
    for pause in pauses:
        model.learn(pause, None)
    return model.gap


def test_incidents_that_come_one_by_one_show_their_gap() -> None:
    bursts = ([0, 200, 900, 4_000, 15_000, 30_000] * 4 + [600_000]) * 10
    assert 30_000 < gap_after(bursts) <= 64_000


def test_alerts_at_random_have_the_shortest_gap() -> None:
    anything = [1_000, 3_000, 6_000, 10_000, 17_000, 30_000, 50_000, 90_000, 170_000, 300_000] * 300
    assert gap_after(anything) == 7_500


def test_too_few_pauses_leave_the_default() -> None:
    assert gap_after([0, 600_000] * 10) == 8_000


def test_a_gap_takes_half_of_a_strength() -> None:
    assert [round(fade(pause, 10_000), 2) for pause in (0, 5_000, 10_000, 20_000)] == [1.0, 0.98, 0.5, 0.02]


def test_a_strength_is_brought_to_a_probability() -> None:
    assert calibrated(0.5, 1.0, 0.0) == pytest.approx(0.5)
    assert calibrated(0.8, 1.0, 0.0) == pytest.approx(0.8)
    assert calibrated(0.8, 1.0, 1.0) > 0.9


def test_a_value_that_all_have_is_not_rare() -> None:
    rarity = Rarity()
    for number in range(1000):
        rarity.learn(["cluster", f"host-{number}"])
    assert rarity.of("cluster") == pytest.approx(0.0, abs=0.02)
    assert rarity.of("host-7") == pytest.approx(1.0, abs=0.01)
    assert rarity.of("never seen") == 1.0


def test_words_are_found_however_they_are_joined() -> None:
    assert words_of("HTTPErrorRate_high on web-1") == ("httperror", "rate", "high", "on", "web")


def test_texts_are_alike_by_their_rare_words() -> None:
    text = TextLikeness()
    for name in ("disk alert", "cpu alert", "link alert", "fan alert") * 10:
        text.learn(words_of(name))
    common = text.likeness(words_of("disk alert"), words_of("cpu alert"))
    rare = text.likeness(words_of("disk alert"), words_of("disk slow"))
    assert common < 0.1 < rare
    assert text.likeness(words_of("disk alert"), words_of("disk alert")) == 1.0
    assert text.likeness((), ()) == 0.0


def test_a_name_that_always_follows_another_has_power_and_a_lag() -> None:
    pairs = CoOccurrence()
    for number in range(50):
        pairs.learn("DiskFull", number * 3_600_000)
        pairs.learn("WritesFail", number * 3_600_000 + 5_000)
    assert pairs.power("DiskFull", "WritesFail") > 0.8
    assert pairs.power("WritesFail", "DiskFull") == 0.0
    assert pairs.lag("DiskFull", "WritesFail") == 5_000
    assert pairs.precedence("DiskFull", "WritesFail") > 0.8


def test_a_name_that_comes_all_the_time_follows_nothing() -> None:
    pairs = CoOccurrence()
    for number in range(1000):
        pairs.learn("Noise", number * 61_000)
        if number % 50 == 0:
            pairs.learn("Rare", number * 61_000 + 1_000)
    assert pairs.power("Rare", "Noise") < 0.3


def test_an_index_keeps_the_newest_incidents_of_a_key() -> None:
    index = IncidentIndex()
    for number in range(KEPT + 2):
        index.touch("v:web", f"i{number}", number, "f")
    assert list(index.at("v:web")) == [f"i{number}" for number in range(2, KEPT + 2)]
    index.forget("i5")
    assert "i5" not in index.at("v:web")
    index.move("i6", "i7")
    assert "i6" not in index.at("v:web")


def test_what_was_in_many_incidents_surprises_less() -> None:
    background = Background()
    assert background.surprise("a", "a") == 1.0
    for _ in range(30):
        background.learn([("a", "a", "web")])
    assert background.surprise("a", "a") < 0.1
    assert background.surprise("b", "b") > 4


def beginnings(pace: Pace, *spans: tuple[float, float, int, bool]) -> list[bool]:
    """Let alerts begin evenly from one second to another, so many, new or again; return where an onset is."""
    onset = []
    for begin, end, count, again in spans:
        for number in range(count):
            at = round(1000 * (begin + (end - begin) * number / count))
            pace.add(Beginning(at, f"{at}", again), 10_000)
            onset.append(pace.is_onset(10_000))
    return onset


def test_alerts_that_fire_again_at_once_are_an_onset() -> None:
    assert beginnings(Pace(), (0, 5, 20, False), (5, 100, 10, False), (100, 101, 8, True))[-1]


def test_new_alerts_at_once_are_none() -> None:
    assert not any(beginnings(Pace(), (0, 5, 20, False), (5, 100, 10, False), (100, 101, 30, False)))


def test_alerts_that_fire_again_all_the_time_are_none() -> None:
    assert not any(beginnings(Pace(), (0, 5, 30, False), (5, 100, 190, True)))


@pytest.mark.parametrize("model", [Rarity(), TextLikeness(), CoOccurrence(), Background()])
def test_an_empty_model_is_restored_from_its_snapshot(model: Rarity | TextLikeness | CoOccurrence | Background) -> None:
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(model.snapshot()))
    other = type(model)()
    other.restore(state)
    assert other.snapshot() == model.snapshot()
