"""What is known of each deal's end, from everything that was reported of it.

Reports come one by one (`POST /v1/outcomes`) and from each import of the CRM's export, which lists every deal. They come
late, twice, and contradict each other. One rule decides: what was reported last holds. Each kind is counted:

| kind | what it is | what becomes of it |
|---|---|---|
| first | the first report of a deal, or the close of one that was open | it holds |
| repeated | says what was known | changes nothing |
| contradictory | another end, or another date of it, than was reported before | the later report holds |
| reopened | a deal that was closed is open | the end is withdrawn; a later close holds again |
| late | a close on a day up to which everything was said to be known already | it holds, and corrects what was judged |

`late` is counted beside the other kinds, which divide the reports.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

WON, LOST, OPEN = "Won", "Lost", "Open"
REPORT_COLUMNS = ("deal", "stage", "close_date", "told_on", "reach")


@dataclass(frozen=True)
class ReportCounts:
    """Reports by kind; all but `late` add up to their number."""

    first: int
    repeated: int
    contradictory: int
    reopened: int
    late: int


@dataclass(frozen=True)
class Known:
    """The deals that were reported, and the day up to which all closes are known.

    `deals` is indexed by deal, with stage (WON, LOST or OPEN) and close_date (datetime64, NaT while open). `reach` is
    datetime64[D], NaT before the first import.
    """

    deals: pd.DataFrame
    reach: np.datetime64
    counts: ReportCounts


def known(reports: pd.DataFrame) -> Known:
    """Reduce reports to what is known now.

    `reports` has REPORT_COLUMNS: deal (text), stage (WON, LOST or OPEN), close_date (datetime64, NaT if open), told_on
    (datetime64, the day of the report) and reach (datetime64: the day up to which the import that the report is from
    knows all closes; NaT of a single report). Reports of one day count in the order given.

    Raises ValueError for an unknown stage, a closed deal without a date and an open one with a date.
    """
    _check(reports)
    told = reports.reset_index(drop=True).sort_values("told_on", kind="stable")
    closed = told["stage"] != OPEN
    before = told.groupby("deal", sort=False)[["stage", "close_date"]].shift()
    was_known = before["stage"].notna()
    was_closed = was_known & (before["stage"] != OPEN)
    same = (told["stage"] == before["stage"]) & (
        (told["close_date"] == before["close_date"]) | (told["close_date"].isna() & before["close_date"].isna())
    )
    late = closed & ~same & (told["close_date"] <= _reach_before(told))
    counts = ReportCounts(
        first=int((~was_closed & ~same).sum()),
        repeated=int(same.sum()),
        contradictory=int((was_closed & closed & ~same).sum()),
        reopened=int((was_closed & ~closed).sum()),
        late=int(late.sum()),
    )
    deals = told.drop_duplicates("deal", keep="last").set_index("deal")[["stage", "close_date"]].sort_index()
    return Known(deals, told["reach"].max().to_datetime64().astype("M8[D]"), counts)


def _reach_before(told: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    """The reach known before each report's day: reports of one import are not late because of each other."""
    by_day = told.groupby("told_on")["reach"].max().cummax().ffill().shift()
    return told["told_on"].map(by_day)


def _check(reports: pd.DataFrame) -> None:
    odd = ~reports["stage"].isin([WON, LOST, OPEN])
    if odd.any():
        raise ValueError(f"stage {reports['stage'][odd].iloc[0]!r} is none of {WON}, {LOST} and {OPEN}")
    mismatched = (reports["stage"] == OPEN) != reports["close_date"].isna()
    if mismatched.any():
        one = reports[mismatched].iloc[0]
        raise ValueError(f"deal {one['deal']} is {one['stage']} with close_date {one['close_date']}")
