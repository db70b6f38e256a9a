"""Matured predictions: those whose horizon has passed, with the outcome.

A prediction says that a deal open at the end of `as_of` is won within the horizon. It matures on `as_of` + horizon, and is
judged once everything up to that day is known, never before. A deal that was won early waits too: if wins were judged
first, wins would be all that is seen of the latest predictions. Each prediction is in exactly one of these groups:

| group | what it is | judged |
|---|---|---|
| won, not won | its deal was won within the horizon, or else closed as lost, closed later or is still open | yes |
| waiting | its horizon has not passed, or closes up to its end are not known yet | not yet |
| unknown | no report has named its deal: one that a caller made up, for example | no |
| unnamed | it has no deal identifier | no |
| closed before | its deal was closed on `as_of` already: what it asked about was over | no |
| repeated | the model has answered the same question before: its first answer is kept | no |

Predictions of one deal that are open at the same time share its fate. So where independent evidence is needed, one
prediction of a deal at a time counts (`counting`): the next one was made on or after the day on which the last one matured.
All deals that are open when a model is first asked would go on counting on the same days, and one day's evidence cannot be
told from one day's luck. So the second one of each deal waits for some days more, as a hash of the deal has it; in the comparison
of two models, which has no later beginning, the first one does.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.monitoring.outcomes import WON, Known

PREDICTION_COLUMNS = ("deal", "as_of", "horizon_days", "model_version", "run_id", "probability")
MATURED_COLUMNS = (*PREDICTION_COLUMNS, "won", "matured_on", "counts")
HORIZON_DAYS = 30  # of several predictions made on one day, the one whose horizon is nearest to this counts
_SPREAD_DAYS = 28  # over which the second predictions that count are spread
_QUESTION = ["deal", "as_of", "horizon_days", "model_version", "run_id"]


@dataclass(frozen=True)
class PredictionCounts:
    """Predictions by group; they add up to their number."""

    won: int
    not_won: int
    waiting: int
    unknown: int
    unnamed: int
    closed_before: int
    repeated: int


@dataclass(frozen=True)
class Matured:
    """The judged predictions, with MATURED_COLUMNS, those that are waiting, and the counts of all.

    The index is the position in what was given. `won` is int8; `as_of` and `matured_on` are datetime64; `counts` is what
    `counting` says. `waiting` has the same columns but `won`.
    """

    table: pd.DataFrame
    counts: PredictionCounts
    waiting: pd.DataFrame


def mature(predictions: pd.DataFrame, known: Known, spread_first: bool = False) -> Matured:
    """Judge the predictions whose horizon has passed; `spread_first` as of `counting`.

    `predictions` has PREDICTION_COLUMNS, in the order in which they were made: deal (text or None), as_of (datetime64),
    horizon_days (int), model_version (text), run_id (text or None), probability (float).
    """
    made = predictions.reset_index(drop=True)
    matured_on = made["as_of"] + pd.to_timedelta(made["horizon_days"], unit="D")
    close_date = made["deal"].map(known.deals["close_date"])
    won_at_all = made["deal"].map(known.deals["stage"]) == WON
    # The first group that applies; comparisons with a missing date are false.
    unnamed = made["deal"].isna()
    unknown = ~unnamed & ~made["deal"].isin(known.deals.index)
    closed_before = close_date <= made["as_of"]
    repeated = made.duplicated(_QUESTION) & ~(unnamed | unknown | closed_before)
    rest = ~(unnamed | unknown | closed_before | repeated)
    judged = rest & (matured_on <= pd.Timestamp(known.reach))
    won = judged & won_at_all & (close_date <= matured_on)
    independent = np.zeros(len(made), dtype=np.bool_)
    independent[rest] = counting(
        made[rest], spread_first
    )  # of all that will be judged, or the choice would change as they mature
    made = made.assign(won=won.astype(np.int8), matured_on=matured_on, counts=independent)
    counts = PredictionCounts(
        won=int(won.sum()),
        not_won=int((judged & ~won).sum()),
        waiting=int((rest & ~judged).sum()),
        unknown=int(unknown.sum()),
        unnamed=int(unnamed.sum()),
        closed_before=int(closed_before.sum()),
        repeated=int(repeated.sum()),
    )
    columns = [name for name in MATURED_COLUMNS if name != "won"]
    return Matured(made.loc[judged, list(MATURED_COLUMNS)], counts, made.loc[rest & ~judged, columns])


def counting(made: pd.DataFrame, spread_first: bool = False) -> NDArray[np.bool_]:
    """Which predictions count, (n,): of each deal and model one at a time, from the first on, the second one spread.

    `made` has deal, run_id, as_of and horizon_days. Nothing that is known only after a prediction was made decides whether it
    counts, or the choice would favour an outcome. With `spread_first` the deals that a model was asked about on its first day wait
    for some days before their first one counts, in place of the second; `made` must then be all of the model's predictions.
    """
    as_of = made["as_of"].to_numpy(dtype="M8[D]").astype(np.int64)
    days = made["horizon_days"].to_numpy(dtype=np.int64)
    deal = made.groupby(["deal", "run_id"], sort=False, dropna=False).ngroup().to_numpy()
    order = np.lexsort((days, np.abs(days - HORIZON_DAYS), as_of, deal))
    counts = np.zeros(len(made), dtype=np.bool_)
    hashed = pd.util.hash_array(made["deal"].astype(str).to_numpy(dtype=object)) % np.uint64(_SPREAD_DAYS)
    waits = np.zeros(len(made), dtype=np.bool_)
    if spread_first:
        waits = (made["as_of"] == made.groupby("run_id", dropna=False)["as_of"].transform("min")).to_numpy()
    last, free_from, wait = -1, 0, 0
    columns = (deal, as_of, as_of + days, hashed.astype(np.int64), waits, np.arange(len(made)))
    for one, begin, end, spread, is_first_day, at in zip(*(column[order].tolist() for column in columns), strict=True):
        if one != last:
            last, wait = one, 0 if spread_first else spread
            free_from = begin + spread if is_first_day else begin
        if begin >= free_from:
            free_from, wait, counts[at] = end + wait, 0, True
    return counts
