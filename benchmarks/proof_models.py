"""Models for benchmarks/proof.py, fitted as training fits them, and what they say of the deals after their cut."""

from datetime import date

import numpy as np
import pandas as pd

from closecast.deals.horizon import Horizon
from closecast.deals.snapshots import training_rows, weekly_as_of_dates
from closecast.models import blas, candidate
from closecast.models.data import Data
from closecast.models.hyperparameters import PRESETS
from closecast.monitoring.outcomes import LOST, OPEN, WON

_SEED = 7
_THREADS = 2


@blas.one_thread()
def predicted(deals: pd.DataFrame, cut: date, until: date, horizons: tuple[Horizon, ...]) -> pd.DataFrame:
    """What a model fitted before `cut` says every week from `cut` to `until` of all deals open then.

    `deals` are accepted deals. Returns PREDICTION_COLUMNS of closecast.monitoring.matured, in the order made.
    """
    data = Data(deals, cut)
    scorer, _, _ = candidate.fit_before(data, PRESETS, _SEED, _THREADS, cut)
    # Outcomes are not taken from these rows, so their windows may end after the data do.
    rows = training_rows(data.deals, weekly_as_of_dates(cut, until), horizons, date.max, data.fiscal)
    return pd.DataFrame(
        {
            "deal": data.deals["opportunity_id"].to_numpy()[rows.deal],
            "as_of": rows.as_of.astype("M8[ns]"),
            "horizon_days": rows.horizon_days,
            "model_version": "1",
            "run_id": str(cut),
            "probability": scorer.predict(data.matrix(rows), _THREADS),
        }
    )


def exported(deals: pd.DataFrame, day: date) -> pd.DataFrame:
    """The export as it was on `day`, as reports (closecast.monitoring.outcomes.REPORT_COLUMNS): every deal engaged by then."""
    today = pd.Timestamp(day)
    there = deals[deals["engage_date"] <= today]
    closed = there["close_date"] <= today
    stage = np.where(closed, np.where(there["deal_stage"] == WON, WON, LOST), OPEN)
    return pd.DataFrame(
        {
            "deal": there["opportunity_id"].to_numpy(),
            "stage": stage,
            "close_date": there["close_date"].where(closed).to_numpy(),
            "told_on": today,
            "reach": today,
        }
    )
