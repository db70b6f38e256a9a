"""Sources: what is read, and the one line a user gets when it cannot be."""

import hashlib
from pathlib import Path

import pytest

from closecast.deals.contract import RAW_COLUMNS
from closecast.platform.sources import SourceError, read_source

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
        ("kaggle", "unknown source 'kaggle'; expected synthetic, synthetic:<rows> or file:<path"),
        ("kaggle:someone/deals", "unknown source"),
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
