"""`POST /v1/explanations`: explain the chance of a deal."""

from typing import Annotated, Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import Body

from closecast.platform.mlflow.registry import MODEL_NAME
from closecast.scoring.question import Question
from services.api.access.admission import Requires
from services.api.middleware.strict_request import OWN_COLUMNS
from services.api.routes.common import RESPONSES
from services.api.schemas.predictions import (
    Explanation,
    ExplanationBase,
    ExplanationFeature,
    ExplanationGroup,
    ModelVersion,
    PredictionRequest,
)
from services.api.serving.champion import Champion
from services.api.serving.explanations import Explainer


@post(
    "/explanations",
    status_code=200,
    sync_to_thread=True,
    guards=[Requires("scorer")],
    opt={OWN_COLUMNS: True},
    summary="Explain one deal's chance",
    responses=RESPONSES,
)
def explain(
    data: Annotated[PredictionRequest, Body()],
    champion: NamedDependency[Champion],
    explainer: NamedDependency[Explainer],
    request: Request[Any, Any, Any],
) -> Explanation:
    """Explain what raises and lowers the chance of one open deal, by group and by feature.

    The probability is that of `POST /v1/predictions`; the base's is that of the deal that its sentence describes. The
    `points` of the groups add up to the difference of the two; a group's are the sum of its features'.
    """
    served = champion.serving()
    question = Question.ask(served.model, data.as_of, data.horizon)
    explained, text = explainer.explain(served, data.deal, question)
    return Explanation(
        probability=explained.probability,
        as_of=question.as_of,
        horizon_days=question.horizon_days,
        by=question.by,
        quarter=question.quarter,
        base=ExplanationBase(explained.base, text.base_sentence),
        groups=[ExplanationGroup(one.name, one.title, one.points, one.sentence) for one in text.groups],
        features=[
            ExplanationFeature(
                one.name, one.title, one.group, one.value, one.base_value, one.unit, one.points, one.sentence
            )
            for one in text.features
        ],
        model=ModelVersion(MODEL_NAME, served.version, served.identity.run_id, served.model.card.kind),
        request_id=request.scope["state"]["request_id"],
    )
