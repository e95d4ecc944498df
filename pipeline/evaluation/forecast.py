"""Measures of forecasts: absolute error, scaled error, coverage of an interval, pinball loss.

All take the values that came and what was forecast of each, in the same order, and raise ValueError where there is
nothing to measure or the two differ in length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def mean_absolute_error(actual: Sequence[float], forecast: Sequence[float]) -> float:
    """Return the mean distance of a forecast from what came, in the unit of the values."""
    _comparable(actual, forecast)
    return sum(abs(came - said) for came, said in zip(actual, forecast, strict=True)) / len(actual)


def mase(actual: Sequence[float], forecast: Sequence[float], baseline: Sequence[float]) -> float:
    """Return the absolute error of a forecast as a multiple of a baseline's on the same values; below 1 is better.

    Hyndman and Koehler (2006), "Another look at measures of forecast accuracy", scale by the naive forecast's error on
    the training values; here the scale is the error of the baseline that is to be beaten, on the very values forecast.
    Where the baseline makes no error the result is 1 if the forecast makes none either, and infinite otherwise.
    """
    error, scale = mean_absolute_error(actual, forecast), mean_absolute_error(actual, baseline)
    if scale:
        return error / scale
    return float("inf") if error else 1.0


def coverage(actual: Sequence[float], low: Sequence[float], high: Sequence[float]) -> float:
    """Return the share of values within their interval, whose ends belong to it; an 80 % interval has 0.8."""
    _comparable(actual, low)
    _comparable(actual, high)
    within = sum(below <= came <= above for came, below, above in zip(actual, low, high, strict=True))
    return within / len(actual)


def pinball_loss(actual: Sequence[float], forecast: Sequence[float], quantile: float) -> float:
    """Return the mean pinball loss of a forecast of one quantile, in the unit of the values; the lower, the better.

    Koenker and Bassett (1978), "Regression quantiles": a value above the forecast costs `quantile` times the distance,
    one below it 1 - `quantile` times. The true quantile has the least; at 0.5 it is half the mean absolute error.
    """
    _comparable(actual, forecast)
    if not 0 < quantile < 1:
        raise ValueError(f"a quantile lies between 0 and 1, not at {quantile}")
    total = 0.0
    for came, said in zip(actual, forecast, strict=True):
        total += quantile * (came - said) if came >= said else (1 - quantile) * (said - came)
    return total / len(actual)


def _comparable(actual: Sequence[float], forecast: Sequence[float]) -> None:
    if len(actual) != len(forecast):
        raise ValueError(f"{len(actual)} values came and {len(forecast)} were forecast")
    if not actual:
        raise ValueError("nothing was forecast, so there is nothing to measure")
