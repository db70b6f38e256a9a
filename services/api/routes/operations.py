"""`GET /v1/operations`: how this instance and what it needs are doing."""

from litestar import get
from litestar.di import NamedDependency

from services.api.access.admission import Requires
from services.api.routes.common import RESPONSES
from services.api.schemas.operations import Operations
from services.api.serving.operations import Condition


@get(
    "/operations",
    sync_to_thread=True,
    guards=[Requires("admin")],
    summary="How the API and what it needs are doing",
    responses={status: RESPONSES[status] for status in (400, 401, 403, 429)},
    tags=["administration"],
)
def operations(condition: NamedDependency[Condition]) -> Operations:
    """Ask the database, the cache, the model registry and the lake, and tell what this instance has answered."""
    return condition.now()
