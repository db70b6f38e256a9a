"""`GET /v1/alerts`: what is wrong now."""

from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from closecast.platform.alerts.alert import Severity
from services.api.access.admission import Requires
from services.api.records.database import Records
from services.api.routes.common import RESPONSES


class OpenAlert(Struct, frozen=True):
    """An alert that has not ended."""

    rule: Annotated[str, Meta(description="Its name in policies/alerts and in the runbook")]
    key: Annotated[str, Meta(description="What it is about; a rule and a key have one open alert")]
    severity: Annotated[Severity, Meta(description="A page wants somebody now, a note when there is time")]
    summary: str
    description: str
    links: Annotated[dict[str, str], Meta(description="Addresses by what is there: report, run, runbook")]
    labels: dict[str, str]
    opened_at: datetime
    refreshed_at: Annotated[datetime, Meta(description="When it was last found to be so")]


class OpenAlerts(Struct, frozen=True):
    """The open alerts, at most 1,000 of them."""

    alerts: Annotated[list[OpenAlert], Meta(description="The newest first")]


@get(
    "/alerts",
    sync_to_thread=True,
    guards=[Requires("viewer")],
    summary="What is wrong now",
    responses={status: RESPONSES[status] for status in (400, 401, 403, 429, 503)},
)
def alerts(records: NamedDependency[Records]) -> OpenAlerts:
    """List the open alerts."""
    return OpenAlerts(
        [OpenAlert(*(getattr(one, name) for name in OpenAlert.__struct_fields__)) for one in records.open_alerts()]
    )
