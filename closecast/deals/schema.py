"""The rules for a row of the raw export, as one Pandera schema on text columns; each rule carries its reason."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandas.core.groupby import SeriesGroupBy

from closecast.deals.dates import EXPECTED, read_dates
from closecast.deals.vocabulary import CLOSED, STAGES

_COPIES = 10
_DAY = f"not {EXPECTED}"


def read_amounts(text: "pd.Series[Any]") -> "pd.Series[float]":
    """Parse amounts of money; NaN for everything that is not a number. float64."""
    return pd.to_numeric(text.astype(object), errors="coerce").astype(float)


def _column(name: str, *checks: pa.Check, nullable: bool = False) -> pa.Column:
    # Some copies of the export write missing values as -1; guessing which were meant would hide a broken export.
    minus_one = pa.Check(lambda text: text != "-1", error=f"{name} is -1 (leave a missing value empty)")
    return pa.Column(str, [minus_one, *checks], nullable=nullable, coerce=False)


def _closed(deals: pd.DataFrame) -> "pd.Series[bool]":
    return deals["deal_stage"].isin(CLOSED)


def _once(deals: pd.DataFrame) -> "pd.Series[bool]":
    """False for a repeated row, and for every row of an identifier that stands for different deals."""
    repeated = deals.duplicated(keep="first")
    rest = deals.loc[~repeated, "opportunity_id"].dropna()
    ambiguous = rest[rest.duplicated(keep=False)]
    return ~repeated & ~deals["opportunity_id"].isin(ambiguous)


def _distinct(deals: pd.DataFrame) -> "pd.Series[bool]":
    """False for all but the first of more than _COPIES deals that agree in everything but their identifier.

    A few may be the lines of one order; a thousand are one deal, exported under a new identifier each time. Without an
    account or an engage date there is too little to compare.
    """
    named = deals[deals["account"].notna() & deals["engage_date"].notna()]
    columns = [name for name in named.columns if name != "opportunity_id"]
    alike = named[named.duplicated(columns, keep=False)]
    # A repeated row has a reason of its own.
    same = alike[~alike.duplicated()].groupby(columns, dropna=False)["opportunity_id"]
    copies = (same.transform("size") > _COPIES) & (same.cumcount() > 0)
    return pd.Series(~deals.index.isin(copies.index[copies]), index=deals.index)


def _plausible(name: str) -> Callable[[pd.DataFrame], "pd.Series[bool]"]:
    """False for a date more than a year outside the span of nearly all others: one date in 2071 would move the data's end.

    Applied to exports of at least 100 rows; a few deals do not determine a span.
    """

    def within(deals: pd.DataFrame) -> "pd.Series[bool]":
        dates = read_dates(deals[name])
        known = pd.concat([read_dates(deals["engage_date"]), read_dates(deals["close_date"])]).dropna()
        if len(deals) < 100 or known.empty:
            return pd.Series(True, index=deals.index)
        year = pd.Timedelta(days=366)
        earliest, latest = (pd.Timestamp(known.quantile(share)) for share in (0.01, 0.99))
        return dates.isna() | dates.between(earliest - year, latest + year)

    return within


def _worth(deals: pd.DataFrame) -> "pd.Series[bool]":
    """False for a deal won at a value far above the others of its product (or of all, if it has fewer than 50).

    One value of 10^12 would dominate its product's price and every forecast. The limit is 100 times the median, or
    where values spread, (90 % quantile / median)^4 times it: of lognormal values one in ten million is above that.
    """
    value = read_amounts(deals["close_value"]).where(deals["deal_stage"] == "Won")
    value = value.where((value > 0) & (value < float("inf")))
    limit = _limit(value.groupby(deals["product"]))
    every = _limit(value.groupby(0 * np.arange(len(value))))
    return ~(value > deals["product"].map(limit).fillna(every.get(0)))


def _limit(values: "SeriesGroupBy[Any, Any]") -> "pd.Series[float]":
    middle = values.quantile(0.5)
    spread = values.quantile(0.9) / middle
    return (middle * (spread**4).clip(lower=100)).where(values.count() >= 50)


_READABLE_DATE = {
    name: pa.Check(lambda text: read_dates(text).notna(), error=f"{name} is {_DAY}")
    for name in ("engage_date", "close_date")
}

SCHEMA = pa.DataFrameSchema(
    columns={
        "opportunity_id": _column("opportunity_id"),
        "sales_agent": _column("sales_agent"),
        "product": _column("product"),
        "account": _column("account", nullable=True),
        "deal_stage": _column("deal_stage", pa.Check.isin(STAGES, error=f"deal_stage is none of {', '.join(STAGES)}")),
        "engage_date": pa.Column(str, _READABLE_DATE["engage_date"], nullable=True),
        "close_date": pa.Column(str, _READABLE_DATE["close_date"], nullable=True),
        "close_value": pa.Column(
            str,
            pa.Check(
                lambda text: read_amounts(text).between(0, float("inf"), inclusive="left"),
                error="close_value is not a number of 0 or more",
            ),
            nullable=True,
        ),
    },
    checks=[
        pa.Check(_once, error="opportunity_id appears more than once", ignore_na=False),
        pa.Check(
            _distinct,
            error="opportunity_id is new, but in all else the deal appears more than once",
            ignore_na=False,
        ),
        pa.Check(
            lambda deals: deals["engage_date"].notna() | (deals["deal_stage"] == "Prospecting"),
            error="engage_date is missing although the deal is past Prospecting",
            ignore_na=False,
        ),
        pa.Check(
            lambda deals: ~_closed(deals) | deals["close_date"].notna(),
            error="close_date is missing although the deal is closed",
            ignore_na=False,
        ),
        pa.Check(
            lambda deals: ~_closed(deals) | deals["close_value"].notna(),
            error="close_value is missing although the deal is closed",
            ignore_na=False,
        ),
        pa.Check(
            lambda deals: (
                ~deals["deal_stage"].isin(["Prospecting", "Engaging"])
                | (deals["close_date"].isna() & deals["close_value"].isna())
            ),
            error="close_date or close_value is given although the deal is open",
            ignore_na=False,
        ),
        pa.Check(
            # Comparisons with a missing date are false, so only two readable dates can contradict each other.
            lambda deals: ~(read_dates(deals["close_date"]) < read_dates(deals["engage_date"])),
            error="close_date is before engage_date",
            ignore_na=False,
        ),
        pa.Check(
            _worth, error="close_value is 100 times or more what such deals are worth: correct it", ignore_na=False
        ),
        *(
            pa.Check(
                _plausible(name), error=f"{name} is more than a year away from the other deals' dates", ignore_na=False
            )
            for name in ("engage_date", "close_date")
        ),
    ],
)
