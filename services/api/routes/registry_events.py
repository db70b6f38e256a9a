"""`POST /v1/registry-events`: MLflow's webhook for moved aliases, authenticated by its signature instead of a key."""

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException, NotAuthorizedException
from litestar.params import RawBody

from closecast.platform.mlflow.webhooks import PATH, EventError, SignatureError
from services.api.middleware.strict_request import TAKEN, require_strict
from services.api.serving.registry_events import RegistryEvents

_CHALLENGE = {"WWW-Authenticate": 'Signature realm="closecast"'}


@post(
    PATH,
    status_code=204,
    sync_to_thread=True,
    include_in_schema=False,
    before_request=require_strict,
    opt={TAKEN: ("application/json",)},
)
def registry_event(
    body: RawBody, request: Request[Any, Any, Any], registry_events: NamedDependency[RegistryEvents]
) -> None:
    """Make the champion's follower poll the registry now, here and in every other instance."""
    try:
        registry_events.receive({name.lower(): value for name, value in request.headers.items()}, body)
    except SignatureError as error:
        raise NotAuthorizedException(str(error), headers=_CHALLENGE) from error
    except EventError as error:
        raise ClientException(str(error)) from error
