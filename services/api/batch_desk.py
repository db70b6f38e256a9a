"""What the route of batches works with, as one thing."""

from dataclasses import dataclass

from services.api.batch_lane import BatchLane
from services.api.champion import Champion
from services.api.doors import Doors
from services.api.metrics import Metrics


@dataclass(frozen=True)
class BatchDesk:
    """One collaborator instead of four: the framework makes a task of each, 0.3 ms in which no single prediction is answered."""

    champion: Champion
    doors: Doors
    lane: BatchLane
    metrics: Metrics
