"""What an export reports of its deals."""

import pandas as pd

from closecast.deals.contract import check
from closecast.monitoring.outcomes import LOST, OPEN, REPORT_COLUMNS, WON, known
from closecast.platform.monitoring.exported import reports

_RAW = pd.DataFrame(
    [
        ("A", "Ada", "GTX", "Acme", "Won", "2017-01-02", "2017-02-01", "100"),
        ("B", "Ada", "GTX", "Acme", "Lost", "2017-01-03", "2017-03-05", "0"),
        ("C", "Ada", "GTX", "", "Engaging", "2017-03-01", "", ""),
        ("D", "Ada", "GTX", "", "Prospecting", "", "", ""),
    ],
    columns=[
        "opportunity_id",
        "sales_agent",
        "product",
        "account",
        "deal_stage",
        "engage_date",
        "close_date",
        "close_value",
    ],
    dtype=object,
)


def test_each_deal_is_told_as_of_the_last_day_of_the_export() -> None:
    # when
    told = reports(check(_RAW).accepted)
    # then
    assert tuple(told.columns) == REPORT_COLUMNS
    assert told.set_index("deal")["stage"].to_dict() == {"A": WON, "B": LOST, "C": OPEN, "D": OPEN}
    assert set(told["told_on"]) == set(told["reach"]) == {pd.Timestamp("2017-03-05")}
    assert known(told).counts.first == 4


def test_an_export_without_a_date_tells_nothing() -> None:
    told = reports(check(_RAW[_RAW["deal_stage"] == "Prospecting"]).accepted)
    assert (tuple(told.columns), len(told)) == (REPORT_COLUMNS, 0)
