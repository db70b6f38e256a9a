"""Simulated years for benchmarks/proof.py: deals from the product's generator, asked about weekly, with their true chances."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closecast.deals.dates import read_dates
from closecast.deals.synthetic.generator import Settings, generate_with_truth, truth_of, win_probability
from closecast.monitoring.matured import counting

Values = NDArray[np.float64]
HORIZON = 30  # days
WATCHED = 2017  # the year that is judged
# About as many deals a month as the real file has; those of the months before are open when the year begins.
SETTINGS = Settings(rows=10_000, first_engaged=date(2016, 8, 1), last_day=date(2018, 2, 28))
_FIRST_AS_OF = np.datetime64("2016-11-28")
_END = np.datetime64(f"{WATCHED}-12-31")
_WEEK = 7


@dataclass(frozen=True)
class Year:
    """What matured and counted within a year, and the true chances of it, (n,)."""

    table: pd.DataFrame
    chances: Values

    def predicting(self, log_odds: Values) -> pd.DataFrame:
        """The table with other predictions, by their log-odds."""
        return self.table.assign(probability=1 / (1 + np.exp(-log_odds)))

    @property
    def log_odds(self) -> Values:
        """Of the true chances, (n,)."""
        return np.asarray(np.log(self.chances) - np.log1p(-self.chances))


def year(seed: int, drift_at: date | None = None, drift_win: float = 0.0) -> Year:
    """Make one year: each open deal is asked about every week, each on its own weekday, whether it is won in 30 days.

    With `drift_at` the world changes: log-odds of winning change by `drift_win`. The predictions are the chances of the
    world before, `chances` those of the world after.
    """
    settings = replace(SETTINGS, drift_at=drift_at, drift_win=drift_win)
    raw, truth = generate_with_truth(settings, seed)
    deals = raw[raw["engage_date"] != ""].reset_index(drop=True)
    asked = _asked(deals)
    asked = asked[counting(asked)].reset_index(drop=True)
    of = deals.iloc[asked["deal"].to_numpy()]
    as_of, days = asked["as_of"].to_numpy(dtype="M8[D]"), asked["horizon_days"].to_numpy()
    chances = _clipped(win_probability(truth, of, as_of, days))
    before = chances if drift_at is None else _clipped(win_probability(truth_of(SETTINGS, seed), of, as_of, days))
    return Year(asked.assign(probability=before), chances)


def with_weekly_shocks(one: Year, deviation: float, seed: int) -> pd.DataFrame:
    """The table with outcomes drawn anew: log-odds of all deals that mature in a week are moved together, each week anew."""
    random = np.random.default_rng(seed)
    week = one.table["matured_on"].to_numpy(dtype="M8[D]").astype(np.int64) // _WEEK
    shocks = deviation * random.standard_normal(week.max() - week.min() + 1)
    chances = 1 / (1 + np.exp(-(one.log_odds + shocks[week - week.min()])))
    return one.table.assign(won=(random.random(len(chances)) < chances).astype(np.int8))


def dependence(table: pd.DataFrame) -> float:
    """How many times as much wins less chances of a week vary as they would if deals ended independently of each other."""
    p = table["probability"]
    week = table["matured_on"].to_numpy(dtype="M8[D]").astype(np.int64) // _WEEK
    sums = pd.DataFrame({"gap": table["won"] - p, "variance": p * (1 - p)}).groupby(week).sum()
    return float((sums["gap"] ** 2).sum() / sums["variance"].sum())


def log_loss(chances: Values, log_odds: Values) -> float:
    """The expected log loss of predictions by their log-odds, where `chances` are true."""
    return float((chances * np.logaddexp(0, -log_odds) + (1 - chances) * np.logaddexp(0, log_odds)).mean())


def _asked(deals: pd.DataFrame) -> pd.DataFrame:
    engaged, closed = (read_dates(deals[name]).to_numpy(dtype="M8[D]") for name in ("engage_date", "close_date"))
    won = (deals["deal_stage"] == "Won").to_numpy()
    weekday = np.arange(len(deals)) % _WEEK
    begins = np.arange(_FIRST_AS_OF, _END - HORIZON - _WEEK + 2, _WEEK)
    is_open = [(engaged <= begin + weekday) & ~(closed <= begin + weekday) for begin in begins]
    week, deal = np.nonzero(np.array(is_open))
    as_of = begins[week] + weekday[deal]
    matured_on = as_of + HORIZON
    return pd.DataFrame(
        {
            "deal": deal,
            "as_of": as_of.astype("M8[ns]"),
            "horizon_days": HORIZON,
            "model_version": "1",
            "run_id": "simulated",
            "won": (won[deal] & (closed[deal] <= matured_on)).astype(np.int8),
            "matured_on": matured_on.astype("M8[ns]"),
            "counts": True,
        }
    )


def _clipped(chances: Values) -> Values:
    return np.clip(chances, 1e-3, 1 - 1e-3)
