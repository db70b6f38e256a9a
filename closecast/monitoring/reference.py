"""What a model is watched with, made when it is trained and stored beside it.

These are the profiles of the rows that it learnt from, rows of them for Evidently's reports, and how far its own held-out
evaluation was off.
"""

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from closecast.models import manifest
from closecast.models.candidate import Candidate
from closecast.models.evaluation import CANDIDATE
from closecast.models.manifest import ModelError
from closecast.monitoring import performance, rows
from closecast.monitoring.files import FIGURES, FILES, PROFILES, ROWS
from closecast.monitoring.matured import counting
from closecast.monitoring.profile import Profile
from closecast.monitoring.sketch import ProfileError

AS_OF = "as_of"
SAMPLE = 10_000  # rows kept for reports
_MOST_ROWS = 300_000  # that a profile is made of


@dataclass(frozen=True)
class Reference:
    """The profiles of scored, closed and new deals, a sample of the scored rows, and the tolerance.

    `sample` has SCORED (float64) and as_of (datetime64), one line for each row, at most SAMPLE.
    """

    scored: Profile
    closed: Profile
    engaged: Profile
    sample: pd.DataFrame
    tolerance: float  # in log-odds, closecast.monitoring.performance.tolerance

    @classmethod
    def of(cls, candidate: Candidate, threads: int) -> "Reference":
        """Make the reference of a candidate's served model. Raises ProfileError when its deals are too few for one."""
        data = candidate.data
        known = data.learnable(most=_MOST_ROWS)
        matrix = data.matrix(known)
        scores = candidate.scorer.predict(matrix, threads)
        chunk = rows.scored(matrix, scores, known.as_of, known.horizon_days, known.deal)
        drawn = np.random.default_rng(candidate.seed).choice(len(chunk), min(SAMPLE, len(chunk)), replace=False)
        kept = chunk[np.sort(drawn)]
        return cls(
            rows.scored_profile(chunk, data.deals, data.fiscal),
            rows.closed_profile(rows.closed(data.deals), data.fiscal),
            rows.engaged_profile(rows.engaged(data.deals), data.fiscal),
            pd.DataFrame(kept.numbers, columns=list(rows.SCORED)).assign(**{AS_OF: kept.as_of.astype("M8[ns]")}),
            performance.tolerance(_held_out(candidate)),
        )

    def save(self, folder: Path) -> None:
        """Write FILES and their manifest into `folder`, created if absent."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in PROFILES:
            (folder / f"{name}.profile").write_bytes(getattr(self, name).to_bytes())
        self.sample.to_parquet(folder / ROWS, index=False, compression="zstd")
        (folder / FIGURES).write_text(json.dumps({"tolerance": self.tolerance}))
        manifest.write(folder)

    @classmethod
    def load(cls, folder: Path) -> "Reference":
        """Read and verify what `save` wrote. Raises ModelError when a file is absent or damaged."""
        files = manifest.verified(folder, FILES)
        try:
            tolerance = float(json.loads(files[FIGURES])["tolerance"])
            sample = pd.read_parquet(BytesIO(files[ROWS]))
            if list(sample.columns) != [*rows.SCORED, AS_OF]:
                raise ModelError("the reference belongs to a model with other features: train anew")
            scored, closed, engaged = (Profile.from_bytes(files[f"{name}.profile"]) for name in PROFILES)
        except (ValueError, KeyError, TypeError, OSError, pa.ArrowException) as error:
            if isinstance(error, ModelError):
                raise
            why = error if isinstance(error, ProfileError) else f"{type(error).__name__}: {error}"
            raise ModelError(f"the reference in {folder} cannot be read: {why}") from error
        return cls(scored, closed, engaged, sample, tolerance)


def _held_out(candidate: Candidate) -> pd.DataFrame:
    """The twin's predictions on the held-out rows, with MATURED_COLUMNS."""
    parts = []
    for split, found in zip(candidate.splits, candidate.held_out, strict=True):
        asked = split.test.rows
        parts.append(
            pd.DataFrame(
                {
                    "deal": asked.deal,
                    "as_of": asked.as_of.astype("M8[ns]"),
                    "horizon_days": asked.horizon_days,
                    "model_version": "",
                    "run_id": "",
                    "probability": found.predictions[CANDIDATE],
                    "won": asked.won,
                    "matured_on": asked.window_ends().astype("M8[ns]"),
                }
            )
        )
    made = pd.concat(parts, ignore_index=True)
    return made.assign(counts=counting(made))
