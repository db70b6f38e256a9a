"""`GET /v1/predictions/{id}`: a recorded prediction."""

import time
import uuid
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIType
from litestar.params import FromPath, Parameter
from msgspec import Meta, Struct

from closecast.platform.journal.entry import made_at
from closecast.platform.mlflow.registry import MODEL_NAME
from closecast.platform.request_limits import MOST_DEALS
from services.api.access.admission import Requires
from services.api.problems import MEDIA_TYPE, Problem
from services.api.records.database import Records
from services.api.routes.common import RESPONSES
from services.api.schemas.predictions import ModelVersion

_ON_ITS_WAY_S = 60.0
# Litestar drops the bounds of a union from the schema; they are repeated here.
Row = Annotated[
    int | None,
    Parameter(
        ge=0,
        le=MOST_DEALS,
        description="Row of a batch; default: the first",
        schema_extra={"one_of": None, "type": OpenAPIType.INTEGER, "minimum": 0, "maximum": MOST_DEALS},
    ),
]
_ABSENT = ResponseSpec(
    Problem, description="No such prediction, or not yet", media_type=MEDIA_TYPE, generate_examples=False
)


class RecordedPrediction(Struct, frozen=True):
    """One recorded prediction, with the model's input features."""

    id: uuid.UUID
    row: Annotated[int, Meta(description="Position in its request, from 0")]
    rows: Annotated[int, Meta(description="Number of predictions recorded for this request")]
    request_id: str
    time: Annotated[datetime, Meta(description="When it was answered")]
    caller: Annotated[str, Meta(description="The caller's id")]
    kind: str
    deal: Annotated[dict[str, Any], Meta(description="The deal as it was sent")]
    unseen: Annotated[list[str], Meta(description="Columns whose value the model's history did not know")]
    as_of: date
    horizon_days: int
    by: date
    probability: float
    probabilities: Annotated[dict[str, float] | None, Meta(description="By horizon; null for a batch")]
    model: ModelVersion
    days: Annotated[list[int], Meta(description="The horizon in days of each line of `features`")]
    features: Annotated[list[list[float]], Meta(description="The model's input, bit for bit; /v1/model has the names")]


@get(
    "/predictions/{id:uuid}",
    sync_to_thread=True,
    guards=[Requires("viewer")],
    summary="Read a recorded prediction",
    responses={status: RESPONSES[status] for status in (400, 401, 503)} | {404: _ABSENT},
)
def recorded(
    id: FromPath[uuid.UUID],
    records: NamedDependency[Records],
    row: Row = None,
) -> RecordedPrediction:
    """Read a prediction by the id of its answer."""
    found = records.find(id, row)
    if found is None:
        raise NotFoundException(_absent(id, row))
    known = {name: getattr(found, name) for name in RecordedPrediction.__struct_fields__ if hasattr(found, name)}
    return RecordedPrediction(
        **known,
        by=found.as_of + timedelta(days=found.horizon_days),
        model=ModelVersion(MODEL_NAME, found.model_version, found.model_run_id, None),
    )


def _absent(identifier: uuid.UUID, row: int | None) -> str:
    made = made_at(identifier)
    age = None if made is None else time.time() - made
    what = f"the prediction {identifier}" + ("" if row is None else f", row {row},")
    if age is not None and -_ON_ITS_WAY_S < age < _ON_ITS_WAY_S:
        return f"{what} is not recorded yet: predictions get here within seconds of their answer; ask again in a moment"
    return f"{what} is not known: take the id from an answer of POST /v1/predictions, not its request_id"
