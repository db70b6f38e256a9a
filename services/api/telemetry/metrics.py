"""The service's Prometheus metrics: requests, predictions, the served model, and dependencies."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from closecast.platform.mlflow.identity import Identity
from services.api.telemetry.histogram import HistogramFamily

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_SHARES = tuple(bound / 20 for bound in range(1, 21))


class _Figures(Collector):
    def __init__(self, ask: Callable[[], Mapping[str, float]]) -> None:
        self._ask = ask

    def collect(self) -> Iterator[Metric]:
        for name, value in self._ask().items():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield family(f"closecast_{name}", name.removesuffix("_total").replace("_", " "), value=value)


class Metrics:
    """The metrics of one application; each application has its own registry, so that tests do not share them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        PlatformCollector(self.registry)
        ProcessCollector(registry=self.registry)
        self.requests = HistogramFamily(
            "closecast_request_seconds",
            "Time from a request's head to its answer's end.",
            ["route", "method", "status"],
            _SECONDS,
            ("closecast_requests", "Requests answered."),
        )
        self.scores = HistogramFamily("closecast_prediction_probability", "Probabilities answered.", ["kind"], _SHARES)
        self.registry.register(self.requests)
        self.registry.register(self.scores)
        self.unseen = Counter(
            "closecast_unseen_values",
            "Deals with a value the model's history does not know.",
            ["column"],
            registry=self.registry,
        )
        self.batch_deals = Counter(
            "closecast_batch_deals", "Deals of batches, scored or refused.", ["outcome"], registry=self.registry
        )
        self.slow_lane = Counter(
            "closecast_predictions_off_the_fast_path",
            "Single predictions whose as-of date and horizon had no tables yet, or that were refused.",
            registry=self.registry,
        )
        self.model = Gauge(
            "closecast_model_info",
            "The model version that serves, and the run that made it.",
            ["version", "run_id"],
            registry=self.registry,
        )
        self.swaps = Counter("closecast_model_swaps", "Times another version was taken up.", registry=self.registry)
        self.refusals = Counter(
            "closecast_model_refusals", "Versions that bore the alias and were not taken up.", registry=self.registry
        )

    def batch(self, scored: int, refused: int, unseen: Mapping[str, int]) -> None:
        """Count one batch: deals scored and refused, and unknown values by column."""
        self.batch_deals.labels("scored").inc(scored)
        self.batch_deals.labels("refused").inc(refused)
        for column, count in unseen.items():
            self.unseen.labels(column).inc(count)

    def serves(self, model: Identity | None) -> None:
        """Set the served model."""
        self.model.clear()
        if model is not None:
            self.model.labels(model.version, model.run_id).set(1)

    def figures(self, ask: Callable[[], Mapping[str, float]]) -> None:
        """Add gauges and counters (`…_total`) whose values `ask` returns at each scrape."""
        self.registry.register(_Figures(ask))

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self.registry)
