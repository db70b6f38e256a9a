"""The journal's status: Prometheus metrics, and the current problem of each part."""

import logging
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

_LOG = logging.getLogger(__name__)

STARTING = "not asked yet"
PARTS = ("cache", "database", "lake")


class JournalStatus:
    """The status, written by the consumer and the archiver, read by the health endpoint. Values are set atomically."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, words: str) -> Counter:
            return Counter(f"closecast_journal_{name}", words, registry=self.registry)

        def gauge(name: str, words: str) -> Gauge:
            return Gauge(f"closecast_journal_{name}", words, registry=self.registry)

        self.stored = counter("stored", "Predictions put into PostgreSQL")
        self.duplicates = counter("duplicates", "Predictions that arrived again and were already stored")
        self.refused = counter("refused", "Messages set aside because they cannot be stored")
        self.archived_rows = counter("archived_rows", "Predictions written to the lake")
        self.archived_files = counter("archived_files", "Parquet files written to the lake")
        self.length = gauge("stream_messages", "Messages in the stream that are not stored yet")
        self.oldest = gauge("stream_oldest_seconds", "Age of the oldest of them")
        self.dead = gauge("dead_messages", "Messages that were set aside for inspection")
        self._failing = Gauge(
            "closecast_journal_failing", "1 while this part cannot be used", ["part"], registry=self.registry
        )
        # The lake is not used before there is something to write.
        self._problems: dict[str, str | None] = {"cache": STARTING, "database": STARTING, "lake": None}
        for part, problem in self._problems.items():
            self._failing.labels(part).set(problem is not None)

    def set(self, part: str, problem: str | None) -> None:
        """Set the problem of `part`, None for none. A change is logged."""
        before = self._problems[part]
        self._problems[part] = problem
        self._failing.labels(part).set(problem is not None)
        if (before is None) != (problem is None):
            _LOG.log(logging.WARNING if problem else logging.INFO, "%s: %s", part, problem or "in use")

    def is_well(self) -> bool:
        return not any(self._problems.values())

    def as_dict(self) -> dict[str, Any]:
        """The problems, and all counters and gauges, for the health page."""
        problems = {part: problem for part, problem in self._problems.items() if problem is not None}
        numbers = {
            sample.name.removeprefix("closecast_journal_"): sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if not sample.labels and not sample.name.endswith("_created")
        }
        return {"status": "failing" if problems else "ready", "problems": problems, **numbers}
