"""Leakage probes: what a single column of the export reveals about a deal's outcome."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.vocabulary import CLOSED, RAW_COLUMNS

# In the real file, nothing known while a deal is open separates Won from Lost better than about 0.65.
OUTCOME_LIMIT = 0.75
MISSING_LIMIT = 0.55  # a difference of ten points in the share missing between open and closed deals
_MAY_BE_MISSING = ("account", "engage_date", "close_date", "close_value")
_BINS = 20
_FOLDS = 5
_PRIOR_DEALS = 10  # pseudo-count of deals at the average win rate, so that a rare value does not stand out

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Probe:
    """One test of one column. `auc` is None when there are too few deals for it; `why` is one sentence."""

    column: str
    asks: str
    auc: float | None
    flagged: bool
    why: str


def outcome_probes(deals: pd.DataFrame) -> list[Probe]:
    """For each raw column but the stage, the ROC AUC of that column alone for "won" among closed deals.

    Texts are scored by the win rate of their value in the other folds of five, numbers and dates also by their order:
    what a model could learn from the column, not what it could memorise.
    """
    closed = deals[deals["deal_stage"].isin(CLOSED)]
    won = (closed["deal_stage"] == "Won").to_numpy(dtype=bool)
    return [_outcome(closed[name], won) for name in RAW_COLUMNS if name != "deal_stage"]


def missing_probes(deals: pd.DataFrame) -> list[Probe]:
    """For each column that may be empty, the ROC AUC of being empty for "still open", among all deals."""
    still_open = ~deals["deal_stage"].isin(CLOSED).to_numpy(dtype=bool)
    return [_missing(deals[name], still_open) for name in _MAY_BE_MISSING]


def column_probes(raw: pd.DataFrame, won: "pd.Series[bool]") -> list[Probe]:
    """For each column of an export as it was read, text, the ROC AUC of that column alone for "won".

    `won` says it of closed deals alone, by the index of `raw`. A column of numbers is judged by its order too.
    """
    closed = raw.loc[won.index]
    outcome = won.to_numpy(dtype=bool)
    probes = []
    for name in raw.columns:
        column = closed[name]
        numbers = pd.to_numeric(column, errors="coerce")
        probes.append(_outcome(numbers.astype(float).rename(name) if numbers.notna().all() else column, outcome))
    return probes


def _outcome(column: "pd.Series[Any]", won: Bools) -> Probe:
    name, asks = str(column.name), "won, among closed deals"
    if won.all() or not won.any():
        return Probe(name, asks, None, False, "Cannot be judged: needs won and lost deals.")
    auc = _auc(column, won)
    if auc < OUTCOME_LIMIT:
        return Probe(name, asks, auc, False, "Does not reveal the outcome.")
    sentence = f"{name} alone tells won from lost deals"
    if name == "close_value" and not column[~won].any():
        sentence += ", being 0 for every lost one"
    return Probe(
        name,
        asks,
        auc,
        True,
        f"{sentence}: it is recorded with the outcome and unknown while the deal is open, so as a feature it "
        f"would leak the answer to the model.",
    )


def _missing(column: "pd.Series[Any]", still_open: Bools) -> Probe:
    name, asks = str(column.name), "still open, by being empty"
    if still_open.all() or not still_open.any():
        return Probe(name, asks, None, False, "Cannot be judged: needs open and closed deals.")
    empty = column.isna().to_numpy(dtype=bool)
    auc = _area(still_open, empty)
    shares = f"empty in {empty[still_open].mean():.0%} of open and {empty[~still_open].mean():.0%} of closed deals"
    if max(auc, 1 - auc) < MISSING_LIMIT:
        return Probe(name, asks, auc, False, f"{shares.capitalize()}: tells nothing.")
    return Probe(
        name,
        asks,
        auc,
        True,
        f"{shares.capitalize()}: whether {name} is filled in tells how the deal stood when the export was cut, which "
        f"nobody knew at an earlier as-of date, so its emptiness must not be a feature.",
    )


def _area(positive: Bools, values: NDArray[Any]) -> float:
    """The area under the ROC curve of `values`, (n,), for `positive`, (n,), which has rows of both kinds.

    By ranks, equal values sharing their mean rank: Mann and Whitney, Annals of Mathematical Statistics 18 (1947). The
    service that checks exports is without scikit-learn, which would make its image a third larger.
    """
    ranks, positives = pd.Series(values).rank().to_numpy(), int(positive.sum())
    pairs = positives * (len(positive) - positives)
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / pairs)


def _auc(column: "pd.Series[Any]", won: Bools) -> float:
    if column.dtype.kind not in "Mf":
        return _area(won, _learned(column.fillna("").to_numpy(dtype=str), won))
    numbers = column.astype("int64") if column.dtype.kind == "M" else column
    values = numbers.to_numpy(dtype=np.float64)
    order = _area(won, values)
    # The order alone misses a season, which rises and falls.
    bins = np.searchsorted(np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1))), values)
    return max(order, 1 - order, _area(won, _learned(bins, won)))


def _learned(values: NDArray[Any], won: Bools) -> Floats:
    """The win rate of each deal's value among the deals of the other folds, shrunk towards the overall rate."""
    codes, distinct = pd.factorize(values)
    folds = np.random.default_rng(0).permutation(len(won)) % _FOLDS
    scores = np.empty(len(won))
    for fold in range(_FOLDS):
        here = folds == fold
        seen = np.bincount(codes[~here], minlength=len(distinct))
        wins = np.bincount(codes[~here], weights=won[~here], minlength=len(distinct))
        # The rate of all folds: one that varied by fold would itself leak the fold's outcomes.
        rates = (wins + _PRIOR_DEALS * won.mean()) / (seen + _PRIOR_DEALS)
        scores[here] = rates[codes[here]]
    return scores
