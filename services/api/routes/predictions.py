"""`POST /v1/predictions`: score one deal."""

from typing import Annotated, Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import Body

from services.api.access.admission import Requires
from services.api.middleware.strict_request import OWN_COLUMNS
from services.api.routes.common import RESPONSES
from services.api.schemas.predictions import Prediction, PredictionRequest
from services.api.serving.predictor import Predictor


@post(
    "/predictions",
    status_code=200,
    sync_to_thread=True,
    guards=[Requires("scorer")],
    opt={OWN_COLUMNS: True},
    summary="Score one deal",
    responses=RESPONSES,
)
def predict(
    data: Annotated[PredictionRequest, Body()], predictor: NamedDependency[Predictor], request: Request[Any, Any, Any]
) -> Prediction:
    """Predict the chance that one open deal is won by a date."""
    return predictor.predict(data, request.scope["state"]["caller"].id, request.scope["state"]["request_id"])
