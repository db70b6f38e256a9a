"""`GET /v1/pipeline`: rank the open deals of the champion's data."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.params import Parameter

from closecast.deals.horizon import QUARTER_END
from closecast.platform.mlflow.registry import MODEL_NAME
from closecast.platform.request_limits import MOST_DEALS
from closecast.scoring.question import Question, read_horizon
from closecast.scoring.rules import MAX_TEXT
from services.api.access.admission import Requires
from services.api.middleware.strict_request import MOST_NAMES
from services.api.routes.common import RESPONSES, AsOf, HorizonText
from services.api.schemas.predictions import ModelVersion, Pipeline
from services.api.serving.champion import Champion
from services.api.serving.ranking import Filters, Order, Rankings

_MOST = 10**12
# Litestar describes what may be left out as one of two types, without its bounds; they are told here.
_Names = Annotated[
    list[str] | None,
    Parameter(
        description="Only these; may be repeated",
        schema_extra={
            "one_of": None,
            "type": OpenAPIType.ARRAY,
            "items": Schema(type=OpenAPIType.STRING, min_length=1, max_length=MAX_TEXT),
            "max_items": MOST_NAMES,
        },
    ),
]
_Bound = Annotated[
    int | None,
    Parameter(
        ge=0,
        le=_MOST,
        description="Days open, and the product's usual price, bounds included",
        schema_extra={"one_of": None, "type": OpenAPIType.INTEGER, "minimum": 0, "maximum": _MOST},
    ),
]


@get("/pipeline", sync_to_thread=True, guards=[Requires("viewer")], summary="Rank the open deals", responses=RESPONSES)
def open_pipeline(
    champion: NamedDependency[Champion],
    rankings: NamedDependency[Rankings],
    as_of: AsOf = None,
    horizon: HorizonText = QUARTER_END,
    limit: Annotated[int, Parameter(ge=1, le=MOST_DEALS)] = 100,
    offset: Annotated[int, Parameter(ge=0, le=10_000_000)] = 0,
    order: Annotated[
        Order, Parameter(description="stake: price times p (1 - p), greatest where the most is undecided")
    ] = "probability",
    weeks_back: Annotated[
        int, Parameter(ge=0, le=12, description="Give each deal's chance of so many weeks before too; 0: none")
    ] = 0,
    sales_agent: _Names = None,
    product: _Names = None,
    account: Annotated[
        str | None,
        Parameter(
            description="Only accounts whose names hold this, in any case",
            schema_extra={"one_of": None, "type": OpenAPIType.STRING, "min_length": 1, "max_length": MAX_TEXT},
        ),
    ] = None,
    manager: _Names = None,
    region: _Names = None,
    min_age: _Bound = None,
    max_age: _Bound = None,
    min_price: _Bound = None,
    max_price: _Bound = None,
) -> Pipeline:
    """Rank the open deals of the model's data that match, greatest first. Counts and sums are of all that match."""
    served = champion.serving()
    question = Question.ask(served.model, as_of, read_horizon(horizon))
    filters = Filters(
        tuple(sales_agent or ()),
        tuple(product or ()),
        account or "",
        tuple(manager or ()),
        tuple(region or ()),
        min_age,
        max_age,
        min_price,
        max_price,
    )
    ranked = rankings.rank(served.model, question, limit, offset, filters, order, weeks_back)
    return Pipeline(
        as_of=question.as_of,
        horizon_days=question.horizon_days,
        by=question.by,
        quarter=question.quarter,
        model=ModelVersion(MODEL_NAME, served.version, served.identity.run_id, served.model.card.kind),
        counts=ranked.counts,
        choices=ranked.choices,
        expected_wins=ranked.expected_wins,
        expected_value=ranked.expected_value,
        deals=ranked.deals,
    )
