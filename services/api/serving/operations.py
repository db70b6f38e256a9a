"""How this instance is doing: what it needs, asked just now, and what it has answered since it began."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
import redis
from msgspec import convert

from closecast.platform.flow_runs import FlowRun
from closecast.platform.lake.store import LakeError
from closecast.platform.mlflow.registry import RegistryError
from services.api.problems import UnavailableError
from services.api.schemas.operations import Dependency, LastRun, Operations, RouteFigures
from services.api.serving.champion import Champion
from services.api.telemetry.metrics import Metrics

_AWAY = (UnavailableError, RegistryError, LakeError, redis.RedisError)
_LONGEST_REASON = 300  # characters


class Condition:
    """Asks each of `needs`, by name: a call that raises one of _AWAY when it is away. Safe from several threads."""

    def __init__(
        self,
        instance: str,
        champion: Champion,
        metrics: Metrics,
        needs: Mapping[str, Callable[[], object]],
        figures: Callable[[], Mapping[str, float]],
        runs: Callable[[], Sequence[FlowRun]],
    ) -> None:
        """`figures` are this instance's own, by name. `runs` raises UnavailableError while they are not known."""
        self._instance, self._champion, self._metrics, self._figures = instance, champion, metrics, figures
        self._needs, self._runs = dict(needs), runs
        self._since = datetime.now(UTC)

    def now(self) -> Operations:
        """Ask all at once; it takes as long as the slowest."""
        with ThreadPoolExecutor(max(1, len(self._needs))) as threads:
            dependencies = list(threads.map(_asked, self._needs, self._needs.values()))
        status = self._champion.status()
        return Operations(
            instance=self._instance,
            since=self._since,
            model_version=None if status.served is None else status.served.version,
            model_problem=status.problem,
            dependencies=dependencies,
            routes=_routes(self._metrics),
            figures=dict(self._figures()),
            runs=self._last_runs(),
        )

    def _last_runs(self) -> list[LastRun] | None:
        try:
            return [convert(run, LastRun, from_attributes=True) for run in self._runs()]
        except UnavailableError:
            return None


def _asked(name: str, ask: Callable[[], object]) -> Dependency:
    begin = time.perf_counter()
    try:
        ask()
    except _AWAY as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        return Dependency(name, None, reason[:_LONGEST_REASON])
    return Dependency(name, (time.perf_counter() - begin) * 1_000, None)


def _routes(metrics: Metrics) -> list[RouteFigures]:
    """By route under /v1, the busiest first: what the scheduler asks is no work, and is refused until a model serves."""
    counted: dict[str, tuple[np.ndarray, int]] = {}
    for (route, _, status), (counts, _) in metrics.requests.counted().items():
        if not route.startswith("/v1/"):
            continue
        known, failed = counted.get(route, (np.zeros_like(counts), 0))
        counted[route] = known + counts, failed + (int(counts.sum()) if status.startswith("5") else 0)
    bounds = np.array([*metrics.requests.bounds, np.inf])
    found = [
        RouteFigures(
            route,
            int(counts.sum()),
            failed,
            *(_quantile(counts, bounds, share) * 1_000 for share in (0.5, 0.99)),
        )
        for route, (counts, failed) in counted.items()
        if counts.any()
    ]
    return sorted(found, key=lambda one: -one.requests)


def _quantile(counts: np.ndarray, bounds: np.ndarray, share: float) -> float:
    """The upper bound below which `share` of the observations are, in seconds; of the last one, the bound before."""
    place = int(np.searchsorted(np.cumsum(counts), share * counts.sum()))
    return float(bounds[min(place, len(bounds) - 2)])
