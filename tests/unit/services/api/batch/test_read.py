"""Reading a CSV: Arrow's quick way and the slow one agree, and each mistake is told."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closecast.scoring.columns import DealTable
from services.api.batch import read
from services.api.batch.read import read_csv
from services.api.problems import InvalidInputError
from tests.unit.services.api.batch_rows import values

_TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=6)
_HEADER = ["opportunity_id", "engage_date", "account", "notes"]


def _rows(table: DealTable) -> list[dict[str, Any]]:
    return [{name: value for name, value in values(table, row).items() if value} for row in range(len(table))]


def _written(rows: list[list[str]], quoting: Any, end: str) -> bytes:
    target = io.StringIO(newline="")
    writer = csv.writer(target, quoting=quoting, lineterminator=end)
    writer.writerows([_HEADER, *rows])
    return target.getvalue().encode()


@given(
    st.lists(st.lists(_TEXTS, min_size=4, max_size=4), min_size=1, max_size=8),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_both_ways_of_reading_agree(rows: list[list[str]], quoting: Any, end: str) -> None:
    content = _written(rows, quoting, end)
    quick = read.quick_csv(content, content.decode())
    assert quick is not None
    assert _rows(quick) == _rows(read.row_by_row_csv(content.decode()))
    assert _rows(quick) == [
        {name: value for name, value in zip(_HEADER[:3], row, strict=False) if value} for row in rows
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'engage_date,account\n2017-12-01,"Oak\n', "not CSV: unexpected end of data"),
        (b'engage_date,account\n2017-12-01\n2017-12-01,"Oak" Foods\n', "not CSV"),
        (b"engage_date,account\n2017-12-01,\xff\n", "not UTF-8 text (byte 31)"),
        (b"engage_date,account,account\n2017-12-01,a,b\n", "the column account more than once"),
        (b"product\nGTX\n", "no column engage_date"),
        (b"", "the CSV is empty"),
        (b"engage_date", "no rows"),
        (b"engage_date\n" + b"2017-12-01\n" * 10_001, "more than 10000 rows"),
    ],
)
def test_what_is_no_csv_of_deals_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        read_csv(content)
    assert words in str(caught.value)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(mark: bytes) -> None:
    assert _rows(read_csv(mark + b"engage_date\n2017-12-01")) == [{"engage_date": "2017-12-01"}]
