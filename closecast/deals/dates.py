"""Parse the dates of a CRM export, written YYYY-MM-DD or M/D/YYYY."""

import re
from datetime import date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

EXPECTED = "a date written YYYY-MM-DD or M/D/YYYY"
_WRITTEN = ((re.compile(r"\d{4}-\d{2}-\d{2}"), "%Y-%m-%d"), (re.compile(r"\d{1,2}/\d{1,2}/\d{4}"), "%m/%d/%Y"))


@lru_cache(maxsize=4096)
def read_date(written: str) -> date | None:
    """Parse a date written YYYY-MM-DD or M/D/YYYY; None for everything else."""
    for pattern, layout in _WRITTEN:
        if pattern.fullmatch(written):
            try:
                return datetime.strptime(written, layout).date()
            except ValueError:
                return None
    return None


def read_dates(column: "pd.Series[Any]") -> "pd.Series[pd.Timestamp]":
    """Parse a column of dates with `read_date`, once per distinct text. Shape kept, datetime64[ns].

    NaT for what is no date, and for a date that datetime64[ns] cannot hold: one before 1678 or after 2261.
    """
    import pandas as pd  # here, because the process that reads uploaded Parquet doesn't need it

    positions, distinct = pd.factorize(column.astype("string"))
    dates = pd.to_datetime(pd.Series([*map(read_date, distinct), None], dtype=object), errors="coerce")
    return pd.Series(dates.to_numpy(dtype="datetime64[ns]")[positions], index=column.index)
