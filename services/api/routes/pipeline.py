"""`GET /v1/pipeline`: rank the open deals of the champion's data."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import Parameter

from closecast.deals.horizon import QUARTER_END
from closecast.platform.mlflow.registry import MODEL_NAME
from closecast.platform.request_limits import MOST_DEALS
from closecast.scoring.question import Question, read_horizon
from services.api.access.admission import Requires
from services.api.routes.common import RESPONSES, AsOf, HorizonText
from services.api.schemas.predictions import ModelVersion, Pipeline
from services.api.serving import ranking
from services.api.serving.champion import Champion
from services.api.serving.ranking import Order


@get("/pipeline", sync_to_thread=True, guards=[Requires("viewer")], summary="Rank the open deals", responses=RESPONSES)
def open_pipeline(
    champion: NamedDependency[Champion],
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
) -> Pipeline:
    """Rank the open deals of the model's data, greatest first."""
    served = champion.serving()
    question = Question.ask(served.model, as_of, read_horizon(horizon))
    ranked = ranking.rank(served.model, question, limit, offset, order, weeks_back)
    return Pipeline(
        as_of=question.as_of,
        horizon_days=question.horizon_days,
        by=question.by,
        quarter=question.quarter,
        model=ModelVersion(MODEL_NAME, served.version, served.identity.run_id, served.model.card.kind),
        counts=ranked.counts,
        expected_wins=ranked.expected_wins,
        expected_value=ranked.expected_value,
        deals=ranked.deals,
    )
