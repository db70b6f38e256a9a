"""`/v1/sign-in` and `/v1/me`: sessions of local users, who the caller is, and the caller's own password."""

import logging
from functools import partial
from typing import Annotated, Any

from litestar import Request, delete, get, post, put
from litestar.di import NamedDependency
from litestar.exceptions import PermissionDeniedException
from litestar.params import Body

from closecast.platform.callers.caller import USER, Caller
from closecast.platform.callers.passwords import WeakPasswordError
from closecast.platform.callers.sessions import Begun, SignInRefusedError
from closecast.platform.callers.users import has_password
from services.api.access.admission import Requires
from services.api.access.callers import Callers
from services.api.access.sign_ins import SignIns
from services.api.problems import InvalidInputError, UnavailableError
from services.api.routes.common import OWN_RESPONSES, PASSWORD_RESPONSES, SIGN_IN_RESPONSES, log_act
from services.api.routes.keys import by
from services.api.schemas.users import CallerFacts, Ended, NewPassword, Session, SignIn

_LOG = logging.getLogger(__name__)

_TAGS = ["sessions"]


@post(
    "/sign-in",
    summary="Begin a session with a password",
    responses=SIGN_IN_RESPONSES,
    security=[{}],
    tags=_TAGS,
)
async def sign_in(
    data: Annotated[SignIn, Body()], callers: NamedDependency[Callers], request: Request[Any, Any, Any]
) -> Session:
    """Begin a session of 12 hours. Five wrong passwords in a row lock the name for 15 minutes."""
    begun = await begun_session(callers, data.name, data.password, request.scope["state"]["request_id"])
    user = begun.user
    return Session(begun.token, begun.until, CallerFacts(f"{USER}{user.id}", user.name, "user", user.role, True))


@get(
    "/me",
    sync_to_thread=False,
    guards=[Requires("viewer")],
    summary="Who the caller is",
    responses=OWN_RESPONSES,
    tags=_TAGS,
)
def me(request: Request[Any, Any, Any]) -> CallerFacts:
    """The caller of this request, with its role as of now."""
    caller: Caller = request.scope["state"]["caller"]
    is_here = caller.id.startswith(USER) and has_password(caller.name)
    return CallerFacts(caller.id, caller.name, caller.kind, caller.role, is_here)


@delete(
    "/me/session",
    status_code=200,
    sync_to_thread=True,
    guards=[Requires("viewer")],
    summary="Sign out",
    responses=OWN_RESPONSES,
    tags=_TAGS,
)
def sign_out(callers: NamedDependency[Callers], request: Request[Any, Any, Any]) -> Ended:
    """End this session, on all instances within about a second."""
    user = _user(request)
    head = _sign_ins(callers).sessions.end(_token(request), by(request))
    if head is not None:
        log_act("user signed out", _subject(user), head)
    return Ended(int(head is not None))


@delete(
    "/me/sessions",
    status_code=200,
    sync_to_thread=True,
    guards=[Requires("viewer")],
    summary="Sign out everywhere",
    responses=OWN_RESPONSES,
    tags=_TAGS,
)
def sign_out_everywhere(callers: NamedDependency[Callers], request: Request[Any, Any, Any]) -> Ended:
    """End all sessions of the caller, this one included."""
    user = _user(request)
    ended, head = _sign_ins(callers).sessions.end_all(user.id.removeprefix(USER), by(request))
    log_act("user signed out everywhere", _subject(user), head)
    return Ended(ended)


@put(
    "/me/password",
    status_code=204,
    guards=[Requires("viewer")],
    summary="Replace the own password",
    responses=PASSWORD_RESPONSES,
    tags=_TAGS,
)
async def change_password(
    data: Annotated[NewPassword, Body()], callers: NamedDependency[Callers], request: Request[Any, Any, Any]
) -> None:
    """Replace the caller's password, and end the caller's other sessions. Who has none here gets 409."""
    sign_ins, user = _sign_ins(callers), _user(request)
    identity = user.id.removeprefix(USER)
    act = partial(
        sign_ins.sessions.change_password, identity, data.old, data.new, token=_token(request), by=by(request)
    )
    try:
        head = await sign_ins.run(act)
    except WeakPasswordError as error:
        raise InvalidInputError("new", None, "a stronger password", str(error)) from error
    log_act("password changed", _subject(user), head)


async def begun_session(callers: Callers, name: str, password: str, request_id: str) -> Begun:
    """Begin a session, and log it, or that it was refused.

    Raises SignInRefusedError, SignInLockedError, UnavailableError and DatabaseAwayError.
    """
    sign_ins = _sign_ins(callers)
    try:
        begun = await sign_ins.run(partial(sign_ins.sessions.begin, name, password, request_id))
    except SignInRefusedError:
        _LOG.warning("sign-in refused", extra={"request_id": request_id})
        raise
    log_act("user signed in", f"user {begun.user.name}", begun.head)
    return begun


def _sign_ins(callers: Callers) -> SignIns:
    if callers.sign_ins is None:
        raise UnavailableError("this instance has no database for users: set CLOSECAST_DATABASE_URL")
    return callers.sign_ins


def _user(request: Request[Any, Any, Any]) -> Caller:
    """The local user that asks. Raises PermissionDeniedException (403) for other callers."""
    caller: Caller = request.scope["state"]["caller"]
    if not caller.id.startswith(USER):
        raise PermissionDeniedException(f"this is for who has signed in, and {caller.name!r} did not")
    return caller


def _subject(user: Caller) -> str:
    return f"user {user.name}"


def _token(request: Request[Any, Any, Any]) -> str:
    """The token of this session, which has been accepted."""
    key, bearer = request.headers.get("x-api-key"), request.headers.get("authorization", "")
    return key or bearer[7:].strip()
