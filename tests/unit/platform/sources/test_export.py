"""Sources: what is read, and the one line a user gets when it cannot be."""

import datetime as dt
import hashlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closecast.deals.contract import check
from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.platform.sources.export import RawExport, SourceError, read_source

HEADER = ",".join(RAW_COLUMNS)


def test_a_file_is_read_as_text_with_its_hash(tmp_path: Path) -> None:
    # given
    content = f"\ufeff{HEADER}\r\n007,Ada,GTXPro,NA,Won,1/2/2017,3/4/2017,0550\r\n".encode()
    path = tmp_path / "export.csv"
    path.write_bytes(content)
    # when
    export = read_source(f"file:{path}")
    # then
    row = ["007", "Ada", "GTXPro", "NA", "Won", "1/2/2017", "3/4/2017", "0550"]  # nothing guessed
    assert export.frame.to_numpy().tolist() == [row]
    assert export.sha256 == hashlib.sha256(content).hexdigest()
    assert export.name == "file:export.csv"


def test_synthetic_exports_differ_by_rows_and_seed_only() -> None:
    # when
    first, again, other = read_source("synthetic:50"), read_source("synthetic:50"), read_source("synthetic:50", seed=8)
    # then
    assert len(first.frame) == 50
    assert first.sha256 == again.sha256 != other.sha256
    assert first.name == "synthetic:50"
    assert len(read_source("synthetic").frame) == 8_000


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("excel", "unknown source 'excel'; expected synthetic, synthetic:<rows>, file:<path to a CSV or Parquet"),
        ("kaggle:", "unknown source 'kaggle:'"),
        ("kaggle:deals", "'deals' names no Kaggle dataset; expected <owner>/<dataset>"),
        ("kaggle:../../deals", "names no Kaggle dataset"),
        ("s3:bucket/sales.csv", "names no export on S3; expected s3://<bucket>/<key ending in .csv or .parquet>"),
        ("s3://bucket", "names no export on S3"),
        ("s3://bucket/sales.xlsx", "names no export on S3"),
        ("file:", "unknown source"),
        ("", "unknown source"),
        ("synthetic:many", "asks for 'many' synthetic rows"),
        ("synthetic:", "asks for '' synthetic rows"),
        ("synthetic:0", "asks for '0' synthetic rows"),
        ("file:export.csv", "is not an absolute path"),
    ],
)
def test_a_specification_that_names_nothing(spec: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        read_source(spec)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty; expected a header"),
        (b" \n\n", "is empty"),
        ("opportunity_id,ächz\n".encode("latin-1"), r"is not UTF-8 text \(byte 15\)"),
        (b'a,b\n"1,2\n', "is not a CSV table"),
        (b"a,b\n1,2\n1,2,3\n", "is not a CSV table"),
        (b"a,b\n1,\0\n", "holds zero bytes"),
    ],
)
def test_a_file_that_is_no_export(content: bytes, message: str, tmp_path: Path) -> None:
    # given
    path = tmp_path / "export.csv"
    path.write_bytes(content)
    # when / then
    with pytest.raises(SourceError, match=message) as raised:
        read_source(f"file:{path}")
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="there is no file"):
        read_source(f"file:{tmp_path / 'absent.csv'}")
    with pytest.raises(SourceError, match="is a folder"):
        read_source(f"file:{tmp_path}")
    with pytest.raises(SourceError, match="cannot be read"):
        read_source(f"file:{tmp_path}/{'x' * 300}.csv")


def test_parquet_comes_out_as_the_same_frame_as_csv(tmp_path: Path) -> None:
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
    path = tmp_path / "export.PARQUET"
    pq.write_table(pa.table({name: pa.array(values, kind) for name, (values, kind) in columns.items()}), path)
    # when
    export = read_source(f"file:{path}")
    # then
    rows = [
        ["007", "MG", "2017-01-02", "2017-03-04", "1054", "1054", "1000000", "2017-03-04", ""],
        ["", "MG", "", "", "", "", "", "", ""],
        ["Ünal", "", "0999-12-31", "2017-03-04 05:06:00", "0.1", "100.5", "-3", "2018-01-01", ""],
    ]
    pd.testing.assert_frame_equal(export.frame, pd.DataFrame(rows, columns=list(columns), dtype=object))
    assert export.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert export.name == "file:export.PARQUET"


def test_texts_that_are_alike_are_one_object_however_many_rows_have_them(tmp_path: Path) -> None:
    # given
    path = tmp_path / "export.parquet"
    pq.write_table(pa.table({"product": ["GTX Basic", None, "GTX Pro"] * 1_000}), path, row_group_size=700)
    # when
    column = read_source(f"file:{path}").frame["product"]
    # then
    assert column.tolist() == ["GTX Basic", "", "GTX Pro"] * 1_000
    assert len({id(text) for text in column}) == 3


def test_parquet_that_is_no_export(tmp_path: Path) -> None:
    # given
    path = tmp_path / "export.parquet"
    lists = pa.table({"product": pa.array([["MG"]])})
    far = pa.table({"close_date": pa.array([2**62], pa.timestamp("us"))})
    # when / then
    path.write_bytes(b"opportunity_id,product")
    with pytest.raises(SourceError, match=r"the file .*export.parquet is not a Parquet file: .*; export it anew"):
        read_source(f"file:{path}")
    pq.write_table(lists, path)
    with pytest.raises(SourceError, match=r"the column product of .* is of type list<.*>; expected text, numbers"):
        read_source(f"file:{path}")
    pq.write_table(far, path)
    with pytest.raises(SourceError, match=r"the column close_date of .* holds a value outside of its type"):
        read_source(f"file:{path}")
    path.write_bytes(b"")
    with pytest.raises(SourceError, match="is empty"):
        read_source(f"file:{path}")


def test_s3_names_the_variable_that_is_missing() -> None:
    with pytest.raises(SourceError, match=r"s3://b/sales.csv cannot be read: .* AWS_REGION is not set; set it as for"):
        read_source("s3://b/sales.csv", environment={})


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("kaggle", "kaggle:innocentmfa/crm-sales-opportunities"),
        ("kaggle:someone/deals", "kaggle:someone/deals"),
        ("s3://bucket/folder/sales.csv", "s3:sales.csv"),
    ],
)
def test_names_hide_folders_only(spec: str, name: str) -> None:
    assert RawExport(pd.DataFrame(), spec, "0" * 64).name == name


@pytest.mark.parametrize("name", ["shadow", "shadow.parquet"])
@pytest.mark.parametrize(
    "content",
    [
        b"root:s3cret:19000:0:99999:7:::\ndaemon:*:1:0\n",
        b"root:s3cret\nx,y,z\n",
        b's3cret"a\n"s3cret\n',
        b"s3cret,s3cret\n1,2,3\n",
        b"PAR1" + b"s3cret" * 20 + b"PAR1",
        b"k: \xffs3cret",
        b"s3cret\0\n1\n",
        b"s3cret\n" * 3,
    ],
)
def test_no_message_quotes_a_file_that_is_no_export(tmp_path: Path, name: str, content: bytes) -> None:
    # given
    (tmp_path / name).write_bytes(content)
    # when
    with pytest.raises(ValueError, match=r".") as caught:
        check(read_source(f"file:{tmp_path / name}").frame)
    # then: no word of it, and not four bytes of it as a number
    assert "s3cret" not in str(caught.value)
    assert "root" not in str(caught.value).replace(str(tmp_path), "")
    assert str(int.from_bytes(b"cret", "little")) not in str(caught.value)
