"""`/v1/alerts/silences`: alerts that are not told of for a time. Each act is in the audit log, or is not done."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from litestar import Request, Response, delete, get, post, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.exceptions import NotFoundException
from litestar.params import Body, Parameter
from msgspec import Meta, Struct

from closecast.platform.alerts.silences import Silence
from services.api.access.admission import Requires
from services.api.records.database import Records
from services.api.routes.common import SILENCE_RESPONSES, legible, log_act
from services.api.routes.keys import by

_TAGS = ["administration"]
_MOST_HOURS = 30 * 24
Number = Annotated[int, Parameter(ge=1, le=2**62, description="As listed")]


class NewSilence(Struct, frozen=True, forbid_unknown_fields=True):
    """The alerts of a rule, or of a rule and a key, not to be told of."""

    rule: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,99}$", examples=["data_quality"])]
    hours: Annotated[int, Meta(ge=1, le=_MOST_HOURS)]
    why: Annotated[str, Meta(min_length=1, max_length=500)]
    key: Annotated[
        Annotated[str, Meta(min_length=1, max_length=500)] | None, Meta(description="Only the alert of this key")
    ] = None


class SilenceFacts(Struct, frozen=True):
    """A silence in force."""

    number: int
    rule: str | None
    labels: dict[str, str]
    until: datetime
    who: str
    why: str


class Silences(Struct, frozen=True):
    """The silences in force, the first to end first."""

    silences: list[SilenceFacts]


class EndedSilence(Struct, frozen=True):
    """The silence that was ended."""

    number: int


@route("/alerts/silences", http_method=[HttpMethod.OPTIONS], sync_to_thread=False, include_in_schema=False)
def silence_options() -> Response[None]:
    """Answer the allowed methods: Litestar's own answer names only those of the first handler."""
    return Response(None, status_code=204, headers={"Allow": "GET, OPTIONS, POST"})


@get(
    "/alerts/silences",
    sync_to_thread=True,
    guards=[Requires("viewer")],
    summary="Which alerts are not told of",
    responses=SILENCE_RESPONSES,
    tags=_TAGS,
)
def silences(records: NamedDependency[Records]) -> Silences:
    """List the silences in force."""
    return Silences([_facts(one) for one in records.silences_in_force()])


@post(
    "/alerts/silences",
    sync_to_thread=True,
    guards=[Requires("admin")],
    summary="Do not tell of alerts for a time",
    responses=SILENCE_RESPONSES,
    tags=_TAGS,
)
def silence(
    data: Annotated[NewSilence, Body()], records: NamedDependency[Records], request: Request[Any, Any, Any]
) -> SilenceFacts:
    """Silence the alerts of a rule. They stay open, and are listed; nobody is told of them until then."""
    why = legible("why", " ".join(data.why.split()))
    wanted = Silence(
        0,
        data.rule,
        {} if data.key is None else {"key": data.key},
        datetime.now(UTC) + timedelta(hours=data.hours),
        request.scope["state"]["caller"].name,
        why,
    )
    made, head = records.silence(wanted, by(request))
    log_act("alerts silenced", f"alerts {data.rule}", head)
    return _facts(made)


@delete(
    "/alerts/silences/{number:int}",
    status_code=200,
    sync_to_thread=True,
    guards=[Requires("admin")],
    summary="End a silence",
    responses=SILENCE_RESPONSES,
    tags=_TAGS,
)
def end_silence(number: Number, records: NamedDependency[Records], request: Request[Any, Any, Any]) -> EndedSilence:
    """End a silence now."""
    head = records.end_silence(number, by(request))
    if head is None:
        raise NotFoundException("no silence of this number is in force")
    log_act("silence ended", f"silence {number}", head)
    return EndedSilence(number)


def _facts(one: Silence) -> SilenceFacts:
    return SilenceFacts(one.id, one.rule, one.labels, one.until.astimezone(UTC), one.who, one.why)
