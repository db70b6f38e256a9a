"""The routes under /v1: a few lines each, from the request's words to the model's answer."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Reference,
    RequestBody,
    Schema,
)
from litestar.params import Body, Parameter, RawBody

from closecast.features.horizon import MAX_HORIZON_DAYS, QUARTER_END, Horizon
from closecast.platform.registry import CHAMPION, MODEL_NAME, Served
from services.api import batch, pipeline, scoring
from services.api.champion import Champion
from services.api.problems import MEDIA_TYPE, InvalidInputError, Problem, UnavailableError
from services.api.schemas import (
    BatchPrediction,
    BatchRequest,
    Model,
    ModelVersion,
    Pipeline,
    Prediction,
    PredictionRequest,
)

_PROBLEMS = {
    400: "The request cannot be read",
    401: "No API key, or one that is not known",
    413: "The body is larger than 10 MB",
    422: "The input cannot be scored",
    503: "No model serves yet",
}
RESPONSES = {
    status: ResponseSpec(Problem, description=description, media_type=MEDIA_TYPE, generate_examples=False)
    for status, description in _PROBLEMS.items()
}
AsOf = Annotated[date | None, Parameter(description="Default: the last date of the model's data.")]
HorizonText = Annotated[str, Parameter(description='Days from as_of (1 to 366), or "quarter_end".')]


def serving(champion: Champion) -> Served:
    """What serves now. Raises UnavailableError with the reason while nothing does."""
    status = champion.status()
    if status.served is None:
        raise UnavailableError(f"no model serves yet: {status.problem}")
    return status.served


def horizon_of(text: str) -> Horizon:
    """A horizon out of a query parameter. Raises InvalidInputError."""
    if text == QUARTER_END:
        return QUARTER_END
    if text.isascii() and text.isdigit() and len(text) <= 4:
        return int(text)
    expected = f'1 to 366 days, or "{QUARTER_END}"'
    raise InvalidInputError("horizon", text, expected, f"horizon {text[:50]!r} is neither days nor {QUARTER_END}")


@post("/predictions", status_code=200, sync_to_thread=False, summary="Score one deal", responses=RESPONSES)
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
    summary="Score up to 10,000 deals",
    operation_class=_BatchOperation,
    responses=RESPONSES,
)
def predict_batch(
    body: RawBody,
    champion: NamedDependency[Champion],
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


@get("/pipeline", sync_to_thread=True, summary="Rank the open deals", responses=RESPONSES)
def open_pipeline(
    champion: NamedDependency[Champion],
    as_of: AsOf = None,
    horizon: HorizonText = QUARTER_END,
    limit: Annotated[int, Parameter(ge=1, le=10_000)] = 100,
    offset: Annotated[int, Parameter(ge=0, le=10_000_000)] = 0,
) -> Pipeline:
    """The open deals of the data that the model was trained on, likeliest first."""
    served = serving(champion)
    question = scoring.Question.ask(served.model, as_of, horizon_of(horizon))
    ranking = pipeline.rank(served.model, question, limit, offset)
    return Pipeline(
        as_of=question.as_of,
        horizon_days=question.horizon_days,
        by=question.by,
        model=ModelVersion(MODEL_NAME, served.version),
        counts=ranking.counts,
        expected_wins=ranking.expected_wins,
        deals=ranking.deals,
    )


@get("/model", sync_to_thread=False, summary="What serves", responses=RESPONSES)
def model(champion: NamedDependency[Champion]) -> Model:
    """The model that serves now: its version, origin and evidence."""
    served, card = serving(champion), serving(champion).model.card
    return msgspec.convert(
        {
            "name": MODEL_NAME,
            "version": served.version,
            "alias": CHAMPION,
            "features": list(card.feature_names),
            "registry_problem": champion.status().problem,
            **{name: getattr(card, name) for name in (
                "trained_at", "source", "source_sha256", "data_as_of", "metrics", "reference_metrics", "rows", "note",
                "git_commit",
            )},
        },
        Model,
    )  # fmt: skip


ROUTES = [predict, predict_batch, open_pipeline, model]
