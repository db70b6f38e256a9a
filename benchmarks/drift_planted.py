"""Drift planted into accepted deals from a day on, for `just bench drift`."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd

Plant = Callable[[pd.DataFrame, date], pd.DataFrame]
_SHARE = 0.5  # of the deals
_LATE = pd.Timedelta(days=30)


def _drawn(deals: pd.DataFrame, column: str, day: date) -> "pd.Series[bool]":
    """Half of the deals with a date of `column` on or after `day`, always the same ones."""
    half = np.random.default_rng(1).random(len(deals)) < _SHARE
    return (deals[column] >= pd.Timestamp(day)) & half


def _product_mix(deals: pd.DataFrame, day: date) -> pd.DataFrame:
    prices = deals[deals["deal_stage"] == "Won"].groupby("product")["close_value"].median()
    moved = _drawn(deals, "engage_date", day)
    paid = moved & (deals["deal_stage"] == "Won")
    return deals.assign(
        product=deals["product"].mask(moved, prices.idxmin()), close_value=deals["close_value"].mask(paid, prices.min())
    )


def _accounts_renamed(deals: pd.DataFrame, day: date) -> pd.DataFrame:
    new = deals["engage_date"] >= pd.Timestamp(day)
    return deals.assign(account=deals["account"].mask(new & deals["account"].notna(), deals["account"] + " Ltd"))


def _accounts_missing(deals: pd.DataFrame, day: date) -> pd.DataFrame:
    return deals.assign(account=deals["account"].mask(_drawn(deals, "engage_date", day), None))


def _in_cents(deals: pd.DataFrame, day: date) -> pd.DataFrame:
    closed = deals["close_date"] >= pd.Timestamp(day)
    return deals.assign(close_value=deals["close_value"].mask(closed, deals["close_value"] * 100))


def _engaged_earlier(deals: pd.DataFrame, day: date) -> pd.DataFrame:
    new = deals["engage_date"] >= pd.Timestamp(day)
    return deals.assign(engage_date=deals["engage_date"].mask(new, deals["engage_date"] - _LATE))


def _wins_lost(deals: pd.DataFrame, day: date) -> pd.DataFrame:
    turned = _drawn(deals, "close_date", day) & (deals["deal_stage"] == "Won")
    return deals.assign(
        deal_stage=deals["deal_stage"].mask(turned, "Lost"), close_value=deals["close_value"].mask(turned, 0.0)
    )


PLANTED: dict[str, Plant] = {
    "half of the new deals are over the cheapest product": _product_mix,
    "new deals have renamed accounts": _accounts_renamed,
    "half of the new deals lose their account": _accounts_missing,
    "values are written in cents": _in_cents,
    "engage dates are 30 days early": _engaged_earlier,
    "half of the wins become losses": _wins_lost,
}
