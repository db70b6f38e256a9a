"""The synthetic export in chunks: the same deals however they are cut, the same bytes on disk."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from closecast.deals.synthetic import generator
from closecast.deals.synthetic.generator import Settings, generate_with_truth, stream, write_parquet
from closecast.deals.vocabulary import RAW_COLUMNS

SETTINGS = Settings(rows=25_500, dirt=0.01)


@pytest.fixture(scope="module")
def whole() -> pd.DataFrame:
    return generate_with_truth(SETTINGS, seed=4)[0]


@pytest.mark.parametrize("chunk_rows", [3_333, 10_000, 25_500, 1_000_000])
def test_chunks_add_up_to_the_whole(whole: pd.DataFrame, chunk_rows: int) -> None:
    # when
    chunks = list(stream(SETTINGS, 4, chunk_rows))
    # then
    assert {len(chunk) for chunk in chunks[:-1]} <= {chunk_rows}
    pd.testing.assert_frame_equal(pd.concat(chunks), whole)


def test_identifiers_are_distinct_across_blocks() -> None:
    clean = pd.concat(stream(Settings(rows=200_000), seed=6))
    assert clean["opportunity_id"].is_unique


def test_a_file_has_the_same_bytes_each_time_and_holds_the_export(
    whole: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(generator, "CHUNK_ROWS", 10_000)
    # when
    for name in ("first", "second"):
        write_parquet(SETTINGS, 4, tmp_path / name)
    # then
    assert (tmp_path / "first").read_bytes() == (tmp_path / "second").read_bytes()
    written = pq.ParquetFile(tmp_path / "first")
    assert [written.metadata.row_group(group).num_rows for group in range(3)] == [10_000, 10_000, 5_500]
    assert written.schema_arrow.names == list(RAW_COLUMNS)
    pd.testing.assert_frame_equal(written.read().to_pandas(), whole, check_dtype=False)


def test_a_chunk_has_rows() -> None:
    with pytest.raises(ValueError, match="chunk_rows is 0"):
        stream(SETTINGS, 4, 0)
