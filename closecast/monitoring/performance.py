"""The served model judged by matured predictions: what it lost by month, and whether harm is proven.

Two forecasters are compared, as by Choe and Ramdas (Comparing sequential forecasters, Operations Research, 2024): the
served model with probability p, and the same model with its log-odds corrected by what matured in the weeks before, p'. If
p' is better, a new calibration or a new model would be too. With the correction w = logit p' - logit p, the log loss that p'
saves on a deal is, less the saving to be expected if p is right,

    loss(p) - loss(p') - E_p[loss(p) - loss(p')] = (won - p) w

This excess has mean 0 as long as p is calibrated, and its mean grows with each way of being wrong that a correction of
log-odds sees: chances too high, too low, too bold or too timid. (With p' = 1/2 it is log loss less entropy.) A real market
moves and no model is perfectly calibrated. So p is first moved towards p' by a tolerance, in log-odds, that the champion's
own held-out evaluation gives: what is tested is whether the harm goes beyond it.

The unit is the deal: one prediction of it at a time counts (closecast.monitoring.matured.counting).

A test begins with each month and goes on, because harm that begins after good months must not be averaged away. Each has a
twelfth of ALPHA, so that all that begin within a year raise a false alarm with probability ALPHA at most, looked at every
day.

It can't see a loss that no correction of log-odds would mend: a model that tells deals less well apart, and says so.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.models import metrics
from closecast.models.metrics import sigmoid
from closecast.monitoring import confidence

ALPHA = 0.05  # probability of a false alarm among the tests that begin within a year
STARTS = 12  # tests that begin within a year
MOST_CORRECTION = 0.5  # in log-odds; bounds the excess of a deal
LEAST_TOLERANCE, MOST_TOLERANCE = 0.1, 0.25  # in log-odds: a factor of 1.1 to 1.3 on the odds
_WINDOW = 42  # days of matured predictions from which the correction is learnt
_RIDGE = 5.0  # holds the correction back while there are few
# Chances are taken to be 0.1 % to 99.9 %, which bounds log loss at 6.9.
_EDGE = 1e-3

Values = NDArray[np.float64]
Days = NDArray[np.int64]


@dataclass(frozen=True)
class Watch:
    """The test that began on `since`: the mean excess beyond the tolerance, with its confidence sequence, by day."""

    since: date
    sequence: confidence.Sequence

    @property
    def proven_on(self) -> date | None:
        """The first day on which harm is proven: the lower bound is above 0. None while it is not."""
        proven = np.flatnonzero(self.sequence.low > 0)
        return _date(self.sequence.day[proven[0]]) if len(proven) else None


def by_month(matured: pd.DataFrame) -> pd.DataFrame:
    """Figures of the predictions that matured in each month, for reading: the test is `watches`.

    `matured` has MATURED_COLUMNS (closecast.monitoring.matured). By month: deals, predictions, log_loss, expected_log_loss
    (if each probability is right), share_won and mean_probability; each the mean over deals of the mean over their
    predictions.
    """
    p, won = matured["probability"].to_numpy(np.float64), matured["won"].to_numpy(np.int8)
    rows = pd.DataFrame(
        {
            "month": matured["matured_on"].dt.to_period("M"),
            "deal": matured["deal"],
            "predictions": 1,
            "log_loss": metrics.losses(won, p),
            "expected_log_loss": entropy(p),
            "share_won": won,
            "mean_probability": p,
        }
    )
    grouped = rows.groupby(["month", "deal"], sort=False)
    deals = grouped[["log_loss", "expected_log_loss", "share_won", "mean_probability"]].mean()
    found = deals.groupby("month").mean()
    found.insert(0, "predictions", rows.groupby("month").size())
    found.insert(0, "deals", deals.groupby("month").size())
    return found


def tolerance(held_out: pd.DataFrame) -> float:
    """How far the champion's log-odds were off in its own held-out evaluation, within LEAST_ to MOST_TOLERANCE.

    `held_out` has MATURED_COLUMNS, of the evaluation twin. It is the mean correction, weighted by p (1 - p).
    """
    chosen = held_out[held_out["counts"]]
    odds, won = _log_odds(chosen), chosen["won"].to_numpy(np.float64)
    p = sigmoid(odds)
    spread = p * (1 - p)
    sums = np.array([(won - p).sum(), ((won - p) * odds).sum(), *(((odds**k) * spread).sum() for k in range(3))])
    shift, slope = _step(sums)
    found = float((spread * np.abs(shift + slope * odds)).sum() / max(spread.sum(), 1e-9))
    return float(np.clip(found, LEAST_TOLERANCE, MOST_TOLERANCE))


def excess(chosen: pd.DataFrame, tolerated: float) -> Values:
    """The excess of each prediction beyond the tolerance, (n,), within -MOST_CORRECTION to MOST_CORRECTION.

    `chosen` are the matured predictions of one model that count. Corrections are learnt from what matured on days before.
    So predictions of one day may come in any order.
    """
    odds, won, day = _log_odds(chosen), chosen["won"].to_numpy(np.float64), _days(chosen["matured_on"])
    correction = _corrections(odds, won, day)
    nearest = sigmoid(odds + np.clip(correction, -tolerated, tolerated))
    beyond = np.where(np.abs(correction) > tolerated, correction, 0.0)
    return np.asarray((won - nearest) * np.clip(beyond, -MOST_CORRECTION, MOST_CORRECTION))


def watches(matured: pd.DataFrame, tolerated: float) -> list[Watch]:
    """The tests of one model that began with each month in which its predictions matured."""
    chosen = matured[matured["counts"]]
    day, value = _days(chosen["matured_on"]), excess(chosen, tolerated)
    return [
        Watch(
            _date(begin), confidence.sequence(day[day >= begin], value[day >= begin], MOST_CORRECTION, ALPHA / STARTS)
        )
        for begin in _month_begins(day)
    ]


def first_proof(matured: pd.DataFrame, tolerated: float, since: date | None = None) -> date | None:
    """The first day on which any of the tests that began on or after `since` proves harm; None while none does.

    Gives what `watches` gives, without bounds, in a fiftieth of the time.
    """
    chosen = matured[matured["counts"]]
    day, value = _days(chosen["matured_on"]), excess(chosen, tolerated)
    found = []
    for begin in _month_begins(day):
        if since is None or _date(begin) >= since:
            days, evidence = confidence.log_evidence(day[day >= begin], value[day >= begin], MOST_CORRECTION)
            found += days[evidence > -np.log(ALPHA / STARTS)][:1].tolist()
    return _date(min(found)) if found else None


def entropy(p: Values) -> Values:
    """The log loss to be expected of each probability if it is right, natural logarithm; shape kept."""
    yes, no = np.ones(p.shape, np.int8), np.zeros(p.shape, np.int8)
    return np.asarray(p * metrics.losses(yes, p) + (1 - p) * metrics.losses(no, p))


def _corrections(odds: Values, won: Values, day: Days) -> Values:
    """By how much to correct the log-odds of each prediction: shift + slope x log-odds, learnt on the days before.

    One Newton step of a logistic regression from the served model, with a ridge: sums over days suffice.
    """
    if not len(day):
        return np.zeros(0)
    p = sigmoid(odds)
    spread, gap, at = p * (1 - p), won - p, day - day.min()
    columns = (gap, gap * odds, spread, spread * odds, spread * odds**2)
    until = np.pad(np.cumsum([np.bincount(at, one) for one in columns], axis=1), ((0, 0), (1, 0)))
    days = np.arange(at.max() + 1)
    shift, slope = _step(until[:, days] - until[:, np.maximum(days - _WINDOW, 0)])
    return np.asarray(shift[at] + slope[at] * odds)


def _step(sums: Values) -> tuple[Values, Values]:
    """Shift and slope from the sums of gap, gap x odds, spread, spread x odds and spread x odds^2, (5, ...)."""
    gap, gap_odds, a, b, c = sums
    a, c = a + _RIDGE, c + _RIDGE
    determinant = a * c - b * b
    return (c * gap - b * gap_odds) / determinant, (a * gap_odds - b * gap) / determinant


def _log_odds(matured: pd.DataFrame) -> Values:
    p = np.clip(matured["probability"].to_numpy(np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(np.log(p) - np.log1p(-p))


def _days(dates: "pd.Series[pd.Timestamp]") -> Days:
    return dates.to_numpy(dtype="M8[D]").astype(np.int64)


def _date(day: int) -> date:
    found: date = np.datetime64(int(day), "D").item()
    return found


def _month_begins(day: Days) -> list[int]:
    months = np.unique(day.astype("M8[D]").astype("M8[M]"))
    return [int(begin) for begin in months.astype("M8[D]").astype(np.int64)]
