"""Scores a Parquet file of any size in chunks: deals in raw columns in, probabilities out, in the same order."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from closecast.deals.contract import PRODUCT_ALIASES
from closecast.deals.schema import CLOSED, read_dates
from closecast.features import lot
from closecast.features.history import ENTITIES, Subjects
from closecast.features.horizon import Horizon, horizon_days
from closecast.models.deal_model import DealModel

CHUNK_ROWS = 131_072
_REQUIRED = ("opportunity_id", "sales_agent", "product", "account", "engage_date")
_EPOCH = np.datetime64("1970-01-01")
_NO_DAY = np.iinfo(np.int64).min
_WORDS = pa.dictionary(pa.int32(), pa.string())
NO_DATE, FUTURE, IS_CLOSED = "engage_date is missing or no date", "engaged after the as-of date", "the deal is closed"


class BatchError(ValueError):
    """The input is no Parquet file of deals."""


@dataclass(frozen=True)
class Scored:
    """What was written: rows in all, and those without a probability because they cannot be scored."""

    rows: int
    refused: int


@dataclass(frozen=True)
class _Chunk:
    """One chunk, ready for the model: `kept` are the positions of the rows that `matrix` holds."""

    identifiers: pa.Array
    problems: NDArray[Any]
    kept: NDArray[np.int64]
    matrix: NDArray[np.float64]


def score_parquet(
    model: DealModel, version: str, source: Any, target: Any, as_of: date, horizon: Horizon, threads: int = 1
) -> Scored:
    """Write opportunity_id, probability, problem, as_of, horizon_days and model_version of each row of `source`.

    `source` and `target` are whatever pyarrow reads from and writes to (paths or files). The probability is null where
    `problem` says why the deal cannot be scored. The same input and model give the same bytes. While the model works on
    one chunk the next is made ready, so memory holds two. Raises BatchError and, for a horizon out of range, ValueError.
    """
    days = horizon_days(as_of, horizon)
    try:
        file = pq.ParquetFile(source)
    except pa.ArrowInvalid as error:
        raise BatchError(f"the input is not Parquet: {error}") from error
    missing = [name for name in _REQUIRED if name not in file.schema_arrow.names]
    if missing:
        raise BatchError(
            f"the input lacks the column {', '.join(missing)}; it has {', '.join(file.schema_arrow.names)}"
        )
    schema = pa.schema(
        [("opportunity_id", pa.string()), ("probability", pa.float64()), ("problem", _WORDS), ("as_of", pa.date32()),
         ("horizon_days", pa.int32()), ("model_version", _WORDS)]
    )  # fmt: skip
    rows = refused = 0
    with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1) as writer:
        for chunk in _ready(model, file, as_of, days):
            count = len(chunk.identifiers)
            probability = np.full(count, np.nan)
            probability[chunk.kept] = model.scorer.predict(chunk.matrix, threads)
            writer.write_table(
                pa.table(
                    [
                        chunk.identifiers,
                        pa.array(probability, mask=np.isnan(probability)),
                        pa.array(chunk.problems, pa.string()).dictionary_encode(),
                        pa.repeat(pa.scalar(as_of, pa.date32()), count),
                        pa.repeat(pa.scalar(days, pa.int32()), count),
                        pa.repeat(version, count).dictionary_encode(),
                    ],
                    schema=schema,
                )
            )
            rows, refused = rows + count, refused + count - len(chunk.kept)
    return Scored(rows, refused)


def _ready(model: DealModel, file: pq.ParquetFile, as_of: date, days: int) -> Iterator[_Chunk]:
    columns = [*_REQUIRED, *(name for name in ("deal_stage",) if name in file.schema_arrow.names)]
    batches = file.iter_batches(CHUNK_ROWS, columns=columns)
    moment = int((np.datetime64(as_of) - _EPOCH).astype(np.int64))

    def one() -> _Chunk | None:
        batch = next(batches, None)
        return None if batch is None else _prepared(model, batch, moment, days)

    with ThreadPoolExecutor(1, "chunk") as ahead:
        coming = ahead.submit(one)
        while (chunk := coming.result()) is not None:
            coming = ahead.submit(one)
            yield chunk


def _prepared(model: DealModel, batch: pa.RecordBatch, as_of: int, days: int) -> _Chunk:
    count = batch.num_rows
    identifiers = pc.cast(batch.column("opportunity_id"), pa.string())
    engaged = _days(batch.column("engage_date"))
    problems = np.full(count, None, dtype=object)
    problems[engaged == _NO_DAY] = NO_DATE
    problems[(engaged != _NO_DAY) & (engaged > as_of)] = FUTURE
    if "deal_stage" in batch.schema.names:
        problems[pc.is_in(_dense(batch.column("deal_stage")), pa.array(CLOSED)).to_numpy(zero_copy_only=False)] = (
            IS_CLOSED
        )
    kept = np.flatnonzero(pd.isna(problems))
    names = {entity: _dictionary(batch.column(entity)) for entity in ENTITIES}
    positions, distinct = names["product"]
    names["product"] = positions, [PRODUCT_ALIASES.get(text or "", text) for text in distinct]
    subjects: Subjects = model.builder.history.subjects_of(engaged, names, _lots(names["account"], identifiers))
    matrix = model.builder.matrix(
        subjects, kept, np.full(len(kept), as_of).astype("M8[D]"), np.full(len(kept), days, dtype=np.int64)
    )
    return _Chunk(identifiers, problems, kept, matrix)


def _days(column: pa.Array) -> NDArray[np.int64]:
    """Days since 1970-01-01, _NO_DAY where there is no date."""
    if pa.types.is_temporal(column.type):
        values = pc.cast(pc.cast(column, pa.date32(), safe=False), pa.int32()).to_numpy(zero_copy_only=False)
        return (
            np.where(np.isnan(values), _NO_DAY, values).astype(np.int64)
            if values.dtype.kind == "f"
            else values.astype(np.int64)
        )
    positions, distinct = _dictionary(column)
    days = read_dates(pd.Series(distinct, dtype=object)).to_numpy(dtype="M8[D]")
    numbers = np.where(np.isnat(days), _NO_DAY, days.astype(np.int64))
    return np.append(numbers, _NO_DAY)[positions]


def _dense(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else pc.cast(column, pa.string())


def _dictionary(column: pa.Array) -> tuple[NDArray[np.int64], list[str | None]]:
    """Positions, -1 where missing or empty, and the distinct texts."""
    encoded = column if pa.types.is_dictionary(column.type) else pc.cast(column, pa.string()).dictionary_encode()
    positions = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    distinct = [text.strip() if isinstance(text, str) else None for text in encoded.dictionary.to_pylist()]
    empty = [place for place, text in enumerate(distinct) if not text]
    if empty:
        positions[np.isin(positions, empty)] = -1
    return positions, distinct


def _lots(accounts: tuple[NDArray[np.int64], list[str | None]], identifiers: pa.Array) -> NDArray[np.float64]:
    lots = np.zeros(len(identifiers))
    unnamed = np.flatnonzero(accounts[0] < 0)
    lots[unnamed] = [lot(text) for text in identifiers.take(pa.array(unnamed)).to_pylist()]
    return lots
