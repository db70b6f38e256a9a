"""`GET /v1/monitoring`: what monitoring said of the models that served."""

from dataclasses import asdict
from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import Parameter

from closecast.platform.monitoring.verdicts import Stored
from services.api.access.admission import Requires
from services.api.records.database import Records
from services.api.records.runs import Runs
from services.api.routes.common import RESPONSES
from services.api.schemas.monitoring import Said, Verdicts

Limit = Annotated[int, Parameter(ge=1, le=366, description="At most so many, the latest ones")]


@get(
    "/monitoring",
    sync_to_thread=True,
    guards=[Requires("viewer")],
    summary="What monitoring said of the served model",
    responses={status: RESPONSES[status] for status in (400, 401, 503)},
)
def monitoring(records: NamedDependency[Records], runs: NamedDependency[Runs], limit: Limit = 30) -> Verdicts:
    """List the verdicts of the daily looks, the latest first."""
    return Verdicts([_said(one, runs) for one in records.verdicts(limit)])


def _said(one: Stored, runs: Runs) -> Said:
    reports = None if one.reports_run_id is None else runs.page(one.reports_run_id)
    facts = {**asdict(one), "version": one.model_version, "run_id": one.model_run_id, "reports": reports}
    return msgspec.convert(facts, Said)
