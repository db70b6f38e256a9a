"""`POST /v1/outcomes`: record the outcomes of deals."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import Body
from msgspec import Meta, Struct

from closecast.platform.journal.outcomes import Outcome
from closecast.platform.request_limits import MOST_DEALS
from services.api.access.admission import Requires
from services.api.problems import InvalidInputError
from services.api.records.database import Records
from services.api.routes.common import RESPONSES

_EARLIEST = date(1970, 1, 1)


class ClosedDeal(Struct, frozen=True, forbid_unknown_fields=True):
    """A deal that was won or lost."""

    opportunity_id: Annotated[
        str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$", examples=["1C1I7A6R"])
    ]
    deal_stage: Literal["Won", "Lost"]
    close_date: Annotated[date, Meta(examples=["2017-12-20"])]
    close_value: Annotated[float, Meta(ge=0, description="The value of a deal won")] | None = None


class OutcomesRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Closed deals, each once."""

    outcomes: Annotated[list[ClosedDeal], Meta(min_length=1, max_length=MOST_DEALS)]


class OutcomesAnswer(Struct, frozen=True):
    """Counts of the outcomes by result; the three add up to their number."""

    added: int
    changed: Annotated[int, Meta(description="Already known with another stage, date or value")]
    unchanged: int


@post(
    "/outcomes",
    status_code=200,
    sync_to_thread=True,
    guards=[Requires("scorer")],
    summary="Record the outcomes of deals",
    responses=RESPONSES,
)
def record_outcomes(
    data: Annotated[OutcomesRequest, Body()], records: NamedDependency[Records], request: Request[Any, Any, Any]
) -> OutcomesAnswer:
    """Record closed deals, for measuring predictions. Repeating it changes nothing."""
    outcomes = [_checked(at, deal) for at, deal in enumerate(data.outcomes)]
    seen: dict[str, int] = {}
    for at, outcome in enumerate(outcomes):
        first = seen.setdefault(outcome.opportunity_id, at)
        if first != at:
            raise InvalidInputError(
                f"outcomes[{at}].opportunity_id",
                outcome.opportunity_id,
                "each deal once",
                f"the deal {outcome.opportunity_id} is told twice, at {first} and {at}",
            )
    recording = records.record(outcomes, request.scope["state"]["caller"].id)
    return OutcomesAnswer(recording.added, recording.changed, recording.unchanged)


def _checked(at: int, deal: ClosedDeal) -> Outcome:
    # In some time zones it is tomorrow already.
    latest = datetime.now(UTC).date() + timedelta(days=1)
    if not _EARLIEST <= deal.close_date <= latest:
        raise InvalidInputError(
            f"outcomes[{at}].close_date",
            str(deal.close_date),
            f"a date from {_EARLIEST} to today",
            f"a deal cannot have closed on {deal.close_date}",
        )
    name = deal.opportunity_id.strip()
    if not name:
        raise InvalidInputError(
            f"outcomes[{at}].opportunity_id",
            deal.opportunity_id,
            "the deal's identifier",
            "the opportunity_id is blank",
        )
    return Outcome(name, deal.deal_stage, deal.close_date, deal.close_value)
