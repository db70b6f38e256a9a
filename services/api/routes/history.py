"""`GET /v1/model/history`: which models answered on a day, and how good they were; `/v1/model/champions`: all champions."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import Parameter

from closecast.platform.mlflow.champions import ROLLED_BACK, SEEN, Tenure
from closecast.platform.monitoring.answered import Answering
from services.api.access.admission import Requires
from services.api.records.database import Records
from services.api.records.runs import Runs
from services.api.routes.common import RESPONSES
from services.api.schemas.champions import AnsweringModel, ChampionModel, Champions, ChampionSince, ModelHistory

Day = Annotated[date | None, Parameter(description="A day in UTC. Default: today.")]


@get(
    "/model/history",
    sync_to_thread=True,
    guards=[Requires("viewer")],
    summary="Which models answered on a day, and how good they were",
    responses={status: RESPONSES[status] for status in (400, 401, 503)},
)
def model_history(records: NamedDependency[Records], runs: NamedDependency[Runs], day: Day = None) -> ModelHistory:
    """List the models that answered on a day, with what has matured of their answers since."""
    day = day or datetime.now(UTC).date()
    answers, tenures = records.answered(day)
    return ModelHistory(day, listed(day, answers, tenures, runs))


@get(
    "/model/champions",
    sync_to_thread=True,
    guards=[Requires("viewer")],
    summary="Which models were champion, the latest first",
    responses={status: RESPONSES[status] for status in (400, 401, 503)},
)
def champions(
    records: NamedDependency[Records],
    runs: NamedDependency[Runs],
    limit: Annotated[int, Parameter(ge=1, le=1_000)] = 100,
) -> Champions:
    """List the champions from the audit log: since when, by whom, and by which decision."""
    latest = records.tenures()[::-1][:limit]
    return Champions(
        [ChampionModel(one.model.version, one.model.run_id, runs.page(one.model.run_id), _since(one)) for one in latest]
    )


def listed(day: date, answers: Sequence[Answering], tenures: Sequence[Tenure], runs: Runs) -> list[AnsweringModel]:
    """The models that answered, then those that were champion on `day` and did not."""
    end = None if day == date.max else datetime.combine(day + timedelta(days=1), time(), UTC)
    begun = [one for one in tenures if end is None or one.since < end]
    latest = {one.model.run_id: one for one in begun}
    silent = [
        Answering(one.model.version, one.model.run_id, 0, None, None, 0)
        for one in latest.values()
        if (one.until is None or one.until >= datetime.combine(day, time(), UTC))
        and one.model.run_id not in {answer.run_id for answer in answers}
    ]
    return [
        msgspec.convert(
            {
                **asdict(one),
                "run": None if one.run_id is None else runs.page(one.run_id),
                "champion": _champion(latest.get(one.run_id or "")),
            },
            AnsweringModel,
        )
        for one in [*answers, *silent]
    ]


def _champion(tenure: Tenure | None) -> ChampionSince | None:
    return None if tenure is None else _since(tenure)


def _since(tenure: Tenure) -> ChampionSince:
    hows: dict[str, Literal["rolled back", "seen"]] = {ROLLED_BACK: "rolled back", SEEN: "seen"}
    return ChampionSince(tenure.since, tenure.until, hows.get(tenure.act, "promoted"), tenure.by, tenure.reason)
