"""`POST /v1/model/rollback`: make an earlier version champion again, for admins. It is in the audit log, or is not done."""

from typing import Annotated, Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import Body

from closecast.platform.mlflow.registry import Identity
from services.api.access.admission import Requires
from services.api.problems import MEDIA_TYPE, InvalidInputError, Problem
from services.api.routes.common import ADMIN_RESPONSES
from services.api.schemas.champions import ModelIdentity, ObjectionFacts, RollbackAnswer, RollbackRequest
from services.api.serving.rollback import Rollbacks

_PROBLEMS = {
    404: "There is no such version, or no champion before this one is recorded",
    409: "The version should not serve, or cannot; the errors say why and what to do",
    412: "Another version is champion than was expected; nothing was changed",
    503: "The registry or the database does not answer, or a promotion goes on",
}


@post(
    "/model/rollback",
    status_code=200,
    sync_to_thread=True,
    guards=[Requires("admin")],
    summary="Make an earlier version champion again",
    responses=ADMIN_RESPONSES
    | {
        status: ResponseSpec(Problem, description=text, media_type=MEDIA_TYPE, generate_examples=False)
        for status, text in _PROBLEMS.items()
    },
    tags=["administration"],
)
def roll_back(
    data: Annotated[RollbackRequest, Body()], rollbacks: NamedDependency[Rollbacks], request: Request[Any, Any, Any]
) -> RollbackAnswer:
    """Move the alias `champion`, after verifying the version's files, signature, deals and the gate's decision."""
    if data.dry_run:
        found = rollbacks.plan(data.version)
    elif data.expected is None:
        raise InvalidInputError(
            "expected",
            None,
            "the version that is champion now, or none",
            "say which version this is to replace, so that nobody else's change is undone by mistake",
        )
    else:
        state = request.scope["state"]
        found = rollbacks.roll_back(state["caller"].id, state["request_id"], data.expected, data.version, data.force)
    return RollbackAnswer(
        found.done,
        None if found.champion is None else _named(found.champion),
        _named(found.target),
        [ObjectionFacts(str(one), one.remedy, one.final) for one in found.objections],
        list(found.notes),
    )


def _named(model: Identity) -> ModelIdentity:
    return ModelIdentity(model.version, model.run_id, model.sha256)
