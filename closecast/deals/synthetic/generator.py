"""Synthetic exports of any size, made from a seed in the shape of the real data, above all in when deals close."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from closecast.deals.synthetic.rows import BLOCK, block_of_deals
from closecast.deals.synthetic.settings import Settings
from closecast.deals.synthetic.truth import Truth, truth_of, win_probability
from closecast.deals.vocabulary import RAW_COLUMNS

__all__ = [
    "Settings",
    "Truth",
    "generate",
    "generate_with_truth",
    "stream",
    "truth_of",
    "win_probability",
    "write_parquet",
]

CHUNK_ROWS = 100_000


def generate(rows: int, seed: int) -> pd.DataFrame:
    """Make a raw export of `rows` deals in the contract's eight columns, all text, missing values as empty text.

    The same `rows` and `seed` give the same frame, and fewer rows its beginning. Raises ValueError for fewer than one
    row or a negative seed.
    """
    return generate_with_truth(Settings(rows=rows), seed)[0]


def generate_with_truth(settings: Settings, seed: int) -> tuple[pd.DataFrame, Truth]:
    """Make the whole export, and return the true parameters behind it. Raises ValueError for a negative seed."""
    truth = truth_of(settings, seed)
    return _deals(truth, 0, settings.rows), truth


def stream(settings: Settings, seed: int, chunk_rows: int = CHUNK_ROWS) -> Iterator[pd.DataFrame]:
    """Yield the export of `generate_with_truth` in frames of `chunk_rows`, the last one shorter, with a continuous index.

    The size of the chunks does not change the deals, but below some 10,000 rows each costs as much as 10,000. Raises
    ValueError for chunks of less than one row and for a negative seed, before the first chunk.
    """
    if chunk_rows < 1:
        raise ValueError(f"chunk_rows is {chunk_rows}; expected 1 or more")
    truth, rows = truth_of(settings, seed), settings.rows
    return (_deals(truth, first, min(first + chunk_rows, rows)) for first in range(0, rows, chunk_rows))


def write_parquet(settings: Settings, seed: int, path: Path) -> None:
    """Write the export to a Parquet file of text columns, missing values as empty text, one chunk in memory at a time.

    The same settings and seed give the same bytes. Raises ValueError for a negative seed and OSError where `path`
    cannot be written.
    """
    schema = pa.schema([(name, pa.string()) for name in RAW_COLUMNS])
    chunks = stream(settings, seed, CHUNK_ROWS)
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        for chunk in chunks:
            columns = [pa.array(chunk[name].to_numpy(), pa.string()) for name in RAW_COLUMNS]
            writer.write_table(pa.table(columns, schema=schema))


def _deals(truth: Truth, first: int, last: int) -> pd.DataFrame:
    """Deals `first` to `last` (exclusive) of the export."""
    blocks = range(first // BLOCK, (last - 1) // BLOCK + 1)
    made = [block_of_deals(truth, block) for block in blocks]
    begin = blocks.start * BLOCK
    whole = {
        name: np.concatenate([block[name] for block in made])[first - begin : last - begin] for name in RAW_COLUMNS
    }
    return pd.DataFrame(whole, index=pd.RangeIndex(first, last), dtype=object)
