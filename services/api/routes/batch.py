"""`POST /v1/predictions/batch`: score up to 10,000 deals."""

from dataclasses import dataclass
from typing import Any

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
)

from closecast.deals.horizon import MAX_HORIZON_DAYS, QUARTER_END
from closecast.platform.request_limits import MOST_DEALS
from services.api.access.admission import Requires
from services.api.batch.request import BatchRequests
from services.api.batch.write import CSV, JSON, MEDIA_TYPES, PARQUET
from services.api.middleware.strict_request import TAKEN
from services.api.routes.common import RESPONSES, AsOf, HorizonText, MappingText
from services.api.schemas.predictions import BatchPrediction


@dataclass
class _BatchOperation(Operation):
    """The OpenAPI operation: body and answer have three media types, which the handler distinguishes itself."""

    def __post_init__(self) -> None:
        # Any object is accepted: one that is not a Deal gets its problem as the answer, without affecting the others.
        deal = Schema(type=OpenAPIType.OBJECT, description="A Deal; one that cannot be scored gets an error")
        deals = Schema(type=OpenAPIType.ARRAY, items=deal, max_items=MOST_DEALS)
        optional = {
            "as_of": Schema(
                one_of=[Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.DATE), Schema(type=OpenAPIType.NULL)]
            ),
            "horizon": Schema(
                one_of=[
                    Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=MAX_HORIZON_DAYS),
                    Schema(type=OpenAPIType.STRING, const=QUARTER_END),
                ]
            ),
        }
        sent = Schema(type=OpenAPIType.OBJECT, properties={"deals": deals, **optional}, required=["deals"])
        export = Schema(type=OpenAPIType.STRING, description="Raw columns of the CRM export, header first")
        parquet = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="The same columns")
        self.request_body = RequestBody(
            required=True,
            content={
                JSON: OpenAPIMediaType(schema=sent),
                CSV: OpenAPIMediaType(schema=export),
                PARQUET: OpenAPIMediaType(schema=parquet),
            },
        )
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse) and answer.content is not None:
            table = "One row per deal, with the columns probability and problem, if the header Accept asks for it"
            answer.content[CSV] = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, description=table))
            answer.content[PARQUET] = OpenAPIMediaType(
                schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description=table)
            )


@post(
    "/predictions/batch",
    status_code=200,
    guards=[Requires("scorer")],
    opt={TAKEN: MEDIA_TYPES},
    summary="Score up to 10,000 deals",
    operation_class=_BatchOperation,
    responses=RESPONSES,
)
async def predict_batch(
    batches: NamedDependency[BatchRequests],
    request: Request[Any, Any, Any],
    as_of: AsOf = None,
    horizon: HorizonText = QUARTER_END,
    mapping: MappingText = "",
) -> Response[BatchPrediction]:
    """Score deals in JSON (`{"deals": […], "as_of", "horizon"}`), CSV or Parquet (`as_of`, `horizon` in the query).

    CSV and Parquet may be an export as a CRM writes it. It is read by the profile that `mapping` names, else by the mapping that the
    model learnt with, or one that fits with certainty. Rows of the answer are counted among its deals.

    The answer is JSON, or CSV or Parquet if the header Accept asks for it.
    """
    return await batches.answer(request, as_of, horizon, mapping or None)
