"""Measures of forecasts, on values small enough to check by hand."""

from __future__ import annotations

import math

import pytest

from pipeline.evaluation.forecast import coverage, mase, mean_absolute_error, pinball_loss


def test_the_absolute_error_is_the_mean_distance() -> None:
    assert mean_absolute_error([1, 2, 3], [1, 4, 0]) == pytest.approx(5 / 3)


def test_the_scaled_error_is_that_of_the_forecast_over_that_of_the_baseline() -> None:
    assert mase([10, 20], [11, 19], [14, 20]) == pytest.approx(0.5)
    assert mase([10, 20], [14, 20], [14, 20]) == 1.0


def test_beside_a_baseline_without_an_error_only_a_forecast_without_one_is_no_worse() -> None:
    assert mase([5, 5], [5, 5], [5, 5]) == 1.0
    assert mase([5, 5], [5, 6], [5, 5]) == math.inf


def test_both_ends_belong_to_an_interval() -> None:
    assert coverage([0, 5, 10, 11, -1], low=[0] * 5, high=[10] * 5) == pytest.approx(3 / 5)


def test_a_value_above_a_high_quantile_costs_more_than_one_below_it() -> None:
    assert pinball_loss([10], [7], 0.9) == pytest.approx(2.7)
    assert pinball_loss([7], [10], 0.9) == pytest.approx(0.3)


def test_at_the_median_it_is_half_the_absolute_error() -> None:
    actual, forecast = [1.0, 5.0, 9.0], [2.0, 3.0, 9.0]
    assert pinball_loss(actual, forecast, 0.5) == pytest.approx(mean_absolute_error(actual, forecast) / 2)


def test_no_other_value_has_a_smaller_loss_than_the_quantile_itself() -> None:
    actual = [float(value) for value in range(1, 101)]
    losses = {said: pinball_loss(actual, [float(said)] * 100, 0.9) for said in range(1, 101)}
    assert min(losses, key=lambda said: losses[said]) in (90, 91)


@pytest.mark.parametrize("quantile", [0.0, 1.0, -0.1, math.nan])
def test_a_quantile_lies_between_0_and_1(quantile: float) -> None:
    with pytest.raises(ValueError, match="lies between 0 and 1"):
        pinball_loss([1], [1], quantile)


def test_values_and_forecasts_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="2 values came and 1 were forecast"):
        mean_absolute_error([1, 2], [1])
    with pytest.raises(ValueError, match="2 values came and 1 were forecast"):
        coverage([1, 2], [1, 2], [1])


def test_of_nothing_there_is_no_measure() -> None:
    with pytest.raises(ValueError, match="nothing was forecast"):
        mean_absolute_error([], [])
