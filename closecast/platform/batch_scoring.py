"""Scores a Parquet file of any size in chunks: deals in raw columns in, probabilities out, in the same order."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from closecast.deals.calendar import day_number
from closecast.deals.dates import read_dates
from closecast.deals.horizon import Horizon, horizon_days
from closecast.deals.vocabulary import PRODUCT_ALIASES
from closecast.features.history import ENTITIES
from closecast.models.deal_model import DealModel
from closecast.platform.parquet_texts import as_dictionaries
from closecast.scoring import scorable

CHUNK_ROWS = 65_536
_REQUIRED = ("opportunity_id", "sales_agent", "product", "account", "engage_date")
_NO_DAY = np.iinfo(np.int64).min
_WORDS = pa.dictionary(pa.int32(), pa.string())
PROBLEMS = ("engage_date is missing or no date", "engaged after the as-of date", scorable.IS_CLOSED, scorable.UNKNOWN_STAGE,
            scorable.HAS_CLOSING)  # fmt: skip
NO_DATE, FUTURE, IS_CLOSED, UNKNOWN_STAGE, HAS_CLOSING = range(5)


class BatchError(ValueError):
    """The input is no Parquet file of deals."""


@dataclass(frozen=True)
class Scored:
    """What was written: rows in all, and those without a probability because they cannot be scored."""

    rows: int
    refused: int


@dataclass(frozen=True)
class _Chunk:
    """One chunk, scored; the probability means nothing where there is a problem."""

    identifiers: pa.Array
    problems: NDArray[np.int32]  # position in PROBLEMS, -1 for none
    probability: NDArray[np.float64]


def score_parquet(
    model: DealModel,
    version: str,
    source: Any,
    target: Any,
    as_of: date,
    horizon: Horizon,
    threads: int = 1,
    run_id: str | None = None,
) -> Scored:
    """Write opportunity_id, probability, problem, as_of, horizon_days, model_version and model_run_id of each row of `source`.

    `source` and `target` are whatever pyarrow reads from and writes to (paths or files). The probability is null where
    `problem` says why the deal cannot be scored. The same input and model give the same bytes. Memory
    holds two chunks more than there are `threads`. Raises BatchError and, for a horizon out of range, ValueError.
    """
    days = horizon_days(as_of, horizon, model.card.fiscal)
    with _readable("the input is not Parquet"):
        found = pq.ParquetFile(source)
        _require_columns(found.schema_arrow)
        columns = [*_REQUIRED, *(name for name in scorable.JUDGED if name in found.schema_arrow.names)]
        words = as_dictionaries(found.metadata, [name for name in (*ENTITIES, "deal_stage") if name in columns])
        if hasattr(source, "seek"):
            source.seek(0)
        file = pq.ParquetFile(source, read_dictionary=words)
    schema = pa.schema(
        [("opportunity_id", pa.string()), ("probability", pa.float64()), ("problem", _WORDS), ("as_of", pa.date32()),
         ("horizon_days", pa.int32()), ("model_version", _WORDS), ("model_run_id", _WORDS)]
    )  # fmt: skip
    rows, refused, named = 0, 0, (version, run_id)
    # Identifiers are all different: a dictionary of them would be built in vain.
    writer = pq.ParquetWriter(
        target, schema, compression="zstd", compression_level=1, write_statistics=False,
        use_dictionary=["problem", "as_of", "horizon_days", "model_version", "model_run_id"],
    )  # fmt: skip
    with _readable("the input is damaged"), writer, ThreadPoolExecutor(threads, "chunk") as workers:
        coming: deque[Future[_Chunk]] = deque()
        for batch in file.iter_batches(CHUNK_ROWS, columns=columns):
            # Whole chunks side by side keep every processor busy; one chunk on several would wait for the slowest part.
            coming.append(workers.submit(_scored, model, batch, as_of, days))
            if len(coming) > threads + 1:
                refused += _write(writer, schema, coming.popleft().result(), as_of, days, named)
            rows += batch.num_rows
        while coming:
            refused += _write(writer, schema, coming.popleft().result(), as_of, days, named)
    return Scored(rows, refused)


def _require_columns(found: pa.Schema) -> None:
    """Raises BatchError unless each column that is needed is there once, with plain values."""
    missing = [name for name in _REQUIRED if name not in found.names]
    if missing:
        raise BatchError(f"the input lacks the column {', '.join(missing)}; it has {', '.join(found.names)}")
    for name in (*_REQUIRED, *scorable.JUDGED):
        if found.names.count(name) > 1:
            raise BatchError(f"the input has the column {name} {found.names.count(name)} times")
        if name in found.names and not _is_plain(found.field(name).type):
            raise BatchError(
                f"the input's column {name} is of type {str(found.field(name).type)[:100]}; expected text or a date"
            )


def _is_plain(kind: pa.DataType) -> bool:
    """Whether values of `kind` are single words, numbers or days, as columns or as a dictionary of them."""
    types = pa.types
    value = kind.value_type if types.is_dictionary(kind) else kind
    tests = (types.is_string, types.is_large_string, types.is_string_view, types.is_binary, types.is_large_binary,
             types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_date, types.is_timestamp,
             types.is_null)  # fmt: skip
    return any(test(value) for test in tests)


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """What Arrow cannot read becomes a BatchError that begins with `what`; a failure of this machine's disk does not."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OverflowError) as error:
        raise BatchError(f"{what}: {_line(error)}") from error
    except OSError as error:
        # Arrow tells of unreadable pages by an OSError too, which then carries no number of the system's.
        if error.errno is not None:
            raise
        raise BatchError(f"{what}: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _write(
    writer: pq.ParquetWriter, schema: pa.Schema, chunk: _Chunk, as_of: date, days: int, named: tuple[str | None, ...]
) -> int:
    """Returns how many rows have no probability."""
    count = len(chunk.probability)
    refused = chunk.problems >= 0
    columns = [
        chunk.identifiers,
        pa.array(chunk.probability, mask=refused),
        pa.DictionaryArray.from_arrays(pa.array(np.maximum(chunk.problems, 0), mask=~refused), pa.array(PROBLEMS)),
        pa.repeat(pa.scalar(as_of, pa.date32()), count),
        pa.repeat(pa.scalar(days, pa.int32()), count),
        *(_throughout(one, count) for one in named),
    ]
    writer.write_table(pa.table(columns, schema=schema))
    return int(refused.sum())


