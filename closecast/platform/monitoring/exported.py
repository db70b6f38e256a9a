"""What an import of the CRM's export reports of each deal."""

import pandas as pd

from closecast.deals.snapshots import data_end
from closecast.monitoring.outcomes import OPEN, REPORT_COLUMNS

_CLOSED = ("Won", "Lost")
_DATES = dict.fromkeys(("close_date", "told_on", "reach"), "datetime64[ns]")
NOTHING = pd.DataFrame(columns=list(REPORT_COLUMNS)).astype(_DATES)  # where there is no export


def reports(deals: pd.DataFrame) -> pd.DataFrame:
    """Each of the accepted `deals` (closecast.deals.contract) as a report of the export's last day; REPORT_COLUMNS.

    None where no deal has a date: such an export says nothing of any day.
    """
    if not deals["engage_date"].notna().any():
        return NOTHING
    closed = deals["deal_stage"].isin(_CLOSED) & deals["close_date"].notna()
    day = pd.Timestamp(data_end(deals))
    return pd.DataFrame(
        {
            "deal": deals["opportunity_id"].astype(str),
            "stage": deals["deal_stage"].astype(object).where(closed, OPEN),
            "close_date": deals["close_date"].where(closed),
            "told_on": day,
            "reach": day,
        }
    ).astype(_DATES)
