from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from models.alert_stream import UNUSUAL, AlertStreamAnomaly, Ranks
from models.features import NAMES, SERIES, LastSeen, StreamFeatures, StreamInput, key_of

if TYPE_CHECKING:
    from models.base import OnlineModel

MINUTE = 60_000
DAY = 1440 * MINUTE
T0 = 20_000 * DAY
WEEK_IN_SECONDS = 7 * 86_400


def gap(seconds: float) -> float:
    """Return a time on the scale of the features."""
    return math.log1p(seconds) / math.log1p(WEEK_IN_SECONDS)


def in_units(feature: str, value: float) -> float:
    """Return a number of a feature in seconds, or for the novelty in changes that were all new."""
    return math.expm1(value * dict(zip(StreamFeatures.FEATURES, StreamFeatures.SCALES, strict=True))[feature])


def taken(*changes: StreamInput) -> StreamFeatures:
    features = StreamFeatures()
    for x in changes:
        features.take(x)
    return features


def routine(days: int = 3) -> AlertStreamAnomaly:
    """Return a model that has seen three names on two hosts, every ten minutes."""
    model = AlertStreamAnomaly()
    for number in range(days * 144):
        for place, name in enumerate(("A", "B", "C")):
            model.learn(StreamInput(T0 + (10 * number + place) * MINUTE, name, f"host-{number % 2}"))
    return model


END = T0 + 3 * DAY


def test_it_is_an_online_model() -> None:
    model: OnlineModel[StreamInput] = AlertStreamAnomaly()
    assert model.NAME == "alert_stream_anomaly"


def test_the_very_first_change_is_all_new() -> None:
    name_gap, series_gap, novelty = StreamFeatures().of(StreamInput(T0, "A", "h"))
    assert name_gap == series_gap == 1
    assert in_units("novelty", novelty) == pytest.approx(1)


def test_a_gap_is_counted_for_the_name_and_for_the_name_on_its_host() -> None:
    features = taken(StreamInput(T0, "A", "h"), StreamInput(T0 + 50_000, "A", "i"))
    name_gap, series_gap, _ = features.of(StreamInput(T0 + 60_000, "A", "h"))
    assert [name_gap, series_gap] == pytest.approx([gap(10), gap(60)])
    units = [in_units("name_gap", name_gap), in_units("series_gap", series_gap)]
    assert units == pytest.approx([10, 60])


def test_what_was_not_seen_for_a_week_is_as_new_as_what_was_never_seen() -> None:
    features = taken(StreamInput(T0, "A", "h"))
    assert features.of(StreamInput(T0 + 7 * DAY, "A", "h"))[0] == 1
    assert features.of(StreamInput(T0 + 6 * DAY, "A", "h"))[0] < 1


def test_novelty_adds_up_and_fades_within_minutes() -> None:
    features = taken(*(StreamInput(T0, name, "h") for name in "ABCD"))
    at_once = features.of(StreamInput(T0, "E", "h"))[2]
    later = features.of(StreamInput(T0 + 5 * MINUTE, "E", "h"))[2]
    assert in_units("novelty", at_once) == pytest.approx(5)
    assert in_units("novelty", later) == pytest.approx(1 + 4 / math.e)


def test_a_change_that_comes_late_counts_as_now() -> None:
    features = taken(StreamInput(T0, "A", "h"), StreamInput(T0 + MINUTE, "B", "h"))
    assert features.of(StreamInput(T0, "A", "h")) == features.of(StreamInput(T0 + MINUTE, "A", "h"))
    features.take(StreamInput(T0, "A", "h"))
    assert features.of(StreamInput(T0 + MINUTE, "A", "h"))[0] == 0


def test_take_returns_what_of_would_have() -> None:
    features = taken(StreamInput(T0, "A", "h"))
    x = StreamInput(T0 + 7000, "A", "i")
    assert features.of(x) == features.take(x)


def test_what_was_asked_before_something_was_taken_is_worked_out_anew() -> None:
    features, x = taken(StreamInput(T0, "A", "h")), StreamInput(T0 + 7000, "A", "i")
    features.of(x)
    features.take(StreamInput(T0 + 7000, "A", "i"))
    assert features.of(x)[:2] == (0, 0)
    assert features.take(x)[:2] == (0, 0)


