"""The service's state: the problem of each part, and its metrics."""

import logging
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge

from closecast.platform.runtime.health import STARTING

_LOG = logging.getLogger(__name__)


class AlertsStatus:
    """Written by the threads that work, read by the pages. Values are set atomically."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def gauge(name: str, words: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"closecast_{name}", words, labels, registry=self.registry)

        self.open = gauge("alerts_open", "Open alerts", ("severity",))
        self.waiting = gauge("alert_deliveries_waiting", "Messages that are not delivered yet", ("sink",))
        self.oldest = gauge("alert_delivery_oldest_seconds", "Age of the oldest of them", ("sink",))
        self.monitor = gauge("monitor_last_success_timestamp_seconds", "When the flow monitor last said something")
        self.not_before = gauge("certificate_not_before_seconds", "Begin of the gateway's certificate", ("name",))
        self.not_after = gauge("certificate_not_after_seconds", "End of the gateway's certificate", ("name",))
        self.delivered = Counter(
            "closecast_alert_deliveries", "Attempts to deliver", ("sink", "result"), registry=self.registry
        )
        self._problems: dict[str, str | None] = {"database": STARTING}
        self._places: dict[str, str | None] = {}

    def set(self, part: str, problem: str | None) -> None:
        """Set the problem of `part`, None for none. A change is logged."""
        before = self._problems.get(part)
        self._problems[part] = problem
        if (before is None) != (problem is None):
            _LOG.log(logging.WARNING if problem else logging.INFO, "%s: %s", part, problem or "in use")

    def note(self, place: str, problem: str | None) -> None:
        """Set the problem of a sink or the gateway. The service is well all the same: the outbox keeps what waits."""
        before = self._places.get(place)
        self._places[place] = problem
        if before != problem:
            _LOG.log(logging.WARNING if problem else logging.INFO, "%s: %s", place, problem or "in use")

    def is_well(self) -> bool:
        return not any(self._problems.values())

    def as_dict(self) -> dict[str, Any]:
        """The state for the health page: which parts and places have a problem, not which."""
        return {
            "status": "ready" if self.is_well() else "failing",
            "failing": sorted(part for part, problem in self._problems.items() if problem),
            "noted": sorted(place for place, problem in self._places.items() if problem),
        }
