"""A folder of files that belong together is one export."""

from pathlib import Path

import pytest

from closecast.deals.synthetic.generator import generate
from closecast.platform.sources.errors import SourceError
from closecast.platform.sources.export import read_source

DEALS = generate(60, seed=4)


def test_files_with_the_columns_of_deals_are_one_export(tmp_path: Path) -> None:
    # given two years of deals, in two formats and with their columns in another order, and what is no deal
    DEALS[:40].to_csv(tmp_path / "2016.csv", index=False)
    DEALS[40:][DEALS.columns[::-1]].to_parquet(tmp_path / "2017.parquet")
    (tmp_path / "stage_history.csv").write_text("opportunity_id,from_stage,to_stage\na,New,Won\n")
    (tmp_path / ".2015.csv").write_text("hidden")
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / "notes.md").write_text("no data")
    # when
    export = read_source(f"file:{tmp_path}")
    # then
    assert export.frame.equals(DEALS)
    assert "2 files (2016.csv, 2017.parquet; CSV in utf-8" in export.describe()
    assert "not read: stage_history.csv" in export.describe()
    assert export.name == f"file:{tmp_path.name}"
    # and a changed file is another export
    DEALS[:39].to_csv(tmp_path / "2016.csv", index=False)
    assert read_source(f"file:{tmp_path}").sha256 != export.sha256


def test_rows_are_numbered_through_all_files(tmp_path: Path) -> None:
    text = "Stage,Created,Closed\nClosed Won,2024-01-0{0},2024-02-03\nProposal,2024-01-1{0},\n"
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text(text.format(number))
    frame = read_source(f"file:{tmp_path}").frame
    assert frame["opportunity_id"].is_unique
    assert frame["engage_date"].tolist() == ["2024-01-01", "2024-01-11", "2024-01-02", "2024-01-12"]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "has no file with the columns of deals among its files"),
        ({"a.csv": "x,y\n1,2\n"}, "has no file with the columns of deals among a.csv"),
        ({"a.csv": DEALS.to_csv(index=False), "b.csv": "\x89PNG"}, "the file .*b.csv"),
        (
            {"a.csv": DEALS.to_csv(index=False), "b.csv": DEALS.assign(more="1").to_csv(index=False)},
            "has deals in a.csv and b.csv with differing columns; name one of the files",
        ),
    ],
    ids=["empty", "no deals", "a picture", "differing columns"],
)
def test_a_folder_that_is_no_export_is_told(files: dict[str, str], words: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_bytes(text.encode("latin-1") if "PNG" in text else text.encode())
    with pytest.raises(SourceError, match=words):
        read_source(f"file:{tmp_path}")
