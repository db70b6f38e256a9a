"""A model, what it is watched with, and looks at its drift, for `just bench drift`."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.contract import check
from closecast.deals.horizon import horizon_days
from closecast.deals.snapshots import DEFAULT_HORIZONS
from closecast.deals.synthetic import generator
from closecast.features import WIN_CHANCE
from closecast.models import candidate
from closecast.models.data import Data
from closecast.models.hyperparameters import Hyperparameters
from closecast.models.scorer import Scorer
from closecast.monitoring import drift, rows
from closecast.monitoring.profile import Profile
from closecast.monitoring.sketch import Chunk

FIRST, LAST, CUT = date(2016, 1, 4), date(2018, 12, 31), date(2017, 10, 1)  # of made-up deals
CHUNK = 100_000  # rows
_RECENT = (28, 91)  # days of the windows of closed and of new deals
_DAY = np.timedelta64(1, "D")
_THREADS = 2


@dataclass(frozen=True)
class Watch:
    """The profiles of a model trained at a cut, and looks at later days."""

    cut: date
    scorer: Scorer | None  # None: the life table's chance stands for the score
    training: Chunk
    scored: Profile
    closed: Profile
    engaged: Profile

    @classmethod
    def of(cls, deals: pd.DataFrame, cut: date, fitted: bool) -> "Watch":
        data, begin = Data(deals, cut), np.datetime64("1970-01-01")
        scorer = candidate.fit_before(data, (Hyperparameters(),), 7, _THREADS, cut)[0] if fitted else None
        known = data.learnable(cut)
        training = _scored(data, scorer, known.deal, known.as_of, known.horizon_days)
        end = np.datetime64(cut, "D")
        return cls(
            cut,
            scorer,
            training,
            rows.scored_profile(training, data.deals),
            rows.closed_profile(rows.closed(data.deals).between(begin, end - _DAY)),
            rows.engaged_profile(rows.engaged(data.deals).between(begin, end)),
        )

    def looks(self, deals: pd.DataFrame, days: NDArray[np.datetime64]) -> Iterator[dict[str, drift.Look]]:
        """Looks at the open deals of each day, and at those closed and begun in the weeks before it."""
        data = Data(deals, self.cut)
        kinds = {"closed": (self.closed, rows.closed(data.deals)), "new": (self.engaged, rows.engaged(data.deals))}
        for day in days:
            found = {"open": look(self.scored, open_deals(data, self.scorer, day))}
            for kind, (profile, every) in kinds.items():
                for recent in _RECENT:
                    first = max(day - np.timedelta64(recent, "D"), np.datetime64(self.cut, "D"))
                    window = every.between(first, day)
                    found[f"{kind} ({recent} days)"] = drift.look(
                        profile, [window], profile.layout.names, len(_RECENT) * drift.LOOKS_A_YEAR
                    )
            yield found


def look(profile: Profile, window: Chunk) -> drift.Look:
    return drift.look(profile, window.parts(CHUNK), profile.layout.names)


def _scored(
    data: Data,
    scorer: Scorer | None,
    deal: NDArray[np.int64],
    as_of: NDArray[np.datetime64],
    horizons: NDArray[np.int64],
) -> Chunk:
    matrix = data.builder.matrix(data.encoded_deals, deal, as_of, horizons)
    scores = matrix[:, WIN_CHANCE] if scorer is None else scorer.predict(matrix, _THREADS)
    return rows.scored(matrix, scores, as_of, horizons, deal)


def open_deals(data: Data, scorer: Scorer | None, day: np.datetime64) -> Chunk:
    """The deals open at the end of `day`, at every default horizon."""
    engaged, closed = (data.deals[name].to_numpy(dtype="M8[D]") for name in ("engage_date", "close_date"))
    deal = np.flatnonzero((engaged <= day) & ~(closed <= day))
    horizons = np.array(sorted({horizon_days(day.item(), one) for one in DEFAULT_HORIZONS}), dtype=np.int64)
    repeated = np.repeat(deal, len(horizons))
    return _scored(data, scorer, repeated, np.full(len(repeated), day), np.tile(horizons, len(deal)))


def made_up(settings: generator.Settings, seed: int) -> pd.DataFrame:
    """Accepted deals of a synthetic export."""
    return check(generator.generate_with_truth(settings, seed)[0]).accepted
