"""`/v1/deal`: one deal of the model's data; and `/v1/opinions`: what people expect of a deal.

Deals are named in the query and the body, not in the path: an identifier may hold any character, and paths are logged.
"""

from typing import Annotated, Any

from litestar import Request, Response, get, post, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.params import Body, Parameter

from closecast.deals.horizon import QUARTER_END
from closecast.platform.callers.caller import Caller
from closecast.platform.journal import opinions as journal
from closecast.scoring.question import Question, read_horizon
from closecast.scoring.rules import MAX_TEXT, NotScorableError
from services.api.access.admission import Requires
from services.api.records.database import Records
from services.api.routes.common import DEAL_RESPONSES, AsOf, HorizonText, legible
from services.api.schemas.deals import DealFacts, NewOpinion, Opinion, Opinions
from services.api.serving.champion import Champion
from services.api.serving.deals import Deals

Identifier = Annotated[str, Parameter(description="As in the export", min_length=1, max_length=MAX_TEXT, examples=[])]


@get(
    "/deal",
    sync_to_thread=True,
    guards=[Requires("viewer")],
    summary="One deal: its chance by date, week by week, and why",
    responses=DEAL_RESPONSES,
)
def deal(
    opportunity_id: Identifier,
    champion: NamedDependency[Champion],
    deals: NamedDependency[Deals],
    as_of: AsOf = None,
    horizon: HorizonText = QUARTER_END,
) -> DealFacts:
    """Describe a deal of the model's data, and what became of past deals like it. Nothing is recorded."""
    served = champion.serving()
    return deals.facts(served, opportunity_id, Question.ask(served.model, as_of, read_horizon(horizon)))


@route("/opinions", http_method=[HttpMethod.OPTIONS], sync_to_thread=False, include_in_schema=False)
def opinion_options() -> Response[None]:
    """Answer the allowed methods: Litestar's own answer names only those of the first handler."""
    return Response(None, status_code=204, headers={"Allow": "GET, OPTIONS, POST"})


@get(
    "/opinions",
    sync_to_thread=True,
    guards=[Requires("viewer")],
    summary="What people expect of a deal",
    responses=DEAL_RESPONSES,
)
def opinions(
    opportunity_id: Identifier,
    champion: NamedDependency[Champion],
    deals: NamedDependency[Deals],
    records: NamedDependency[Records],
) -> Opinions:
    """List the opinions on a deal, the latest first."""
    row = deals.row(champion.serving().model, opportunity_id)
    return Opinions([_opinion(told) for told in records.opinions_on(row.opportunity_id)])


@post(
    "/opinions",
    sync_to_thread=True,
    guards=[Requires("scorer")],
    summary="Disagree with a deal's chance",
    responses=DEAL_RESPONSES,
)
def disagree(
    data: Annotated[NewOpinion, Body()],
    champion: NamedDependency[Champion],
    deals: NamedDependency[Deals],
    records: NamedDependency[Records],
    request: Request[Any, Any, Any],
) -> Opinion:
    """Store what the caller expects of an open deal, and why, beside the model's chance. It changes no prediction."""
    reason = legible("reason", " ".join(data.reason.split()))
    served = champion.serving()
    facts = deals.facts(served, data.opportunity_id, Question.ask(served.model, data.as_of, data.horizon))
    if facts.outlook is None:
        detail = f"the deal is not open as of {facts.as_of}: there is no chance to disagree with"
        raise NotScorableError("opportunity_id", data.opportunity_id, "a deal that is open", detail)
    caller: Caller = request.scope["state"]["caller"]
    told = records.add_opinion(
        journal.Opinion(
            opportunity_id=facts.opportunity_id,
            expects=data.expects,
            reason=reason,
            caller=caller.id,
            name=caller.name,
            as_of=facts.as_of,
            until=facts.by,
            probability=facts.outlook.probability,
            model_version=served.version,
            model_run_id=served.identity.run_id,
        )
    )
    return _opinion(told)


def _opinion(told: journal.Told) -> Opinion:
    one = told.opinion
    return Opinion(
        opportunity_id=one.opportunity_id,
        expects=one.expects,
        reason=one.reason,
        by_whom=one.name,
        told_at=told.at,
        as_of=one.as_of,
        by=one.until,
        probability=one.probability,
        model_version=one.model_version,
    )
