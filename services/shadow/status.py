"""The status of shadow scoring: Prometheus metrics, the model, and the current problem of each part."""

from typing import Any

from closecast.platform.mlflow.registry import Identity
from closecast.platform.runtime.health import STARTING, ServiceStatus


class ShadowStatus(ServiceStatus):
    """The status, written by the follower, read by the health endpoint.

    What is wrong with the model is told, and leaves the service well: it costs nothing but the model's own results.
    """

    def __init__(self) -> None:
        super().__init__("shadow", {"database": STARTING, "registry": STARTING, "model": None})
        self.scored = self.counter("scored", "Predictions scored by the model in shadow")
        self.skipped = self.counter("skipped", "Predictions not scored because they cannot be compared")
        self.behind = self.gauge("batches_behind", "Closed archive batches that are not scored yet")
        self.present = self.gauge("model_present", "1 while a version has the alias shadow")
        self._model: Identity | None = None

    def follow(self, model: Identity | None) -> None:
        """Set the version that has the alias."""
        self._model = model
        self.present.set(model is not None)

    def is_well(self) -> bool:
        return all(problem is None for part, problem in self._problems.items() if part != "model")

    def as_dict(self) -> dict[str, Any]:
        model = self._model
        named = None if model is None else {"version": model.version, "run_id": model.run_id}
        return {**super().as_dict(), "model": named}
