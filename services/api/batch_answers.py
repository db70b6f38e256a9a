"""A scored batch in the words of the caller's choice: JSON, CSV or Parquet, one row for each deal sent, in their order."""

import io
import itertools
from typing import Any, Literal
from uuid import UUID

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from closecast.platform.registry import MODEL_NAME
from services.api.batch import Scored
from services.api.batch_sheet import Column
from services.api.problems import InvalidInputError, of_invalid
from services.api.schemas import BatchPrediction, ModelVersion, ScoredDeal

JSON: Literal["application/json"] = "application/json"
CSV: Literal["text/csv"] = "text/csv"
PARQUET: Literal["application/vnd.apache.parquet"] = "application/vnd.apache.parquet"
MEDIA_TYPES = (JSON, CSV, PARQUET)


def encoded(scored: Scored, media_type: str, identifier: UUID, version: str) -> bytes:
    """The answer in one of MEDIA_TYPES."""
    if media_type == JSON:
        return _json(scored, identifier, version)
    table = _table(scored, identifier, version)
    target = io.BytesIO()
    if media_type == CSV:
        pyarrow.csv.write_csv(table, target)
    else:
        pq.write_table(table, target, compression="zstd", compression_level=1)
    return target.getvalue()


def _json(scored: Scored, identifier: UUID, version: str) -> bytes:
    question = scored.question
    probabilities: list[float | None] = scored.probability.tolist()
    if scored.refused:
        given = dict(zip(scored.rows.tolist(), probabilities, strict=True))
        probabilities = [given.get(row) for row in range(len(scored.sheet))]
    identifiers = _identifiers(scored)
    names = [scored.names[entity].values() for entity in ("sales_agent", "product", "account")]
    columns = zip(range(len(scored.sheet)), identifiers, *names, scored.engaged.values(), probabilities, strict=True)
    predictions = list(itertools.starmap(ScoredDeal, columns))
    for row, strange in scored.unseen.items():
        predictions[row] = msgspec.structs.replace(predictions[row], unseen=strange)
    for row, error in scored.refused.items():
        predictions[row] = ScoredDeal(row, identifiers[row], error=_problem(error))
    answer = BatchPrediction(
        identifier, ModelVersion(MODEL_NAME, version), question.as_of, question.horizon_days, question.by, predictions
    )
    return msgspec.json.encode(answer)


def _table(scored: Scored, identifier: UUID, version: str) -> pa.Table:
    count, question = len(scored.sheet), scored.question
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
        "opportunity_id": pa.array(_identifiers(scored), pa.string()),
        **{name: scored.names[name].arrow(pa.string()) for name in ("sales_agent", "product", "account")},
        "engage_date": Column(np.where(missing, -1, scored.engaged.positions), scored.engaged.distinct).arrow(
            pa.date32()
        ),
        "probability": pa.array(probability, mask=missing),
        "unseen": pa.array(unseen, pa.string()),
        "problem": pa.array(problems, pa.string()),
        "as_of": pa.repeat(pa.scalar(question.as_of, pa.date32()), count),
        "by": pa.repeat(pa.scalar(question.by, pa.date32()), count),
        "model_version": pa.repeat(pa.scalar(version), count),
        "id": pa.repeat(pa.scalar(str(identifier)), count),
    }
    return pa.table(columns)


def _identifiers(scored: Scored) -> list[str | None]:
    return [one or None for one in scored.sheet.identifiers]


def _problem(error: InvalidInputError) -> dict[str, Any]:
    problem: dict[str, Any] = msgspec.to_builtins(of_invalid(error))
    return problem
