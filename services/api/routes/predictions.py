"""`POST /v1/predictions`: scores one deal."""

from typing import Annotated, Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import Body

from closecast.platform.registry import MODEL_NAME
from services.api import scoring
from services.api.admission import Requires
from services.api.champion import Champion
from services.api.routes.common import RESPONSES, serving
from services.api.schemas import ModelVersion, Prediction, PredictionRequest


@post(
    "/predictions",
    status_code=200,
    sync_to_thread=False,
    guards=[Requires("scorer")],
    summary="Score one deal",
    responses=RESPONSES,
)
def predict(
    data: Annotated[PredictionRequest, Body()], champion: NamedDependency[Champion], request: Request[Any, Any, Any]
) -> Prediction:
    """Chance that one open deal is won by a date."""
    served = serving(champion)
    question = scoring.Question.ask(served.model, data.as_of, data.horizon)
    engaged = scoring.engage_date(data.deal, question.as_of)
    probability, by_horizon = scoring.one(served.model, data.deal, engaged, question)
    return Prediction(
        probability=probability,
        as_of=question.as_of,
        horizon_days=question.horizon_days,
        by=question.by,
        probabilities=by_horizon,
        model=ModelVersion(MODEL_NAME, served.version),
        request_id=request.scope["state"]["request_id"],
    )
