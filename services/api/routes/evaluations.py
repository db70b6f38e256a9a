"""`GET /v1/model/versions`: the registered versions; `GET /v1/model/evaluation`: how good one was, and what the gate said."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIType
from litestar.params import Parameter

from services.api.access.admission import Requires
from services.api.routes.common import RESPONSES
from services.api.schemas.evaluation import Evaluation, RegisteredVersions
from services.api.serving.champion import Champion
from services.api.serving.evaluations import Evaluations

_RESPONSES = {status: RESPONSES[status] for status in (400, 401, 422, 503)}


@get(
    "/model/versions",
    sync_to_thread=True,
    guards=[Requires("viewer")],
    summary="Which versions are registered, the latest first",
    responses={status: RESPONSES[status] for status in (400, 401, 503)},
)
def versions(
    evaluations: NamedDependency[Evaluations], limit: Annotated[int, Parameter(ge=1, le=200)] = 50
) -> RegisteredVersions:
    """List the versions of the registered model, each with what was decided on it and why."""
    return RegisteredVersions(evaluations.versions(limit))


@get(
    "/model/evaluation",
    sync_to_thread=True,
    guards=[Requires("viewer")],
    summary="How good a version was, and what the gate said of it",
    responses=_RESPONSES,
)
def evaluation(
    champion: NamedDependency[Champion],
    evaluations: NamedDependency[Evaluations],
    version: Annotated[
        str | None,
        Parameter(
            description="Default: the version that serves",
            schema_extra={
                "one_of": None,
                "type": OpenAPIType.STRING,
                "pattern": r"^[1-9][0-9]{0,9}$",
                "max_length": 10,
            },
        ),
    ] = None,
) -> Evaluation:
    """Tell a version's log loss beside simpler rules, its reliability and gain curves, and each check of the gate."""
    model = champion.serving().identity if version is None else evaluations.identity(version)
    return evaluations.evaluation(model)
