"""Fast histograms: an observation costs one append, and is counted on reads or after many observations."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

_MOST_WAITING = 1000


class Histogram:
    """Counts of observations by upper bound; safe from several threads."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = np.array(bounds)
        self._counts = np.zeros(len(bounds) + 1, dtype=np.int64)  # the last one counts values above all bounds
        self._sum = 0.0
        self._waiting: deque[float] = deque()
        self._lock = threading.Lock()

    def observe(self, value: float) -> None:
        """Add an observation."""
        waiting = self._waiting
        waiting.append(value)
        if len(waiting) >= _MOST_WAITING:
            self.counted()

    def counted(self) -> tuple["np.ndarray[tuple[int], np.dtype[np.int64]]", float]:
        """Observations up to each bound and above the last, (bounds + 1,), not cumulative; and the sum of all."""
        with self._lock:
            # Only those that are there now; later ones are counted next time.
            values = np.array([self._waiting.popleft() for _ in range(len(self._waiting))])
            # An observation belongs to the first bound that it does not exceed, as in Prometheus.
            self._counts += np.bincount(np.searchsorted(self._bounds, values), minlength=len(self._counts))
            self._sum += float(values.sum())
            return self._counts.copy(), self._sum


class HistogramFamily(Collector):
    """Prometheus histograms by labels, with a counter of observations.

    It exports two metrics: `name`, a histogram by the first of `labels`, and, if `counter` is given, a counter by all.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str],
        bounds: Sequence[float],
        counter: tuple[str, str] | None = None,
    ) -> None:
        self._name, self._documentation, self._labels, self._counter = name, documentation, labels, counter
        self.bounds = bounds
        self._histograms: dict[tuple[str, ...], Histogram] = {}

    def of(self, *values: str) -> Histogram:
        """The histogram of these label values, created on first use."""
        return self._histograms.get(values) or self._histograms.setdefault(values, Histogram(self.bounds))

    def counted(self) -> dict[tuple[str, ...], tuple["np.ndarray[tuple[int], np.dtype[np.int64]]", float]]:
        """By label values, observations up to each bound and above the last, and the sum of all."""
        return {values: histogram.counted() for values, histogram in list(self._histograms.items())}

    def collect(self) -> Iterator[Metric]:
        """Export the metrics for Prometheus."""
        counted = self.counted()
        yield self._histogram(counted)
        if self._counter is not None:
            family = CounterMetricFamily(*self._counter, labels=self._labels)
            for values, (counts, _) in counted.items():
                family.add_metric(values, float(counts.sum()))
            yield family

    def _histogram(self, counted: Mapping[tuple[str, ...], tuple[np.ndarray, float]]) -> Metric:
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels[:1])
        names = [*map(floatToGoString, self.bounds), "+Inf"]
        for first in dict.fromkeys(values[0] for values in counted):
            mine = [found for values, found in counted.items() if values[0] == first]
            cumulated = np.cumsum(sum(counts for counts, _ in mine))
            buckets = [(name, float(count)) for name, count in zip(names, cumulated.tolist(), strict=True)]
            family.add_metric([first], buckets, sum(total for _, total in mine))
        return family
