"""Reads the dates of a CRM export, in the two ways that they are written."""

from typing import Any

import pandas as pd

_WRITTEN = (("%Y-%m-%d", r"\d{4}-\d{2}-\d{2}"), ("%m/%d/%Y", r"\d{1,2}/\d{1,2}/\d{4}"))


def read_dates(text: "pd.Series[Any]") -> "pd.Series[pd.Timestamp]":
    """Dates written YYYY-MM-DD or M/D/YYYY; NaT for everything else. Shape kept, datetime64[ns]."""
    dates = pd.Series(pd.NaT, index=text.index, dtype="datetime64[ns]")
    for layout, pattern in _WRITTEN:
        written = text.astype("string").str.fullmatch(pattern).fillna(False).astype(bool)
        dates[written] = pd.to_datetime(text[written].astype(object), format=layout, errors="coerce")
    return dates
