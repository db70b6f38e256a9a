"""The scorer of a model: a booster with its initial scores and calibration, kept as two files."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closecast import features
from closecast.models import manifest, trees
from closecast.models.booster import Booster
from closecast.models.calibration import BetaCalibration
from closecast.models.manifest import ModelError
from closecast.models.start import Start

_BOOSTER = "model.txt"
_SCORER = "scorer.json"
FILES = (_BOOSTER, _SCORER)


@dataclass(frozen=True)
class Scorer:
    """P(deal closes Won within h days | open at the as-of date), for any h, from feature values."""

    booster: Booster
    calibration: BetaCalibration
    start: Start = field(default_factory=Start)

    def predict(self, matrix: NDArray[np.float64], threads: int = 1) -> NDArray[np.float64]:
        """Probabilities in 0..1, shape (n,), for a feature matrix (n, len(NAMES)). Safe from several threads.

        Raises ValueError for a matrix of another width.
        """
        width = len(features.NAMES)
        if matrix.ndim != 2 or matrix.shape[1] != width:
            raise ValueError(f"the model takes a matrix of {width} features, got the shape {matrix.shape}")
        if not len(matrix):
            return np.empty(0, dtype=np.float64)
        return self.calibration.apply(
            self.booster.predict(matrix, threads=threads) + self.start.odds(matrix[:, features.WIN_CHANCE])
        )

    def save(self, folder: Path) -> int:
        """Write both files and their manifest into `folder`, created if absent.

        Returns the size of the two in bytes.
        """
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "features": list(features.NAMES),
            "calibration": asdict(self.calibration),
            "start": asdict(self.start),
        }
        (folder / _BOOSTER).write_text(self.booster.text)
        (folder / _SCORER).write_text(json.dumps(content, indent=2))
        manifest.write(folder)
        return sum((folder / name).stat().st_size for name in FILES)

    @classmethod
    def load(cls, folder: Path, sha256: str | None = None) -> "Scorer":
        """Read and verify what `save` wrote; `sha256` is the manifest's expected SHA-256, if known.

        Raises ModelError when a file is absent or damaged, or the features differ. A malicious booster can crash the
        process: closecast.platform.mlflow.smoke_test loads a folder in another process first.
        """
        return cls.of(manifest.verified(folder, FILES, sha256))

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> "Scorer":
        """Make a scorer from the content of both files. Raises ModelError as `load` does."""
        try:
            content = json.loads(files[_SCORER])
            names = tuple(content["features"])
            calibration = BetaCalibration(**content["calibration"])
            start = Start(**content.get("start", {}))  # models of earlier versions start from the life table
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ModelError(f"{_SCORER} cannot be read: {type(error).__name__}: {error}") from error
        if names != features.NAMES:
            other = sorted({str(name) for name in names} ^ set(features.NAMES)) or ["their order"]
            raise ModelError(
                f"the model and this version of Closecast differ in features ({', '.join(other)}): train anew"
            )
        try:
            return cls(Booster(trees.checked(files[_BOOSTER].decode())), calibration, start)
        except ValueError as error:
            raise ModelError(f"{_BOOSTER} cannot be read: {error}") from error
