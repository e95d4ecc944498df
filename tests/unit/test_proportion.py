from __future__ import annotations

import pytest

from pipeline.domain.proportion import Proportion


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (500, 1000, 0.4691, 0.5309)],
)
def test_the_interval_is_that_of_wilson(hits: int, of: int, low: float, high: float) -> None:
    assert Proportion(hits, of).interval == pytest.approx((low, high), abs=5e-5)


def test_nothing_has_no_share_and_no_interval() -> None:
    assert (Proportion(0, 0).value, Proportion(0, 0).interval) == (None, None)


def test_the_share_lies_within_its_interval() -> None:
    for of in (1, 2, 7, 30):
        for hits in range(of + 1):
            low, high = Proportion(hits, of).interval or (2.0, -1.0)
            assert 0 <= low <= hits / of <= high <= 1
