from __future__ import annotations

import math
import random
from itertools import pairwise
from statistics import fmean

import pytest

from pipeline.evaluation.classification import (
    Bin,
    auc,
    bootstrap_interval,
    expected_calibration_error,
    log_loss,
    pr_points,
    reliability,
    roc_points,
)

SCORES = [0.9, 0.8, 0.7, 0.6, 0.6]
TRUTHS = [True, False, True, True, False]


def test_the_area_is_the_share_of_pairs_in_the_right_order_and_half_of_the_ties() -> None:
    assert auc([0.1, 0.2, 0.3], [False, False, True]) == 1
    assert auc([0.1, 0.2, 0.3], [True, False, False]) == 0
    assert auc([0.5, 0.5], [True, False]) == 0.5
    assert auc(SCORES, TRUTHS) == (2 + 1 + 0.5) / 6


def test_the_area_is_that_under_the_roc_points() -> None:
    drawn = random.Random(1)  # noqa: S311 - test data, not a secret
    truths = [drawn.random() < 0.3 for _ in range(500)]
    scores = [round(drawn.gauss(truth, 1), 1) for truth in truths]
    points = roc_points(scores, truths)
    area = sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in pairwise(points))
    assert auc(scores, truths) == pytest.approx(area)


def test_roc_points_have_one_for_each_threshold() -> None:
    assert roc_points(SCORES, TRUTHS) == [(0, 0), (0, 1 / 3), (0.5, 1 / 3), (0.5, 2 / 3), (1, 1)]


def test_pr_points_have_one_for_each_threshold() -> None:
    assert pr_points(SCORES, TRUTHS) == [(1 / 3, 1), (1 / 3, 1 / 2), (2 / 3, 2 / 3), (1, 3 / 5)]


@pytest.mark.parametrize("look", [auc, roc_points, pr_points])
def test_one_class_alone_cannot_be_told_apart(look: object) -> None:
    assert callable(look)
    for truths in ([True, True], [False, False], []):
        with pytest.raises(ValueError, match="only one class"):
            look([0.5] * len(truths), truths)


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        auc([math.nan, 0.5], [True, False])


def test_the_interval_of_a_mean_is_as_wide_as_its_standard_error_says() -> None:
    drawn = random.Random(2)  # noqa: S311 - test data, not a secret
    groups = [drawn.gauss(10, 2) for _ in range(400)]
    low, high = bootstrap_interval(groups, fmean)
    assert low < fmean(groups) < high
    assert high - low == pytest.approx(2 * 1.96 * 2 / math.sqrt(400), rel=0.15)
    assert bootstrap_interval(groups, fmean) == (low, high)
    assert bootstrap_interval(groups, fmean, seed=1) != (low, high)


def test_a_group_is_drawn_as_a_whole() -> None:
    assert bootstrap_interval([[1.0, 3.0]], lambda drawn: fmean(drawn[0])) == (2, 2)
    with pytest.raises(ValueError, match="at least one group"):
        bootstrap_interval([], len)


def test_reliability_compares_scores_with_what_came_true() -> None:
    assert reliability([0.0, 0.1, 0.5, 1.0], [False, True, True, True], bins=2) == [
        Bin(low=0.0, high=0.5, count=2, mean_score=0.05, share_true=0.5),
        Bin(low=0.5, high=1.0, count=2, mean_score=0.75, share_true=1.0),
    ]
    with pytest.raises(ValueError, match="no probability"):
        reliability([1.1], [True])


def test_the_calibration_error_is_the_mean_distance_over_all_scores() -> None:
    assert expected_calibration_error([0.0, 0.1, 0.5, 1.0], [False, True, True, True], bins=2) == pytest.approx(
        (2 * 0.45 + 2 * 0.25) / 4
    )
    assert expected_calibration_error([0.75] * 4, [True, True, True, False]) == 0
    with pytest.raises(ValueError, match="no scores"):
        expected_calibration_error([], [])


def test_the_log_loss_is_in_nats_and_certainty_that_is_wrong_is_clipped() -> None:
    assert log_loss([0.5, 0.5], [True, False]) == pytest.approx(math.log(2))
    assert log_loss([0.9], [True]) == pytest.approx(-math.log(0.9))
    assert log_loss([0.0], [True]) == pytest.approx(-math.log(1e-6))
    with pytest.raises(ValueError, match="no scores"):
        log_loss([], [])
