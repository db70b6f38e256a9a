"""The part of a model that predicts: a booster, where it starts from, and its calibration; kept as two files."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import lightgbm
import numpy as np
from numpy.typing import NDArray

from closecast import features
from closecast.models.calibration import BetaCalibration
from closecast.models.training import start

_BOOSTER = "model.txt"
_SCORER = "scorer.json"
FILES = (_BOOSTER, _SCORER)


class ModelError(ValueError):
    """A model folder is incomplete or damaged, or was made for other features than this version builds."""


@dataclass(frozen=True)
class Scorer:
    """P(deal closes Won within h days | open at the as-of date), for any h, from feature values."""

    booster: lightgbm.Booster
    calibration: BetaCalibration

    def predict(self, matrix: NDArray[np.float64], threads: int = 1) -> NDArray[np.float64]:
        """Probabilities in 0..1, shape (n,), for a feature matrix (n, 23). Safe from several threads.

        Raises ValueError for a matrix of another width.
        """
        width = len(features.NAMES)
        if matrix.ndim != 2 or matrix.shape[1] != width:
            raise ValueError(f"the model takes a matrix of {width} features, got the shape {matrix.shape}")
        if not len(matrix):
            return np.empty(0, dtype=np.float64)
        raw = np.asarray(self.booster.predict(matrix, raw_score=True, num_threads=threads), dtype=np.float64)
        return self.calibration.apply(raw + start(matrix))

    def save(self, folder: Path) -> int:
        """Write both files into `folder`, made if absent; returns their size in bytes."""
        folder.mkdir(parents=True, exist_ok=True)
        text = self.booster.model_to_string()
        content = {
            "booster_sha256": _sha256(text),
            "features": list(features.NAMES),
            "calibration": asdict(self.calibration),
        }
        (folder / _BOOSTER).write_text(text)
        (folder / _SCORER).write_text(json.dumps(content, indent=2))
        return (folder / _BOOSTER).stat().st_size + (folder / _SCORER).stat().st_size

    @classmethod
    def load(cls, folder: Path) -> "Scorer":
        """Read what `save` wrote. Raises ModelError when a file is absent or damaged, or the features are others."""
        try:
            content = json.loads((folder / _SCORER).read_text())
            text = (folder / _BOOSTER).read_text()
            booster_sha256, names = content["booster_sha256"], tuple(content["features"])
            calibration = BetaCalibration(**content["calibration"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"the model in {folder} cannot be read: {type(error).__name__}: {error}") from error
        if _sha256(text) != booster_sha256:
            raise ModelError(f"{folder / _BOOSTER} is damaged: its SHA-256 is not the one in {_SCORER}; fetch it again")
        if names != features.NAMES:
            other = sorted(set(names) ^ set(features.NAMES)) or ["their order"]
            raise ModelError(
                f"the model and this version of Closecast differ in features ({', '.join(other)}): train anew"
            )
        return cls(lightgbm.Booster(model_str=text), calibration)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
