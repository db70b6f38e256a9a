"""`POST /v1/exports/check`: what Closecast would make of an export. Nothing is kept of it."""

from typing import Any

from litestar import MediaType, Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi.spec import OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from closecast.platform.sources.findings import Findings
from services.api.access.admission import Requires
from services.api.checks.checks import ExportChecks
from services.api.middleware.strict_request import TAKEN
from services.api.routes.common import RESPONSES, MappingText

MEDIA_TYPES = (
    "text/csv",
    "text/tab-separated-values",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.ms-excel",
    "application/vnd.apache.parquet",
    "application/octet-stream",
)


class _CheckOperation(Operation):
    """The OpenAPI operation, whose body is a file."""

    def __post_init__(self) -> None:
        file = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY))
        self.request_body = RequestBody(required=True, content=dict.fromkeys(MEDIA_TYPES, file))


@post(
    "/exports/check",
    status_code=200,
    guards=[Requires("scorer")],
    opt={TAKEN: MEDIA_TYPES},
    summary="Check an export",
    operation_class=_CheckOperation,
    responses=RESPONSES,
)
async def check_export(
    checks: NamedDependency[ExportChecks], request: Request[Any, Any, Any], mapping: MappingText = ""
) -> Response[Findings]:
    """Say what is read of a CRM's export (CSV, Excel or Parquet), what is left out and why, and whether it can be trained on.

    The content decides what kind of file it is. It is read by the profile that `mapping` names, else by the mapping that
    fits with certainty.
    """
    found: Any = await checks.check(await request.body(), mapping or None)  # encoded as it is answered
    return Response(found, media_type=MediaType.JSON)
