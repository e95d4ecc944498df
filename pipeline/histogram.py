"""A histogram that takes many equal observations in one step, which prometheus_client's own cannot."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from threading import Lock
from typing import TYPE_CHECKING

from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class WeightedHistogram(Collector):
    """Counts observations by upper bound; safe to scrape from another thread."""

    def __init__(self, name: str, text: str, buckets: Sequence[float]) -> None:
        self._name = name
        self._text = text
        self._bounds = [*(float(bound) for bound in sorted(buckets)), float("inf")]
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0
        self._lock = Lock()

    def observe(self, value: float, count: int = 1) -> None:
        """Count `value` as seen `count` times; a negative one, from a clock set back, counts as 0."""
        value = max(value, 0.0)
        with self._lock:
            self._counts[bisect_left(self._bounds, value)] += count
            self._sum += value * count

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Return the cumulative counts, as Prometheus wants them."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        bounds = [*(repr(bound) for bound in self._bounds[:-1]), "+Inf"]
        cumulated = [float(count) for count in accumulate(counts)]
        family = HistogramMetricFamily(self._name, self._text)
        family.add_metric([], list(zip(bounds, cumulated, strict=True)), total)
        return [family]

    def describe(self) -> Iterable[HistogramMetricFamily]:
        """Return the name, so that a registry refuses a second one."""
        return [HistogramMetricFamily(self._name, self._text)]
