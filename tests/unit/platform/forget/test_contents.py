"""Values are found and replaced inside Parquet, gzip, zip and text of any encoding; all else stays as it is."""

import gzip
import io
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from closecast.platform.forget import contents
from closecast.platform.forget.matcher import Matcher
from closecast.platform.lake.store import parquet_bytes

NAME, PSEUDONYM = "Jörg Lee", "agent-x"


@pytest.fixture
def matcher() -> Matcher:
    return Matcher({NAME: PSEUDONYM}, {NAME, "Jörg Lee-Smith"})


def _parquet(table: pa.Table) -> bytes:
    target = io.BytesIO()
    pq.write_table(table, target, compression="zstd")
    return target.getvalue()


def test_parquet_of_the_lake_becomes_what_the_lake_would_write(matcher: Matcher) -> None:
    # given
    frame = pd.DataFrame(
        {
            "sales_agent": [NAME, "Jörg Lee-Smith", None, NAME],
            "engaged": pd.to_datetime(["2017-01-01"] * 4),
            "n": range(4),
        }
    )
    # when
    after, found = contents.replaced(parquet_bytes(frame), matcher)
    # then
    assert found == contents.count(parquet_bytes(frame), matcher) == 2
    frame["sales_agent"] = frame["sales_agent"].replace(NAME, PSEUDONYM)
    assert after == parquet_bytes(frame)
    assert contents.count(after, matcher) == 0


def test_dictionaries_lists_maps_and_metadata_of_parquet_keep_their_types(matcher: Matcher) -> None:
    # given
    table = pa.table(
        {
            "words": pa.array([NAME, "other", NAME], pa.dictionary(pa.int32(), pa.string())),
            "list": pa.array([[NAME], [], None], pa.list_(pa.string())),
            "map": pa.array([[("a", 1.0)], [(NAME, 2.0)], None], pa.map_(pa.string(), pa.float64())),
            "bytes": pa.array([NAME.encode(), None, b"\xff"]),
        }
    ).replace_schema_metadata({"note": f"of {NAME}"})
    # when
    after, found = contents.replaced(_parquet(table), matcher)
    # then
    read = pq.read_table(io.BytesIO(after))
    assert found == 6
    assert read.schema.equals(table.schema)
    assert read.column("words").to_pylist() == [PSEUDONYM, "other", PSEUDONYM]
    assert read.column("list").to_pylist() == [[PSEUDONYM], [], None]
    assert read.column("map").to_pylist()[1] == [(PSEUDONYM, 2.0)]
    assert read.schema.metadata[b"note"] == f"of {PSEUDONYM}".encode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_text_keeps_its_encoding(matcher: Matcher, encoding: str) -> None:
    after, found = contents.replaced(f"agent;{NAME};Zürich".encode(encoding), matcher)
    assert found == 1
    assert after.decode(encoding).lstrip("\ufeff") == f"agent;{PSEUDONYM};Zürich"


def test_archives_are_opened(matcher: Matcher) -> None:
    # given
    workbook = io.BytesIO()
    with zipfile.ZipFile(workbook, "w") as archive:
        archive.writestr("xl/sharedStrings.xml", f"<si><t>{NAME}</t></si>")
        archive.writestr("inner.gz", gzip.compress(NAME.encode()))
    # when
    after, found = contents.replaced(workbook.getvalue(), matcher)
    # then
    assert found == 2
    assert contents.count(after, matcher) == 0
    with zipfile.ZipFile(io.BytesIO(after)) as archive:
        assert archive.read("xl/sharedStrings.xml") == f"<si><t>{PSEUDONYM}</t></si>".encode()


def test_what_holds_nothing_keeps_its_bytes(matcher: Matcher) -> None:
    for content in (
        b"",
        b"\x00\x01\x02",
        gzip.compress(b"other"),
        parquet_bytes(pd.DataFrame({"a": ["other"]})),
        b"other",
    ):
        assert contents.replaced(content, matcher) == (content, 0)


def test_bytes_of_an_unknown_format_are_not_rewritten(matcher: Matcher) -> None:
    content = b"\x00\x01" + NAME.encode("utf-16-le") + b"\x00\x00"
    assert contents.count(content, matcher) == 1
    with pytest.raises(contents.FixedError):
        contents.replaced(content, matcher)
