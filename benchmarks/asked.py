"""Questions about all deals that are open on a day, with their features, and the journal's entry of the answers."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.features import FeatureBuilder
from closecast.models.scorer import Scorer
from closecast.platform.journal.entry import Entry, new_id
from closecast.platform.mlflow.identity import Identity


def open_deals(
    builder: FeatureBuilder, deals: pd.DataFrame, day: date, horizon: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The positions in the accepted `deals` of those without a close date, (n,), and their features, (n, len(NAMES)).

    `deals` are as of the end of `day`, have an engage date each, and a RangeIndex; `horizon` is in days.
    """
    position = np.flatnonzero(deals["close_date"].isna())
    days = np.full(len(position), np.datetime64(day, "D"))
    encoded = builder.history.encode(deals)
    return position, builder.matrix(encoded, position, days, np.full(len(position), horizon))


def entry(
    scorer: Scorer, builder: FeatureBuilder, deals: pd.DataFrame, day: date, horizon: int, model: Identity
) -> Entry:
    """What `scorer` says on `day` of all open deals, as the API records a batch; the parameters are those of `open_deals`."""
    position, matrix = open_deals(builder, deals, day, horizon)
    count = len(position)
    return Entry(
        id=new_id(),
        request_id=f"of {day}",
        time=datetime.now(UTC),
        caller="key:made-up",
        kind="batch",
        as_of=day,
        horizon_days=horizon,
        model_version=model.version,
        rows=list(range(count)),
        deals={"opportunity_id": deals["opportunity_id"].iloc[position].tolist()},
        unseen=[[]] * count,
        probability=scorer.predict(matrix).tolist(),
        probabilities=None,
        days=[horizon],
        features=matrix.astype("<f8").tobytes(),
        model_run_id=model.run_id,
    )
