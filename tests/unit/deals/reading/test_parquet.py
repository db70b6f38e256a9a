"""Parquet becomes the text that a CSV export has."""

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closecast.deals.reading.parquet import read
from closecast.deals.reading.table import UnreadableError


def _bytes(table: pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, **options)
    return buffer.getvalue()


def test_each_type_becomes_the_text_that_csv_has() -> None:
    # given
    columns: dict[str, tuple[list[Any], pa.DataType]] = {
        "opportunity_id": (["007", None, "Ünal"], pa.string()),
        "product": (["MG", "MG", None], pa.dictionary(pa.int8(), pa.string())),
        "engage_date": ([dt.date(2017, 1, 2), None, dt.date(999, 12, 31)], pa.date32()),
        "close_date": ([dt.datetime(2017, 3, 4), None, dt.datetime(2017, 3, 4, 5, 6)], pa.timestamp("ns")),
        "close_value": ([1054.0, None, 0.1], pa.float32()),
        "amount": ([Decimal("1054.00"), None, Decimal("100.50")], pa.decimal128(9, 2)),
        "seats": ([1_000_000, None, -3], pa.int64()),
        "dates": ([dt.datetime(2017, 3, 4), None, dt.datetime(2018, 1, 1)], pa.timestamp("us", "UTC")),
        "nothing": ([None, None, None], pa.null()),
    }
    # when
    table = read(_bytes(pa.table({name: pa.array(values, kind) for name, (values, kind) in columns.items()})))
    # then
    assert table.describe() == "Parquet, 3 rows"
    rows = [
        ["007", "MG", "2017-01-02", "2017-03-04", "1054", "1054", "1000000", "2017-03-04", ""],
        ["", "MG", "", "", "", "", "", "", ""],
        ["Ünal", "", "0999-12-31", "2017-03-04 05:06:00", "0.1", "100.5", "-3", "2018-01-01", ""],
    ]
    pd.testing.assert_frame_equal(
        table.frame, pd.DataFrame(rows, columns=list(columns), index=pd.RangeIndex(1, 4), dtype=object)
    )


def test_texts_that_are_alike_are_one_object_however_many_rows_have_them() -> None:
    content = _bytes(pa.table({"product": ["GTX Basic", None, "GTX Pro"] * 1_000}), row_group_size=700)
    column = read(content).frame["product"]
    assert column.tolist() == ["GTX Basic", "", "GTX Pro"] * 1_000
    assert len({id(text) for text in column}) == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"opportunity_id,product", "is not a Parquet file: .*; export it anew"),
        (_bytes(pa.table({"product": pa.array([["MG"]])})), r"has the column product of type list<.*>; expected text"),
        (
            _bytes(pa.table({"close_date": pa.array([2**62], pa.timestamp("us"))})),
            "holds a value outside of its type in the column close_date",
        ),
        (
            _bytes(pa.table([pa.array(["1"]), pa.array(["2"])], names=["a", "a"])),
            "has two columns of one name among .*; rename one",
        ),
    ],
    ids=["text", "lists", "far date", "one name twice"],
)
def test_what_is_no_table_of_deals(content: bytes, words: str) -> None:
    with pytest.raises(UnreadableError, match=words):
        read(content)