def test_what_is_asked_of_another_change_does_not_count_for_the_one_that_is_taken() -> None:
    features, x = taken(StreamInput(T0, "A", "h")), StreamInput(T0 + 7000, "A", "i")
    features.of(StreamInput(T0 + 7000, "B", "i"))
    assert features.take(x)[0] == pytest.approx(gap(7))


def test_the_key_not_seen_for_longest_is_forgotten_first() -> None:
    seen = LastSeen(2)
    for key, at in ((1, 0), (2, 0), (1, 1000), (3, 1000)):
        seen.see(key, at)
    assert [seen.gap(key, 1000) for key in (1, 2, 3)] == [0, 1, 0]


def test_keys_of_other_texts_differ() -> None:
    assert len({key_of("ab", "c"), key_of("a", "bc"), key_of("abc"), key_of("abc", "")}) == 4


def test_a_tail_counts_what_is_no_smaller_and_is_never_zero() -> None:
    ranks = Ranks()
    assert ranks.tail(0.5) == 1
    for value in (0.1, 0.2, 0.3, 0.3):
        ranks.learn(value)
    assert [ranks.tail(value) for value in (0.0, 0.1, 0.2, 0.3, 0.31, 1.0)] == [1, 1, 0.8, 0.6, 0.2, 0.2]


def test_old_counts_fade() -> None:
    ranks = Ranks()
    for _ in range(Ranks.MOST):
        ranks.learn(0.9)
    for _ in range(2 * Ranks.MOST):
        ranks.learn(0.1)
    assert ranks.tail(0.9) < 0.2


def test_the_routine_is_usual_and_a_new_name_among_new_names_is_not() -> None:
    model = routine()
    assert model.score(StreamInput(END, "A", "host-0")).score < UNUSUAL
    for number in range(3):
        model.learn(StreamInput(END, f"strange {number}", "host-9"))
    assert model.score(StreamInput(END, "stranger", "host-9")).score >= UNUSUAL


def test_the_reasons_are_told_in_seconds_and_the_weightiest_comes_first() -> None:
    model = routine()
    scored = model.score(StreamInput(END, "A", "host-9"))
    assert [reason.feature for reason in scored.reasons] == ["series_gap", "novelty", "name_gap"]
    first = scored.reasons[0]
    assert first.value == pytest.approx(WEEK_IN_SECONDS)
    assert 1000 < first.usual < 1500
    assert first.distance > 5


def test_the_first_changes_of_a_tenant_are_all_new_and_none_is_unusual() -> None:
    model = AlertStreamAnomaly()
    scores = []
    for number in range(100):
        x = StreamInput(T0 + number * MINUTE, f"name {number}", "h")
        scores.append(model.score(x).score)
        model.learn(x)
    assert scores[0] == 0
    assert max(scores) < UNUSUAL


def test_what_goes_on_becomes_usual() -> None:
    model = routine()
    new = [StreamInput(END + number * MINUTE, "new", "host-9") for number in range(200)]
    scores = []
    for x in new:
        scores.append(model.score(x).score)
        model.learn(x)
    assert scores[0] > 0.9
    assert max(scores[-100:]) < 0.6


@pytest.mark.parametrize("time", [math.nan, math.inf, -math.inf])
def test_a_time_that_is_no_number_is_refused(time: float) -> None:
    wrong: Any = time
    model = routine(1)
    before = model.snapshot()
    for look in (model.score, model.learn):
        with pytest.raises(ValueError, match="a model takes finite numbers"):
            look(StreamInput(wrong, "A", "h"))
    assert model.snapshot() == before


def test_what_is_kept_is_bounded_however_many_series_there_are() -> None:
    model = AlertStreamAnomaly()
    for number in range(NAMES + SERIES):
        model.learn(StreamInput(T0 + number * MINUTE, "name" * 50 + str(number), "host" * 500))
    assert len(msgspec.msgpack.encode(model.snapshot())) < 60_000
