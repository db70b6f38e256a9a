"""Score a Parquet file of deals of any size in chunks, in the order of its rows."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from closecast.deals.horizon import Horizon
from closecast.deals.pseudonyms import Pseudonymiser
from closecast.deals.reading.dictionaries import as_dictionaries
from closecast.features.history import ENTITIES
from closecast.models.deal_model import DealModel
from closecast.scoring import many, pseudonyms
from closecast.scoring.columns import Column, DealTable
from closecast.scoring.question import Question
from closecast.scoring.rules import ENDINGS
from closecast.scoring.tables import expected_kind, read_arrow

CHUNK_ROWS = 65_536
_REQUIRED = ("opportunity_id", "sales_agent", "product", "account", "engage_date")
_WORDS = pa.dictionary(pa.int32(), pa.string())


class BatchError(ValueError):
    """The input is not a Parquet file of deals."""


@dataclass(frozen=True)
class RowCounts:
    """Number of rows written, and of those without a probability because they cannot be scored."""

    rows: int
    refused: int


@dataclass(frozen=True)
class _Chunk:
    """One scored chunk; the probability of a refused row has no meaning."""

    identifiers: pa.Array
    refused: Column  # of each row, its NotScorableError
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
    by: Pseudonymiser | None = None,
) -> RowCounts:
    """Write opportunity_id, probability, problem, as_of, horizon_days, model_version and model_run_id of each row of `source`.

    `source` and `target` are whatever pyarrow reads from and writes to (paths or files). The probability is null where
    `problem` says why the deal cannot be scored (closecast.scoring.rules). The same input and model give bit-identical
    values; the layout of the file may differ. `by` replaces forgotten values, and those that the model knows by
    pseudonyms (closecast.scoring.pseudonyms.NoKeyError without it). Memory holds two chunks more than there are `threads`. Raises BatchError
    and, for a date or a horizon out of range, NotScorableError.
    """
    question = Question.ask(model, as_of, horizon)
    with _readable("the input is not Parquet"):
        found = pq.ParquetFile(source)
        _require_columns(found.schema_arrow)
        columns = [*_REQUIRED, *(name for name in ENDINGS if name in found.schema_arrow.names)]
        words = as_dictionaries(found.metadata, [name for name in (*ENTITIES, "deal_stage") if name in columns])
        if hasattr(source, "seek"):
            source.seek(0)
        file = pq.ParquetFile(source, read_dictionary=words)
    schema = pa.schema(
        [
            ("opportunity_id", pa.string()),
            ("probability", pa.float64()),
            ("problem", _WORDS),
            ("as_of", pa.date32()),
            ("horizon_days", pa.int32()),
            ("model_version", _WORDS),
            ("model_run_id", _WORDS),
        ]
    )
    rows, refused, named = 0, 0, (version, run_id)
    # Identifiers are all different: a dictionary of them is useless.
    writer = pq.ParquetWriter(
        target,
        schema,
        compression="zstd",
        compression_level=1,
        write_statistics=False,
        use_dictionary=["problem", "as_of", "horizon_days", "model_version", "model_run_id"],
    )
    with _readable("the input is damaged"), writer, ThreadPoolExecutor(threads, "chunk") as workers:
        coming: deque[Future[_Chunk]] = deque()
        for batch in file.iter_batches(CHUNK_ROWS, columns=columns):
            # Chunks in parallel keep every processor busy; one chunk on several would wait for the slowest part.
            coming.append(workers.submit(_scored, model, batch, question, by))
            if len(coming) > threads + 1:
                refused += _write(writer, schema, coming.popleft().result(), question, named)
            rows += batch.num_rows
        while coming:
            refused += _write(writer, schema, coming.popleft().result(), question, named)
    return RowCounts(rows, refused)


def _require_columns(found: pa.Schema) -> None:
    """Raise BatchError unless each required column occurs once, with an accepted type."""
    missing = [name for name in _REQUIRED if name not in found.names]
    if missing:
        raise BatchError(f"the input lacks the column {', '.join(missing)}; it has {', '.join(found.names)}")
    for name in (*_REQUIRED, *ENDINGS):
        if found.names.count(name) > 1:
            raise BatchError(f"the input has the column {name} {found.names.count(name)} times")
        if name in found.names and (expected := expected_kind(name, found.field(name).type)) is not None:
            kind = str(found.field(name).type)[:100]
            raise BatchError(f"the input's column {name} is of type {kind}; expected {expected}")


@contextmanager
def _readable(what: str) -> Iterator[None]:
    """Turn Arrow's read errors, but not the system's, into a BatchError that begins with `what`."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError, OverflowError) as error:
        raise BatchError(f"{what}: {_line(error)}") from error
    except OSError as error:
        # Arrow also raises OSError for unreadable pages, but without an errno.
        if error.errno is not None:
            raise
        raise BatchError(f"{what}: {_line(error)}") from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _write(
    writer: pq.ParquetWriter, schema: pa.Schema, chunk: _Chunk, question: Question, named: tuple[str | None, ...]
) -> int:
    """Write a chunk and return how many rows have no probability."""
    count, positions = len(chunk.probability), chunk.refused.positions
    refused = positions >= 0
    problems = pa.array(map(str, chunk.refused.distinct), pa.string())
    columns = [
        chunk.identifiers,
        pa.array(chunk.probability, mask=refused),
        pa.DictionaryArray.from_arrays(pa.array(positions.astype(np.int32), mask=~refused), problems),
        pa.repeat(pa.scalar(question.as_of, pa.date32()), count),
        pa.repeat(pa.scalar(question.horizon_days, pa.int32()), count),
        *(_throughout(one, count) for one in named),
    ]
    writer.write_table(pa.table(columns, schema=schema))
    return int(refused.sum())


def _throughout(word: str | None, count: int) -> pa.DictionaryArray:
    """A column of `count` equal values."""
    places = pa.array(np.zeros(count, np.int32), mask=np.full(count, word is None))
    return pa.DictionaryArray.from_arrays(places, pa.array([word or ""]))


def _scored(model: DealModel, batch: pa.RecordBatch, question: Question, by: Pseudonymiser | None) -> _Chunk:
    identifiers = pc.cast(batch.column("opportunity_id"), pa.string())
    columns = {name: read_arrow(name, batch.column(name)) for name in batch.schema.names if name != "opportunity_id"}
    deals = pseudonyms.table(DealTable(identifiers, columns), model.card.pseudonymised, by)
    judged, answers = many.score(model, deals, question)
    probability = np.zeros(batch.num_rows)
    probability[judged.rows] = answers
    return _Chunk(deals.identifiers, judged.refused, probability)
