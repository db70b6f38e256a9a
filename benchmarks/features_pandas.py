"""The features of an export without stage histories in plain pandas, one as-of date at a time: the reference of `just bench features`.

It is written only from the formulas in closecast.features.declared, so that it also checks the values.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from closecast.features import uniform_draw

_PRIOR = 20.0
_AGES = 732


def features(deals: pd.DataFrame, as_of_dates: list[pd.Timestamp], horizon: int) -> Iterator[pd.DataFrame]:
    """A frame of feature values per as-of date, one row per open deal, in the order of `deals`."""
    exposed, counted_to = np.zeros((3, _AGES)), deals["close_date"].min()
    at_risk_by_day: dict[pd.Timestamp, np.ndarray] = {}
    for as_of in as_of_dates:
        for day in pd.date_range(counted_to, as_of - pd.Timedelta(days=1)):
            at_risk = deals[(deals["engage_date"] <= day) & ~(deals["close_date"] < day)]
            ages = (day - at_risk["engage_date"]).dt.days.clip(upper=_AGES - 1)
            at_risk_by_day[day] = ages.value_counts().reindex(range(_AGES), fill_value=0).to_numpy()
            exposed[(day.month - 1) % 3] += at_risk_by_day[day]
        counted_to = max(counted_to, as_of)
        yield _at(deals, as_of, horizon, exposed, at_risk_by_day)


def _at(
    deals: pd.DataFrame,
    as_of: pd.Timestamp,
    horizon: int,
    exposed: np.ndarray,
    at_risk_by_day: dict[pd.Timestamp, np.ndarray],
) -> pd.DataFrame:
    closed = deals[deals["close_date"] < as_of].copy()
    closed["won"] = (closed["deal_stage"] == "Won").astype(int)
    closed["cycle"] = (closed["close_date"] - closed["engage_date"]).dt.days
    closed["value"] = closed["close_value"].where(closed["won"] == 1, 0.0)
    recent = closed[closed["close_date"] >= as_of - pd.Timedelta(days=90)]
    rate = (closed["won"].sum() + 1) / (len(closed) + 2)
    mean_cycle = closed["cycle"].sum() / max(1, len(closed))
    table = deals[(deals["engage_date"] <= as_of) & ~(deals["close_date"] <= as_of)].copy()
    age = (as_of - table["engage_date"]).dt.days.clip(upper=_AGES - 1)
    month_end = as_of + pd.offsets.MonthEnd(0)
    quarter_end = as_of + pd.offsets.QuarterEnd(0)
    ahead = pd.date_range(as_of + pd.Timedelta(days=1), periods=horizon)
    out = pd.DataFrame(index=table.index)
    out["days_to_month_end"] = (month_end - as_of).days
    out["days_to_quarter_end"] = (quarter_end - as_of).days
    out["month_of_quarter"] = (as_of.month - 1) % 3 + 1
    out["win_rate_90d_before_as_of"] = (recent["won"].sum() + _PRIOR * rate) / (len(recent) + _PRIOR)
    out["deal_age_days"] = age
    thresholds = _quartiles(closed)
    out["cycle_stage"] = sum((age > threshold).astype(int) for threshold in thresholds)
    longer = closed["cycle"].value_counts().reindex(range(_AGES), fill_value=0)
    share = (len(closed) - longer.cumsum()) / len(closed)
    out["share_of_cycles_longer_before_as_of"] = age.map(share)
    out["age_over_longest_cycle_before_as_of"] = age / max(1, closed["cycle"].max())
    first = min(deals["engage_date"].min(), as_of)
    hazard, close_chance, win_chance = _chances(closed, exposed, at_risk_by_day, first, as_of, ahead, rate)
    out["close_hazard_before_as_of"] = age.map(hazard)
    out["horizon_days"] = horizon
    out["quarter_end_month_days_in_horizon"] = int((ahead.month % 3 == 0).sum())
    out["close_chance_in_horizon_before_as_of"] = age.map(close_chance)
    out["win_chance_in_horizon_before_as_of"] = age.map(win_chance)
    out["agent_win_rate_before_as_of"] = _rate(table, closed, "sales_agent", rate)
    own = out["agent_win_rate_before_as_of"]
    wins, closes = _sum(table, recent, "sales_agent", "won"), _count(table, recent, "sales_agent")
    out["agent_win_rate_90d_before_as_of"] = (wins + _PRIOR * own) / (closes + _PRIOR)
    out["agent_cycle_days_before_as_of"] = _cycle(table, closed, "sales_agent", mean_cycle)
    out["agent_activity_90d_before_as_of"] = _activity(table, closed, recent, "sales_agent")
    won_count, won_value = _sum(table, closed, "product", "won"), _sum(table, closed, "product", "value")
    overall = closed["value"].sum() / max(1, closed["won"].sum())
    price = (won_value / won_count.where(won_count > 0)).fillna(overall)
    out["product_price_before_as_of"] = price
    sold = (_sum(table, recent, "product", "value") + _PRIOR * price) / (_sum(table, recent, "product", "won") + _PRIOR)
    out["product_price_change_90d_before_as_of"] = sold / price - 1
    out["product_win_rate_before_as_of"] = _rate(table, closed, "product", rate)
    out["product_cycle_days_before_as_of"] = _cycle(table, closed, "product", mean_cycle)
    donors = closed[closed["account"].notna()].sort_values(["close_date", "opportunity_id"])["account"].to_numpy()
    missing = table["account"].isna()
    table.loc[missing, "account"] = [
        donors[int(uniform_draw(one) * len(donors))] for one in table.loc[missing, "opportunity_id"]
    ]
    out["account_win_rate_before_as_of"] = _rate(table, closed, "account", rate)
    out["account_activity_90d_before_as_of"] = _activity(table, closed, recent, "account")
    return out


def _quartiles(closed: pd.DataFrame) -> list[float]:
    ordered = np.sort(closed["cycle"].to_numpy())
    return [float(ordered[int(np.ceil(share * len(ordered))) - 1]) for share in (0.25, 0.5, 0.75, 1.0)]


def _count(table: pd.DataFrame, events: pd.DataFrame, key: str) -> "pd.Series[float]":
    return table[key].map(events.groupby(key).size()).fillna(0.0).astype(float)


def _sum(table: pd.DataFrame, events: pd.DataFrame, key: str, column: str) -> "pd.Series[float]":
    return table[key].map(events.groupby(key)[column].sum()).fillna(0.0).astype(float)


def _rate(table: pd.DataFrame, closed: pd.DataFrame, key: str, rate: float) -> "pd.Series[float]":
    return (_sum(table, closed, key, "won") + _PRIOR * rate) / (_count(table, closed, key) + _PRIOR)


def _cycle(table: pd.DataFrame, closed: pd.DataFrame, key: str, mean: float) -> "pd.Series[float]":
    return (_sum(table, closed, key, "cycle") + _PRIOR * mean) / (_count(table, closed, key) + _PRIOR)


def _activity(table: pd.DataFrame, closed: pd.DataFrame, recent: pd.DataFrame, key: str) -> "pd.Series[float]":
    mean = recent[key].notna().sum() / closed[key].nunique()
    return (_count(table, recent, key) + 1) / (mean + 1)


def _chances(
    closed: pd.DataFrame,
    exposed: np.ndarray,
    at_risk_by_day: dict[pd.Timestamp, np.ndarray],
    first: pd.Timestamp,
    as_of: pd.Timestamp,
    ahead: pd.DatetimeIndex,
    rate: float,
) -> "tuple[pd.Series[float], pd.Series[float], pd.Series[float]]":
    """Hazard, chance to close and chance to win within `ahead`, each by age."""
    month = (closed["close_date"].dt.month - 1) % 3
    closes = np.stack(
        [closed["cycle"][month == one].value_counts().reindex(range(_AGES), fill_value=0) for one in range(3)]
    )
    near = [3 if age > 3 else 0 for age in range(_AGES)]
    wide = [max(3, age // 4) for age in range(_AGES)]
    hazard = (_window(closes.sum(0), wide) + 0.1) / (_window(exposed.sum(0), wide) + 20)
    by_month = [(_window(closes[one], near) + 20 * hazard) / (_window(exposed[one], near) + 20) for one in range(3)]
    win = [(closed["won"][month == one].sum() + 20 * rate) / ((month == one).sum() + 20) for one in range(3)]
    still_open, can_close, longest = 1.0, np.zeros(_AGES), int(closed["cycle"].max())
    never = np.prod(1 - hazard[: longest + 1])
    for age in range(longest + 1):
        can_close[age] = 1 - never / still_open
        still_open *= 1 - hazard[age]
    odds = _cohort_odds(closed, at_risk_by_day, by_month, can_close, longest, first, as_of)
    still, chance, won = np.ones(_AGES), np.zeros(_AGES), np.zeros(_AGES)
    for passed, day in enumerate(ahead, start=1):
        one, then = (day.month - 1) % 3, np.minimum(np.arange(_AGES) + passed, _AGES - 1)
        closing = still * np.minimum(by_month[one][then] / (can_close[then] + odds * (1 - can_close[then])), 1)
        chance, won, still = chance + closing, won + closing * win[one], still - closing
    return pd.Series(hazard), pd.Series(chance), pd.Series(won)


def _cohort_odds(
    closed: pd.DataFrame,
    at_risk_by_day: dict[pd.Timestamp, np.ndarray],
    by_month: list[np.ndarray],
    can_close: np.ndarray,
    longest: int,
    first: pd.Timestamp,
    as_of: pd.Timestamp,
) -> np.ndarray:
    """Odds of never closing, relative to those of all deals, by age at the as-of date."""
    logarithms = np.linspace(-2, 2, 17)
    cohorts = pd.date_range(first, as_of - pd.Timedelta(days=1))
    happened = closed.groupby(["cycle", "engage_date"]).size()
    total = pd.DataFrame(0.0, index=cohorts, columns=range(len(logarithms)))
    for age in range(longest + 1):
        seen = cohorts + pd.Timedelta(days=age)
        expected = [
            at_risk_by_day[day][age] * by_month[(day.month - 1) % 3][age]
            if day < as_of and day in at_risk_by_day
            else 0.0
            for day in seen
        ]
        closed_then = happened.get(age, pd.Series(dtype=float))
        assert isinstance(closed_then, pd.Series)  # by engage date, the other level of the index
        closes = closed_then.reindex(cohorts, fill_value=0).to_numpy()
        factor = 1 / (can_close[age] + np.exp(logarithms) * (1 - can_close[age]))
        total += np.outer(closes, np.log(factor)) - np.outer(expected, factor)
    likelihood = dict(zip(cohorts, total.to_numpy(), strict=True))
    odds = np.ones(_AGES)
    for age in range(_AGES):
        engaged = as_of - pd.Timedelta(days=age)
        if engaged in likelihood:
            near = [likelihood.get(engaged + pd.Timedelta(days=by), 0.0) for by in range(-10, 11)]
            weight = np.exp(sum(near) - 0.5 * logarithms**2 - max(sum(near) - 0.5 * logarithms**2))
            odds[age] = np.exp((weight * logarithms).sum() / weight.sum())
    return odds


def _window(counts: np.ndarray, reach: list[int]) -> np.ndarray:
    return np.array([counts[min(max(age - by, 1), age) : age + by + 1].sum() for age, by in enumerate(reach)])
