"""A trained model and its card: what predicts, where it came from, and the folder it is kept in."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from closecast import features

_BOOSTER = "model.txt"
_CARD = "card.json"


class ModelError(ValueError):
    """A model folder is incomplete or damaged, or was made for other features than this version builds."""


@dataclass(frozen=True)
class ModelCard:
    """What is known about a model without running it; kept as JSON beside the booster."""

    trained_at: str  # ISO 8601, UTC
    source: str  # "synthetic", "file:sales.csv"
    source_sha256: str
    data_as_of: str  # ISO date: the last date in the export
    deals_key: str  # the silver Parquet in the lake's bucket
    feature_names: tuple[str, ...]
    horizons: tuple[int | str, ...]
    cut: str  # ISO date: held-out as-of dates start here
    metrics: dict[str, float]  # held out, of the booster fitted before the cut
    reference_metrics: dict[str, float]  # base rate and age table on the same rows
    rows: dict[str, int]  # "accepted", "rejected", "fit" (evaluation), "refit" (the booster served)
    git_commit: str | None = None
    note: str = (
        "Metrics are of a booster fitted only on rows whose label window ended before the cut, measured on as-of dates "
        "from the cut on. The booster served was then refitted on all rows with known labels; it has no held-out metrics."
    )

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ModelCard":
        """Raises ModelError naming what is missing or unknown."""
        try:
            content: dict[str, Any] = json.loads(text)
        except json.JSONDecodeError as error:
            raise ModelError(f"the model's card is not JSON: {error}") from error
        known = {field.name for field in fields(cls)}
        if difference := sorted(known ^ content.keys()):
            raise ModelError(f"the model's card and this version disagree about {', '.join(difference)}: train anew")
        for name in ("feature_names", "horizons"):
            content[name] = tuple(content[name])
        return cls(**content)


@dataclass(frozen=True)
class DealModel:
    """P(deal closes Won within h days | open at the as-of date), for any h, and the card that says whence."""

    booster: lightgbm.Booster
    card: ModelCard

    def predict(self, matrix: NDArray[np.float64], threads: int = 1) -> NDArray[np.float64]:
        """Probabilities in 0..1, shape (n,), for a feature matrix (n, len(feature_names)). Safe from several threads.

        Raises ValueError for a matrix of another width.
        """
        width = len(self.card.feature_names)
        if matrix.ndim != 2 or matrix.shape[1] != width:
            raise ValueError(f"the model takes a matrix of {width} features, got the shape {matrix.shape}")
        if not len(matrix):
            return np.empty(0, dtype=np.float64)
        return np.asarray(self.booster.predict(matrix, num_threads=threads), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write the booster and the card into `folder`, made if absent."""
        folder.mkdir(parents=True, exist_ok=True)
        text = self.booster.model_to_string()
        (folder / _BOOSTER).write_text(text)
        card = json.loads(self.card.to_json())
        (folder / _CARD).write_text(json.dumps({"booster_sha256": _sha256(text), "card": card}, indent=2))

    @classmethod
    def load(cls, folder: Path) -> "DealModel":
        """Read what `save` wrote. Raises ModelError when a file is absent or damaged, or the features are others."""
        try:
            content = json.loads((folder / _CARD).read_text())
            text = (folder / _BOOSTER).read_text()
        except (OSError, ValueError) as error:
            raise ModelError(f"the model in {folder} cannot be read: {error}") from error
        if _sha256(text) != content["booster_sha256"]:
            raise ModelError(f"{folder / _BOOSTER} is damaged: its SHA-256 is not the one in {_CARD}; fetch it again")
        card = ModelCard.from_json(json.dumps(content["card"]))
        if card.feature_names != features.NAMES:
            raise ModelError(
                f"the model takes the features {', '.join(card.feature_names)}; this version of Closecast builds "
                f"{', '.join(features.NAMES)}: train anew"
            )
        return cls(lightgbm.Booster(model_str=text), card)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
