"""`POST /v1/predictions/batch`: scores up to 10,000 deals."""

from dataclasses import dataclass
from typing import Any

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Reference,
    RequestBody,
    Schema,
)
from litestar.params import RawBody

from closecast.features.horizon import MAX_HORIZON_DAYS, QUARTER_END
from closecast.platform.registry import MODEL_NAME
from services.api import batch, scoring
from services.api.admission import Requires, charge
from services.api.champion import Champion
from services.api.doors import Doors
from services.api.problems import InvalidInputError
from services.api.routes.common import RESPONSES, AsOf, HorizonText, horizon_of, serving
from services.api.schemas import BatchPrediction, BatchRequest, ModelVersion


@dataclass
class _BatchOperation(Operation):
    """The body comes in two media types, which the handler tells apart itself."""

    def __post_init__(self) -> None:
        deals = Schema(
            type=OpenAPIType.ARRAY, items=Reference(ref="#/components/schemas/Deal"), max_items=batch.MAX_ROWS
        )
        optional = {
            "as_of": Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE),
            "horizon": Schema(
                one_of=[
                    Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=MAX_HORIZON_DAYS),
                    Schema(type=OpenAPIType.STRING, const=QUARTER_END),
                ]
            ),
        }
        sent = Schema(type=OpenAPIType.OBJECT, properties={"deals": deals, **optional}, required=["deals"])
        export = Schema(type=OpenAPIType.STRING, description="Raw columns of the CRM export, header first")
        self.request_body = RequestBody(
            required=True,
            content={"application/json": OpenAPIMediaType(schema=sent), "text/csv": OpenAPIMediaType(schema=export)},
        )


@post(
    "/predictions/batch",
    status_code=200,
    sync_to_thread=True,
    guards=[Requires("scorer")],
    summary="Score up to 10,000 deals",
    operation_class=_BatchOperation,
    responses=RESPONSES,
)
def predict_batch(
    body: RawBody,
    champion: NamedDependency[Champion],
    doors: NamedDependency[Doors],
    request: Request[Any, Any, Any],
    as_of: AsOf = None,
    horizon: HorizonText = QUARTER_END,
) -> BatchPrediction:
    """Deals as JSON (`{"deals": […], "as_of", "horizon"}`) or as a CSV export (`as_of` and `horizon` in the query)."""
    served = serving(champion)
    if request.content_type[0] == "text/csv":
        rows = batch.read_csv(body)
        question = scoring.Question.ask(served.model, as_of, horizon_of(horizon))
    else:
        sent = _batch_request(body)
        rows = sent.deals
        question = scoring.Question.ask(served.model, sent.as_of, sent.horizon)
    charge(request.scope, doors.limits, max(0, len(rows) - 1))
    return BatchPrediction(
        model=ModelVersion(MODEL_NAME, served.version),
        as_of=question.as_of,
        horizon_days=question.horizon_days,
        by=question.by,
        predictions=batch.score(served.model, rows, question),
    )


def _batch_request(body: bytes) -> BatchRequest:
    try:
        return msgspec.json.decode(body, type=BatchRequest)
    except msgspec.DecodeError as error:
        message, _, path = str(error).partition(" - at `$.")
        expected = (
            '{"deals": [{…}], "as_of": date?, "horizon": days or "quarter_end"?} or CSV with Content-Type text/csv'
        )
        raise InvalidInputError(path.rstrip("`") or "body", None, expected, message) from error
