from __future__ import annotations

import pytest

from pipeline.ledger.entries import ScoreReason
from pipeline.ledger.why_scores import score_sentences

HOUR = 3_600.0


def one(score: str, value: float, *reasons: ScoreReason) -> list[str]:
    return list(score_sentences({score: value}, {score: reasons}))


def test_a_score_is_told_with_the_feature_that_weighs_most() -> None:
    assert one("anomaly", 0.934, ScoreReason("novelty", 14.0, 0.2, 6.1)) == [
        "anomaly 0.93: 14 changes that were new in the last 5 minutes, usually 0.2 (+6.1 deviations)."
    ]


def test_other_features_are_told_where_they_are_far_from_their_usual() -> None:
    far, near = ScoreReason("series_gap", 2 * HOUR, 90.0, 1.2), ScoreReason("name_gap", 100.0, 90.0, 0.1)
    assert one("anomaly", 0.5, ScoreReason("novelty", 3, 1, 2.0), far, near) == [
        "anomaly 0.50: 3 changes that were new in the last 5 minutes, usually 1 (+2.0 deviations); "
        "none of this name on this host for 2 h, usually 1.5 min (+1.2 deviations)."
    ]


def test_less_than_usual_makes_nothing_an_anomaly_and_may_make_it_noise() -> None:
    first, less = ScoreReason("novelty", 3, 1, 2.0), ScoreReason("name_gap", 1.0, 90.0, -9.0)
    assert "this name" not in one("anomaly", 0.5, first, less)[0]
    first, less = ScoreReason("name", 0.1, 0.01, 2.0), ScoreReason("instance", 0.01, 0.1, -1.5)
    assert "; people want 1 % of those of this instance" in one("noise", 0.99, first, less)[0]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0.4 s"),
        (59.0, "59 s"),
        (90.0, "1.5 min"),
        (HOUR, "1 h"),
        (36 * HOUR, "1.5 d"),
        (168 * HOUR, "a week or more"),
    ],
)
def test_a_gap_is_told_as_people_say_it(seconds: float, said: str) -> None:
    (told,) = one("anomaly", 1.0, ScoreReason("name_gap", seconds, 60.0, 2.0))
    assert told == f"anomaly 1.00: none of this name for {said}, usually 1 min (+2.0 deviations)."


def test_noise_is_told_with_what_people_want() -> None:
    assert one("noise", 0.987, ScoreReason("name", 0.002, 0.01, -1.4)) == [
        "noise 0.99: people want 0.2 % of the alerts of this name, usually 1 % (-1.4 deviations)."
    ]


def test_a_feature_of_a_newer_worker_is_told_by_its_name() -> None:
    assert one("mood", 0.5, ScoreReason("full_moon", 29.53, 14.0, 3.0)) == [
        "mood 0.50: full moon 29.5, usually 14 (+3.0 deviations)."
    ]


def test_a_score_without_reasons_is_left_out() -> None:
    assert list(score_sentences({"anomaly": 0.0}, {})) == []
