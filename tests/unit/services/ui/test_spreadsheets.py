"""What is downloaded holds the table, and nothing that a spreadsheet would run."""

import csv
from datetime import date
from io import BytesIO, StringIO

import openpyxl
import pandas as pd

from services.ui.spreadsheets import to_csv, to_xlsx

HOSTILE = ["=cmd|' /C calc'!A0", "@SUM(1)", "+1", "-1", "http://192.0.2.1/x", "Oak Foods", None]


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "account": HOSTILE,
            "change": [-0.5] * len(HOSTILE),
            "engage_date": [date(2017, 11, 20)] * len(HOSTILE),
        }
    )


def test_csv_escapes_texts_and_leaves_numbers() -> None:
    rows = list(csv.DictReader(StringIO(to_csv(table()).decode())))
    assert [row["account"] for row in rows] == [*(f"'{one}" for one in HOSTILE[:4]), *HOSTILE[4:6], ""]
    assert {row["change"] for row in rows} == {"-0.5"}


def test_a_workbook_holds_texts_numbers_and_dates_and_no_formula() -> None:
    sheet = openpyxl.load_workbook(BytesIO(to_xlsx(table(), "Deals")))["Deals"]
    cells = list(sheet.iter_rows(min_row=2))
    assert [row[0].value for row in cells] == [*(f"'{one}" for one in HOSTILE[:4]), *HOSTILE[4:6], None]
    assert {row[0].data_type for row in cells[:6]} == {"s"}
    assert all(row[0].hyperlink is None for row in cells)
    assert {row[1].value for row in cells} == {-0.5}
    assert {row[2].value.date() for row in cells} == {date(2017, 11, 20)}