def _throughout(word: str | None, count: int) -> pa.DictionaryArray:
    """The same in each row."""
    places = pa.array(np.zeros(count, np.int32), mask=np.full(count, word is None))
    return pa.DictionaryArray.from_arrays(places, pa.array([word or ""]))


def _scored(model: DealModel, batch: pa.RecordBatch, as_of: date, days: int) -> _Chunk:
    moment = day_number(as_of)
    identifiers = pc.cast(batch.column("opportunity_id"), pa.string())
    engaged = _days(batch.column("engage_date"))
    problems = np.full(batch.num_rows, -1, dtype=np.int32)
    problems[engaged > moment] = FUTURE
    problems[engaged == _NO_DAY] = NO_DATE
    # The first of these that holds is told, so it is written last.
    for name in (one for one in reversed(scorable.JUDGED) if one in batch.schema.names):
        positions, distinct = _dictionary(batch.column(name))
        barred = [scorable.bar(name, one) for one in distinct]
        places = np.array([*(-1 if one is None else PROBLEMS.index(one) for one in barred), -1], dtype=np.int32)[
            positions
        ]
        problems[places >= 0] = places[places >= 0]
    kept = np.flatnonzero(problems < 0)
    names = {entity: _dictionary(batch.column(entity)) for entity in ENTITIES}
    positions, distinct = names["product"]
    names["product"] = positions, [PRODUCT_ALIASES.get(text or "", text) for text in distinct]
    subjects = model.builder.history.subjects_of(
        engaged, names, lambda rows: list(identifiers.take(pa.array(rows)).to_pylist())
    )
    matrix = model.builder.matrix(
        subjects, kept, np.full(len(kept), np.datetime64(as_of, "D")), np.full(len(kept), days, dtype=np.int64)
    )
    probability = np.zeros(batch.num_rows)
    probability[kept] = model.scorer.predict(matrix)
    return _Chunk(identifiers, problems, probability)


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


def _dictionary(column: pa.Array) -> tuple[NDArray[np.int64], list[str | None]]:
    """Positions, -1 where missing or empty, and the distinct texts."""
    if pa.types.is_dictionary(column.type) and not pa.types.is_string(column.type.value_type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    encoded = column if pa.types.is_dictionary(column.type) else pc.cast(column, pa.string()).dictionary_encode()
    positions = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    distinct = [text.strip() if isinstance(text, str) else None for text in encoded.dictionary.to_pylist()]
    empty = [place for place, text in enumerate(distinct) if not text]
    if empty:
        positions[np.isin(positions, empty)] = -1
    return positions, distinct
