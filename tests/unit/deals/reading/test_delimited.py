"""CSV and its relatives, as programs and people write them."""

import csv
import io
from typing import Literal

import pytest

from closecast.deals.reading.delimited import read
from closecast.deals.reading.table import RawTable, UnreadableError

ROWS = [["1", "Ada Lovelace", "Won", "1,200"], ["2", "Bo; Ek", "Lost", ""], ["3", 'the "old" one', "Open", "7"]]
HEADER = ["Id", "Owner", "Stage", "Amount"]


def _written(delimiter: str, end: str, rows: list[list[str]] = ROWS) -> str:
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row] for row in [HEADER, *rows]]
    return end.join(delimiter.join(row) for row in quoted) + end


def _cells(table: RawTable) -> list[list[str]]:
    return [list(row) for row in table.frame.itertuples(index=False)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiters_line_ends_and_encodings(delimiter: str, end: str, encoding: str) -> None:
    # given
    rows = [[*row[:1], f"Müller {row[1]} €", *row[2:]] for row in ROWS]
    # when
    table = read(_written(delimiter, end, rows).encode(encoding))
    # then
    assert list(table.frame.columns) == HEADER
    assert _cells(table) == rows
    assert table.set_aside == ()
    assert table.frame.index.tolist() == [2, 3, 4]


def test_a_cell_may_have_several_lines() -> None:
    table = read(b'Id,Note,Stage\n1,"one\ntwo, three",Won\n2,,Lost\n')
    assert _cells(table) == [["1", "one\ntwo, three", "Won"], ["2", "", "Lost"]]


def test_what_is_no_deal_is_set_aside_with_its_row() -> None:
    # given a report with a title, a repeated header, a broken row and remarks
    text = (
        "Pipeline report;;;\nas of 1.2.2024\n\nId;Owner;Stage;Amount\n1;Ada;Won;5\nId;Owner;Stage;Amount\n2;Bo;Lost;\n"
        "3;Cy;Open;7;8;9\n4;Di;Open\nTotal;;;12\n\nConfidential\n"
    )
    # when
    table = read(text.encode())
    # then
    assert _cells(table) == [["1", "Ada", "Won", "5"], ["2", "Bo", "Lost", ""], ["4", "Di", "Open", ""]]
    assert [(one.row, one.reason) for one in table.set_aside] == [
        (1, "title above the table"),
        (2, "title above the table"),
        (5, "repeated header"),
        (7, "row of 6 cells where the header has 4"),
        (9, "remark or total"),
        (10, "remark or total"),
    ]
    assert table.describe() == (
        "CSV in utf-8, separated by semicolons, header in row 3, 3 rows; set aside: 2 x title above the table, "
        "2 x remark or total, 1 x repeated header, 1 x row of 6 cells where the header has 4"
    )


def test_what_is_detected_can_be_overridden() -> None:
    # given a text that two encodings and two delimiters can read
    content = "Id,Name;Stage\n1,Köhler;Won\n".encode("cp1252")
    # when / then
    assert list(read(content, delimiter=";").frame.columns) == ["Id,Name", "Stage"]
    assert list(read(content, delimiter=",").frame.columns) == ["Id", "Name;Stage"]
    assert read(content, "cp437", ";").frame.iloc[0, 0] == "1,K÷hler"


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        (b"1,2,3\n4,5,6\n7,8,9\n", {}, "has no header in its first 3 rows"),
        (b"a,b\n1,\0\n", {}, "holds zero bytes"),
        (b"a,b\n1,2\n", {"delimiter": "x"}, "cannot be split at 'x'; expected one of ',' ';'"),
        (b"a,b\n1,2\n", {"encoding": "klingon"}, "cannot be read in the encoding 'klingon', which is not known"),
        (b"a,b\n1,\xff\n", {"encoding": "utf-8"}, r"is not text in utf-8 \(byte 6\)"),
        (b'a,b\n"' + b"x" * (1 << 25), {}, "quotation mark may lack its other half|is not a CSV table"),
        (b",".join(b"c%d" % at for at in range(10_000)) + b"\n", {}, "has no header|has 10,000 columns, and at most"),
        (
            (",".join("abcdefgh"[at % 8] * (at // 8 + 1) for at in range(1_200)) + "\n").encode(),
            {},
            "has 1,200 columns",
        ),
    ],
)
def test_what_cannot_be_read_is_told_in_one_sentence(content: bytes, options: dict[str, str], words: str) -> None:
    with pytest.raises(UnreadableError, match=words) as raised:
        read(content, **options)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


def test_columns_without_a_name_or_with_one_name() -> None:
    table = read(b"Id,,Amount,Amount\n1,a,2,3\n2,b,4,5\n")
    assert list(table.frame.columns) == ["Id", "column 2", "Amount", "Amount (2)"]


def test_a_header_alone_has_no_rows() -> None:
    assert len(read(b"Id,Stage,Amount\n").frame) == 0


@pytest.mark.parametrize("name", ["\\`", "A\\", "C:\\Deals\\2024", "\\,", '\\"', "\\\\"])
def test_a_backslash_is_a_character_of_a_name(name: str) -> None:
    rows = [["id", "account", "stage"], ["1", name, "Won"], ["2", "Acme", "Won"]]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    assert read(out.getvalue().encode()).frame["account"].tolist() == [name, "Acme"]


@pytest.mark.parametrize("quoting", [csv.QUOTE_NONE, csv.QUOTE_ALL])
def test_a_backslash_is_an_escape_where_the_rows_need_it(quoting: Literal[0, 1, 2, 3]) -> None:
    # given files as MySQL and others write them: a delimiter or a quotation mark within a name stands behind a backslash
    rows = [["id", "account", "stage"], ["1", 'Acme, "North"', "Won"], ["2", 'Say "yes", Ltd', "Won"]]
    out = io.StringIO()
    csv.writer(out, quoting=quoting, doublequote=False, escapechar="\\").writerows(rows)
    # then the names are whole
    assert read(out.getvalue().encode()).frame["account"].tolist() == ['Acme, "North"', 'Say "yes", Ltd']
