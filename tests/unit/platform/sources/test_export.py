"""Sources: what is read, and the one line a user gets when it cannot be."""

import hashlib
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from closecast.deals.contract import check
from closecast.deals.mapping.document import parse
from closecast.deals.synthetic.generator import generate
from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.platform.sources.errors import MappingNeededError, SourceError
from closecast.platform.sources.export import RawExport, read_source

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
        (
            "excel",
            "unknown source 'excel'; expected synthetic, synthetic:<rows>, file:<path to a CSV, Excel or Parquet",
        ),
        ("kaggle:", "unknown source 'kaggle:'"),
        ("kaggle:deals", "'deals' names no Kaggle dataset; expected <owner>/<dataset>"),
        ("kaggle:../../deals", "names no Kaggle dataset"),
        ("s3:bucket/sales.csv", "names no export on S3; expected s3://<bucket>/<key ending in .csv, .tsv, .txt"),
        ("s3://bucket", "names no export on S3"),
        ("s3://bucket/sales.docx", "names no export on S3"),
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
        ("opportunity_id,ächz\n".encode("latin-1"), "needs a mapping, because it does not say"),
        (b'a,b\n"1,2\n', "needs a mapping, because it does not say"),
        (b"a,b\n1,2\n1,2,3\n", "needs a mapping, because it does not say"),
        (b"\x89PNG\r\n\x1a\n", "is a PNG picture; expected CSV"),
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
    with pytest.raises(SourceError, match="has no file with the columns of deals among its files"):
        read_source(f"file:{tmp_path}")
    with pytest.raises(SourceError, match="cannot be read"):
        read_source(f"file:{tmp_path}/{'x' * 300}.csv")


def test_parquet_comes_out_as_the_same_frame_as_csv(tmp_path: Path) -> None:
    # given a name that says nothing
    path = tmp_path / "export"
    frame = generate(40, seed=1)
    frame.to_parquet(path)
    # when
    export = read_source(f"file:{path}")
    # then
    assert export.frame.equals(frame)
    assert export.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_export_of_another_crm_is_mapped_where_that_is_certain(tmp_path: Path) -> None:
    # given
    path = tmp_path / "report.csv"
    rows = "Opportunity ID;Stage;Created Date;Close Date;Amount\na;Closed Won;13.1.2024;1.2.2024;1.200,50 €\nb;Proposal;2.1.2024;9.9.2024;"
    path.write_text(rows)
    # when
    export = read_source(f"file:{path}")
    # then
    assert export.frame.to_numpy().tolist() == [
        ["a", "unknown", "unknown", "unknown", "Won", "2024-01-13", "2024-02-01", "1200.5"],
        ["b", "unknown", "unknown", "unknown", "Engaging", "2024-01-02", "", ""],
    ]
    assert "mapped by the profile salesforce_report" in export.describe()
    assert "open deals that carry a close date: 1; it is expected" in export.describe()
    # and another mapping is another export to the lake, though the bytes are the same
    assert export.read is not None
    assert export.read.mapping is not None
    given = msgspec.structs.replace(export.read.mapping, stages={"Closed Won": "won", "Proposal": "lost"})
    other = read_source(f"file:{path}", mapping=given)
    assert other.frame["deal_stage"].tolist() == ["Won", "Lost"]
    assert "mapped as you said" in other.describe()
    assert other.sha256 == export.sha256
    assert other.fingerprint != export.fingerprint


def test_a_question_is_asked_and_nothing_is_guessed(tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    path.write_text("Stage,Created Date,Close Date\nClosed Won,1/2/2024,3/4/2024\nMulling,1/2/2024,\n")
    with pytest.raises(MappingNeededError) as raised:
        read_source(f"file:{path}")
    message = str(raised.value)
    assert message.startswith(
        f"the file {path} needs a mapping, because it does not say: (1) what do these stages mean"
    )
    assert "(2) is '1/2/2024' in 'Created Date' day-first (dmy) or month-first (mdy)?" in message
    assert "the command `map`" in message


def test_a_mapping_that_does_not_fit_is_told(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(f"{HEADER}\n007,Ada,GTXPro,NA,Won,1/2/2017,3/4/2017,0550\n")
    mapping = parse("version: 1\ncolumns: {stage: deal_stage, created: begun, closed: close_date}\nstages: {Won: won}")
    with pytest.raises(SourceError, match=r"export.csv does not fit the mapping: the export lacks .* 'begun'; it has"):
        read_source(f"file:{path}", mapping=mapping)


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    with path.open("wb") as file:
        file.truncate(2 << 30)  # a hole: it takes no room
    with pytest.raises(SourceError, match=r"has 2,048 MB, and at most 1,024 MB are read; export the columns"):
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
