"""What is known of each deal's end, from everything that was reported of it.

Reports come one by one (`POST /v1/outcomes`) and from each import of the CRM's export, which lists every deal. They come
late, twice, and contradict each other. One rule decides: what was reported last holds. Each kind is counted:

| kind | what it is | what becomes of it |
|---|---|---|
| first | the first report of a deal, or the close of one that was open | it holds |
| repeated | says what was known | changes nothing |
| contradictory | another end, or another date of it, than was reported before | the later report holds |
| reopened | a deal that was closed is open | the end is withdrawn; a later close holds again |
| outdated | older than what is known of the deal already | changes nothing |
| late | a close on a day up to which everything was said to be known already | it holds, and corrects what was judged |

`late` is counted beside the other kinds, which divide the reports.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

WON, LOST, OPEN = "Won", "Lost", "Open"
REPORT_COLUMNS = ("deal", "stage", "close_date", "told_on", "reach")
_DATES = dict.fromkeys(("close_date", "told_on", "reach"), "datetime64[ns]")


@dataclass(frozen=True)
class ReportCounts:
    """Reports by kind; all but `late` add up to their number."""

    first: int
    repeated: int
    contradictory: int
    reopened: int
    outdated: int
    late: int


@dataclass(frozen=True)
class Known:
    """The deals that were reported, and the day up to which all closes are known.

    `deals` is indexed by deal, with stage (WON, LOST or OPEN), close_date (datetime64, NaT while open) and told_on
    (datetime64, the day of the last report). `reach` is datetime64[D], NaT before the first import.
    """

    deals: pd.DataFrame
    reach: np.datetime64
    counts: ReportCounts


def known(reports: pd.DataFrame, before: Known | None = None) -> Known:
    """Reduce reports to what is known now, beginning with what was known `before`; `counts` are of `reports` alone.

    `reports` has REPORT_COLUMNS: deal (text), stage (WON, LOST or OPEN), close_date (datetime64, NaT if open), told_on
    (datetime64, the day of the report) and reach (datetime64: the day up to which the import that the report is from
    knows all closes; NaT of a single report). Reports of one day count in the order given.

    Raises ValueError for an unknown stage, a closed deal without a date and an open one with a date.
    """
    _check(reports)
    told = reports.astype(_DATES).reset_index(drop=True).sort_values("told_on", kind="stable").assign(new=True)
    outdated = pd.Series(False, index=told.index)
    reach = told["reach"].max()
    if before is not None and len(before.deals):
        outdated = told["told_on"] < told["deal"].map(before.deals["told_on"])
        reach = pd.Series([reach, pd.Timestamp(before.reach)]).max()
        there = told[~outdated]
        told = pd.concat([_as_reports(before), there], ignore_index=True) if len(there) else _as_reports(before)
    closed = told["stage"] != OPEN
    previous = told.groupby("deal", sort=False)[["stage", "close_date"]].shift()
    was_closed = previous["stage"].notna() & (previous["stage"] != OPEN)
    same = (told["stage"] == previous["stage"]) & (
        (told["close_date"] == previous["close_date"]) | (told["close_date"].isna() & previous["close_date"].isna())
    )
    late = closed & ~same & (told["close_date"] <= _reach_before(told))
    new = told["new"]
    counts = ReportCounts(
        first=int((new & ~was_closed & ~same).sum()),
        repeated=int((new & same).sum()),
        contradictory=int((new & was_closed & closed & ~same).sum()),
        reopened=int((new & was_closed & ~closed).sum()),
        outdated=int(outdated.sum()),
        late=int((new & late).sum()),
    )
    deals = told.drop_duplicates("deal", keep="last").set_index("deal")[["stage", "close_date", "told_on"]].sort_index()
    return Known(deals, reach.to_datetime64().astype("M8[D]"), counts)


def _as_reports(before: Known) -> pd.DataFrame:
    return before.deals.reset_index(names="deal").assign(reach=pd.Timestamp(before.reach), new=False).astype(_DATES)


def _reach_before(told: pd.DataFrame) -> "pd.Series[pd.Timestamp]":
    """The reach known before each report's day: reports of one import are not late because of each other."""
    earlier = told.loc[~told["new"], "reach"].max()
    by_day = told[told["new"]].groupby("told_on")["reach"].max().cummax().ffill().shift()
    found = told["told_on"].map(by_day)
    return found if pd.isna(earlier) else found.clip(lower=earlier).fillna(earlier)


def _check(reports: pd.DataFrame) -> None:
    odd = ~reports["stage"].isin([WON, LOST, OPEN])
    if odd.any():
        raise ValueError(f"stage {reports['stage'][odd].iloc[0]!r} is none of {WON}, {LOST} and {OPEN}")
    mismatched = (reports["stage"] == OPEN) != reports["close_date"].isna()
    if mismatched.any():
        one = reports[mismatched].iloc[0]
        raise ValueError(f"deal {one['deal']} is {one['stage']} with close_date {one['close_date']}")
