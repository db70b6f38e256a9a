"""Write a scored batch as JSON, CSV or Parquet, one row per deal, in the order of the request."""

from typing import Literal
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from closecast.platform.spreadsheet import safe
from closecast.scoring.columns import Column
from services.api.batch import write_json
from services.api.batch.score import ScoredTable
from services.api.batch.shared_buffer import BytesLike
from services.api.schemas.predictions import ModelVersion

JSON: Literal["application/json"] = "application/json"
CSV: Literal["text/csv"] = "text/csv"
PARQUET: Literal["application/vnd.apache.parquet"] = "application/vnd.apache.parquet"
MEDIA_TYPES = (JSON, CSV, PARQUET)


def encoded(scored: ScoredTable, media_type: str, identifier: UUID, model: ModelVersion) -> tuple[BytesLike, ...]:
    """Encode the answer in one of MEDIA_TYPES, in consecutive parts."""
    if media_type == JSON:
        return write_json.encoded(scored, identifier, model)
    table = _table(scored, identifier, model)
    target = pa.BufferOutputStream()
    if media_type == CSV:
        pyarrow.csv.write_csv(_for_people(table), target)
    else:
        pq.write_table(table, target, compression="zstd", compression_level=1)
    return (memoryview(target.getvalue()),)


def _for_people(table: pa.Table) -> pa.Table:
    """Escape formulas, because CSV is opened in spreadsheets. JSON and Parquet are for machines and stay unchanged."""
    for place, name in enumerate(table.column_names):
        if pa.types.is_string(table.schema.field(name).type):
            encoded = table.column(place).combine_chunks().dictionary_encode()
            texts = [None if one is None else safe(one) for one in encoded.dictionary.to_pylist()]
            table = table.set_column(place, name, pa.array(texts, pa.string()).take(encoded.indices))
    return table


def _table(scored: ScoredTable, identifier: UUID, model: ModelVersion) -> pa.Table:
    count, question = len(scored.table), scored.question
    probability = np.zeros(count)
    probability[scored.rows] = scored.probability
    missing = np.ones(count, dtype=bool)
    missing[scored.rows] = False
    problems: list[str | None] = [None] * count
    for row, error in scored.refused.items():
        problems[row] = str(error)
    unseen: list[str | None] = [None] * count
    for row, names in scored.unseen.items():
        unseen[row] = ";".join(names)
    columns = {
        "row": pa.array(np.arange(count), pa.int32()),
        "opportunity_id": scored.identifiers,
        **{name: scored.names[name].arrow(pa.string()) for name in ("sales_agent", "product", "account")},
        "engage_date": Column(np.where(missing, -1, scored.engaged.positions), scored.engaged.distinct).arrow(
            pa.date32()
        ),
        "probability": pa.array(probability, mask=missing),
        "unseen": pa.array(unseen, pa.string()),
        "problem": pa.array(problems, pa.string()),
        "as_of": pa.repeat(pa.scalar(question.as_of, pa.date32()), count),
        "by": pa.repeat(pa.scalar(question.by, pa.date32()), count),
        "quarter_start": pa.repeat(pa.scalar(question.quarter.start, pa.date32()), count),
        "quarter_end": pa.repeat(pa.scalar(question.quarter.end, pa.date32()), count),
        "model_version": pa.repeat(pa.scalar(model.version), count),
        "model_run_id": pa.repeat(pa.scalar(model.run_id, pa.string()), count),
        "model_kind": pa.repeat(pa.scalar(model.kind), count),
        "id": pa.repeat(pa.scalar(str(identifier)), count),
    }
    return pa.table(columns)
