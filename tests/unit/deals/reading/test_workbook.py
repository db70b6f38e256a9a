"""Excel workbooks: which sheet, and what its cells become."""

import datetime as dt
import io
from typing import Any

import openpyxl
import pytest

from closecast.deals.reading.table import UnreadableError
from closecast.deals.reading.workbook import read

HEADER = ["Id", "Stage", "Created", "Amount"]
DEALS: list[list[Any]] = [
    [1, "Won", dt.date(2024, 1, 2), 1200.5],
    ["2a", "Open", dt.datetime(2024, 1, 3, 4, 5), None],
    [3, "Lost", dt.datetime(2024, 2, 1), 0],
]


def _book(**sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_the_sheet_that_looks_like_a_table_is_read() -> None:
    # given a cover sheet with words, and a title and a total around the table
    cover: list[list[Any]] = [["Sales"], [None], ["by Ada"]]
    content = _book(Cover=cover, Deals=[["Pipeline 2024"], [], HEADER, *DEALS, ["Total", None, None, 1200.5]])
    # when
    table = read(content)
    # then
    assert [list(row) for row in table.frame.itertuples(index=False)] == [
        ["1", "Won", "2024-01-02", "1200.5"],
        ["2a", "Open", "2024-01-03 04:05:00", ""],
        ["3", "Lost", "2024-02-01", "0"],
    ]
    assert table.frame.index.tolist() == [4, 5, 6]
    assert [(one.row, one.reason) for one in table.set_aside] == [(1, "title above the table"), (7, "remark or total")]
    assert table.describe().startswith("Excel workbook, sheet 'Deals', header in row 3, 3 rows; set aside: ")


def test_empty_rows_above_the_table_count() -> None:
    table = read(_book(Deals=[[], [], ["Pipeline 2024"], HEADER, *DEALS]))
    assert table.layout.header_row == 4
    assert table.frame.index.tolist() == [5, 6, 7]
    assert [one.row for one in table.set_aside] == [3]


def test_a_sheet_can_be_named() -> None:
    content = _book(One=[HEADER, DEALS[0]], Two=[HEADER, *DEALS])
    assert len(read(content).frame) == 3
    assert len(read(content, "One").frame) == 1
    with pytest.raises(UnreadableError, match="has no sheet 'Three'; it has 'One', 'Two'"):
        read(content, "Three")


def test_a_workbook_without_a_table_says_so() -> None:
    with pytest.raises(UnreadableError, match="has no table with a header in its sheets 'Figures'"):
        read(_book(Figures=[[1, 2], [3, 4]]))
