"""`GET /v1/forecast`: the won revenue to expect of the quarter."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import Parameter

from closecast.deals.horizon import QUARTER_END
from closecast.forecast.quarter import GroupBy
from closecast.scoring.question import Question
from services.api.access.admission import Requires
from services.api.records.database import Records
from services.api.routes.common import RESPONSES, AsOf
from services.api.schemas.forecast import Forecast
from services.api.serving.champion import Champion
from services.api.serving.forecasts import Forecasts


@get(
    "/forecast",
    sync_to_thread=True,
    guards=[Requires("viewer")],
    summary="Forecast the quarter's won revenue",
    responses=RESPONSES,
)
def quarter_forecast(
    champion: NamedDependency[Champion],
    forecasts: NamedDependency[Forecasts],
    records: NamedDependency[Records],
    as_of: AsOf = None,
    group_by: Annotated[GroupBy, Parameter(description="The column of the groups")] = "product",
) -> Forecast:
    """Forecast the quarter ahead: closed, expected of open deals, and of deals that are not engaged yet."""
    served = champion.serving()
    question = Question.ask(served.model, as_of, QUARTER_END)
    return forecasts.forecast(served, question, records.forecasts(served.model.card.source), group_by)
