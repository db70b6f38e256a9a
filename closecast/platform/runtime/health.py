"""The status of a background service, and its HTTP endpoints: GET /health for Nomad and people, GET /metrics for Prometheus."""

import json
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest

from closecast.platform.runtime.pages import PageHandler, PageServer, serve_pages

_LOG = logging.getLogger(__name__)

STARTING = "not asked yet"


class ServiceStatus:
    """Prometheus metrics named `closecast_<service>_…`, and the current problem of each part. Values are set atomically."""

    def __init__(self, service: str, problems: Mapping[str, str | None]) -> None:
        """`problems` are those at the start, by part."""
        self.registry = CollectorRegistry()
        self._prefix = f"closecast_{service}_"
        self._failing = Gauge(
            f"{self._prefix}failing", "1 while this part cannot be used", ["part"], registry=self.registry
        )
        self._problems = dict(problems)
        for part, problem in self._problems.items():
            self._failing.labels(part).set(problem is not None)

    def counter(self, name: str, words: str) -> Counter:
        return Counter(f"{self._prefix}{name}", words, registry=self.registry)

    def gauge(self, name: str, words: str) -> Gauge:
        return Gauge(f"{self._prefix}{name}", words, registry=self.registry)

    def set(self, part: str, problem: str | None) -> None:
        """Set the problem of `part`, None for none. A change is logged."""
        before = self._problems[part]
        self._problems[part] = problem
        self._failing.labels(part).set(problem is not None)
        if (before is None) != (problem is None):
            _LOG.log(logging.WARNING if problem else logging.INFO, "%s: %s", part, problem or "in use")

    def is_well(self) -> bool:
        """Whether the health page answers 200."""
        return not any(self._problems.values())

    def as_dict(self) -> dict[str, Any]:
        """The problems, and all counters and gauges, for the health page."""
        problems = {part: problem for part, problem in self._problems.items() if problem is not None}
        numbers = {
            sample.name.removeprefix(self._prefix): sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if not sample.labels and not sample.name.endswith("_created")
        }
        return {"status": "failing" if problems else "ready", "problems": problems, **numbers}


class Status(Protocol):
    """What the two pages show of a service, as ServiceStatus does."""

    registry: CollectorRegistry

    def is_well(self) -> bool:
        """Whether the health page answers 200."""

    def as_dict(self) -> dict[str, Any]:
        """The content of the health page."""


class HealthHandler(PageHandler):
    """GET /health answers 200 while the service is well, else 503, with its state; GET /metrics."""

    status: Status
    pages = "GET /health and GET /metrics"  # all that are here

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self.answer(200, CONTENT_TYPE_LATEST, generate_latest(self.status.registry))
        elif self.path == "/health":
            code = 200 if self.status.is_well() else 503
            self.answer(code, "application/json", json.dumps(self.status.as_dict()).encode())
        else:
            self.absent()

    def absent(self) -> None:
        """Answer that there is no such page."""
        self.say(404, f"only {self.pages} are here")

    def say(self, code: int, text: str) -> None:
        """Answer a line of text."""
        self.answer(code, "text/plain; charset=utf-8", f"{text}\n".encode())


def serve(host: str, port: int, service_status: Status) -> PageServer:
    """Serve /health and /metrics in a thread."""

    class Handler(HealthHandler):
        status = service_status

    return serve_pages(host, port, Handler)
