"""The exploratory report of an export: distributions of the deals, and columns that leak the outcome."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from closecast.deals.calendar import CALENDAR_YEAR
from closecast.deals.eda.html import Cell, clip, columns, page, paragraph, table
from closecast.deals.eda.leaks import MISSING_LIMIT, OUTCOME_LIMIT, Probe, missing_probes, outcome_probes
from closecast.deals.quality import Quality
from closecast.deals.vocabulary import CLOSED, RAW_COLUMNS, STAGES

_BANDS = (7, 14, 30, 60, 90, 120)  # last days of the age bands: two humps, and the gap between them
_MOST_ROWS = 60  # of agents or products, so that the report does not grow with the export
_MOST_COLUMNS = 48
_NOTHING_CLOSED = paragraph("No deal is closed yet.")


def report(deals: pd.DataFrame, quality: Quality, title: str) -> str:
    """One HTML document on accepted deals (contract.check), without scripts or external resources.

    Works for any number of deals, closed or not; under 1 MB whatever the export's size. All text is escaped.
    """
    closed = deals[deals["deal_stage"].isin(CLOSED)]
    # Nanoseconds overflow between dates three centuries apart, which a mistyped date can cause.
    age = closed["close_date"].dt.as_unit("s") - closed["engage_date"].dt.as_unit("s")
    closed = closed.assign(won=closed["deal_stage"] == "Won", age=age.dt.days)
    return page(
        title,
        {
            "Summary": _summary(deals, closed),
            "Data quality": _quality(quality),
            "Leak probes": _leaks(deals),
            "Distributions": _distributions(deals, closed),
            "Empty cells": _nulls(deals),
            "When deals are won": _seasons(closed) if len(closed) else [_NOTHING_CLOSED],
            "Who and what wins": _entities(closed) if len(closed) else [_NOTHING_CLOSED],
        },
    )


def _summary(deals: pd.DataFrame, closed: pd.DataFrame) -> list[str]:
    stages = deals["deal_stage"].value_counts()
    won = closed[closed["won"]]
    rows: list[tuple[str, Cell]] = [("deals", f"{len(deals):,}")]
    rows += [(f"of these {stage}", f"{int(stages.get(stage, 0)):,}") for stage in STAGES]
    rows += [(f"{name.replace('_', ' ')}s", f"{deals[name].nunique():,}") for name in RAW_COLUMNS[1:4]]
    rows += [("engaged", _span(deals["engage_date"])), ("closed", _span(deals["close_date"]))]
    if len(closed):
        rows.append(("win rate of closed deals", f"{closed['won'].mean():.1%}"))
        rows.append(("median age at close", f"{closed['age'].median():g} days"))
        rows.append(("value of deals won", f"{won['close_value'].sum():,.0f}"))
    return [table(("number", "value"), rows)]


def _quality(quality: Quality) -> list[str]:
    rows: list[list[Cell]] = [[row[name] for name in ("part", "value", "weight", "counts")] for row in quality.table()]
    return [
        paragraph(f"Score {quality.score:.3f}; {quality.accepted:.1%} of the export's rows were accepted."),
        table(("part", "value", "weight", "what it counts"), rows),
    ]


def _leaks(deals: pd.DataFrame) -> list[str]:
    return [
        paragraph(
            f"How well a single column tells won from lost among closed deals: 0.5 is a coin, 1 is certainty. From "
            f"{OUTCOME_LIMIT} on the column is flagged."
        ),
        _probes(outcome_probes(deals)),
        paragraph(
            f"How well a column's being empty tells the deals that were still open when the export was cut; from "
            f"{MISSING_LIMIT} on, or from {1 - MISSING_LIMIT:g} down, the column is flagged."
        ),
        _probes(missing_probes(deals)),
    ]


def _probes(probes: Sequence[Probe]) -> str:
    headers = ("column", "tells", "ROC AUC", "", "in words")
    rows = [(probe.column, probe.asks, probe.auc, "FLAGGED" if probe.flagged else "", probe.why) for probe in probes]
    return table(headers, rows, [probe.flagged for probe in probes])


def _distributions(deals: pd.DataFrame, closed: pd.DataFrame) -> list[str]:
    parts = [_by_month(deals)]
    if closed.empty:
        return [*parts, _NOTHING_CLOSED]
    return [*parts, *_ages(closed["age"]), *_values(closed[closed["won"]])]


def _by_month(deals: pd.DataFrame) -> str:
    days = pd.concat([deals["engage_date"], deals["close_date"]]).dropna()
    if days.empty:
        return paragraph("No deal has a date.")
    units = {"M": "month", "Q": "quarter", "Y": "year"}
    by_unit = {frequency: pd.period_range(days.min(), days.max(), freq=frequency) for frequency in units}
    # Years, however many, when even quarters do not fit.
    frequency = next((name for name, periods in by_unit.items() if len(periods) <= _MOST_COLUMNS), "Y")
    periods = by_unit[frequency]
    counts = {
        name: deals[column].dropna().dt.to_period(frequency).value_counts().reindex(periods, fill_value=0).tolist()
        for name, column in (("engagements", "engage_date"), ("closes", "close_date"))
    }
    return columns(f"Engagements and closes by {units[frequency]}", [str(period) for period in periods], counts)


def _ages(age: "pd.Series[float]") -> list[str]:
    width = max(7, math.ceil((age.max() + 1) / _MOST_COLUMNS / 7) * 7)
    bins = (age // width).astype(int)
    counts = np.bincount(bins)
    labels = [f"{place * width} to {(place + 1) * width - 1}" for place in range(len(counts))]
    return [columns("Age at close, in days from engagement", labels, {"deals": counts.tolist()})]


def _values(won: pd.DataFrame) -> list[str]:
    if won.empty:
        return [paragraph("No deal is won yet.")]
    values = won.groupby("product")["close_value"].describe().sort_values("50%", ascending=False)
    rows: list[list[Cell]] = [
        [clip(name), int(row["count"]), *(f"{row[part]:,.0f}" for part in ("min", "25%", "50%", "75%", "max"))]
        for name, row in values.head(_MOST_ROWS).iterrows()
    ]
    shown = values.head(_MOST_COLUMNS)
    return [
        columns("Median close value of deals won, by product", [*map(str, shown.index)], {"median": [*shown["50%"]]}),
        table(("product", "won", "least", "lower quartile", "median", "upper quartile", "most"), rows),
        _more(len(values), "products"),
    ]


def _nulls(deals: pd.DataFrame) -> list[str]:
    rows: list[list[Cell]] = []
    for name in RAW_COLUMNS:
        empty = deals[name].isna()
        rows.append([name, *(_share(empty[deals["deal_stage"] == stage]) for stage in STAGES), _share(empty)])
    return [table(("column", *STAGES, "all"), rows)]


def _seasons(closed: pd.DataFrame) -> list[str]:
    month = CALENDAR_YEAR.month_of_quarter(closed["close_date"].to_numpy().astype("M8[D]"))
    bands = [f"to {_BANDS[0]}", *(f"{low + 1} to {high}" for low, high in pairwise(_BANDS)), f"over {_BANDS[-1]}"]
    band = np.searchsorted(_BANDS, closed["age"])
    parts = []
    for name, labels, places in (
        ("month of the quarter of the close", ["1", "2", "3"], month - 1),
        ("age at close, in days", bands, band),
    ):
        keys = pd.Series([labels[place] for place in places], index=closed.index)
        rates = _rates(closed["won"], keys).reindex(labels)
        parts.append(columns(f"Win rate by {name}", labels, {"win rate": rates["rate"].tolist()}, percent=True))
        parts.append(_rates_table(name, rates))
    return parts


def _entities(closed: pd.DataFrame) -> list[str]:
    parts = [
        paragraph(
            f"Over all closed deals {closed['won'].mean():.1%} are won. Of many intervals, one in twenty misses that by "
            f"chance alone."
        )
    ]
    for column in ("product", "sales_agent"):
        name = column.replace("_", " ")
        rates = _rates(closed["won"], closed[column]).sort_values(["closed", "rate"], ascending=False)
        parts += [_rates_table(name, rates.head(_MOST_ROWS)), _more(len(rates), f"{name}s")]
    return parts


def _rates(won: "pd.Series[bool]", keys: "pd.Series[str]") -> pd.DataFrame:
    """By key: closed, won, rate, and its 95 % interval low to high (Wilson 1927)."""
    rates = won.groupby(keys).agg(closed="size", won="sum")
    closed, share, z = rates["closed"], rates["won"] / rates["closed"], 1.96
    centre = (share + z**2 / (2 * closed)) / (1 + z**2 / closed)
    half = z / (1 + z**2 / closed) * np.sqrt(share * (1 - share) / closed + z**2 / (4 * closed**2))
    return pd.DataFrame(
        {"closed": closed, "won": rates["won"], "rate": share, "low": centre - half, "high": centre + half}
    )


def _rates_table(name: str, rates: pd.DataFrame) -> str:
    rows: list[list[Cell]] = []
    for key, row in rates.iterrows():
        if math.isnan(row["rate"]):
            rows.append([clip(key), 0, 0, None, None])
            continue
        interval = f"{row['low']:.1%} to {row['high']:.1%}"
        rows.append([clip(key), int(row["closed"]), int(row["won"]), f"{row['rate']:.1%}", interval])
    return table((name, "closed", "won", "win rate", "95 % interval"), rows)


def _more(count: int, what: str) -> str:
    return paragraph(f"{count - _MOST_ROWS:,} more {what} are left out.") if count > _MOST_ROWS else ""


def _span(dates: "pd.Series[pd.Timestamp]") -> Cell:
    known = dates.dropna()
    return f"{known.min():%Y-%m-%d} to {known.max():%Y-%m-%d}" if len(known) else None


def _share(empty: "pd.Series[bool]") -> Cell:
    return f"{int(empty.sum()):,} ({empty.mean():.0%})" if len(empty) else None
