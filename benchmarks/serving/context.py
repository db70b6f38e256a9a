"""The context of every part: rounds, durations, folders and cores."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.serving.model import Subject
from benchmarks.serving.stack import Stack


@dataclass
class Context:
    """One run of the benchmark; parts share results with later ones in `shared`."""

    rounds: int
    seconds: float
    soak_minutes: float
    folder: Path
    server_core: int
    load_core: int
    own: Subject
    large: Subject
    stack: Stack
    shared: dict[str, float] = field(default_factory=dict)

    @property
    def load(self) -> list[int]:
        return [self.load_core]

    def room(self, name: str) -> Path:
        """Make a folder for the files of one server or load."""
        folder = self.folder / name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Median, minimum, maximum, and all values of the rounds."""
    return {"median": median(values), "min": min(values), "max": max(values), "values": list(values)}
