"""`/sign-in`: the page on which people sign in to the user interface, and the question whether they have.

A browser keeps the session's token in a cookie that its scripts cannot read. No route of the API takes that cookie for
a credential, so no other site can act with it; the user interface reads it, and shows the token itself.
"""

import re
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotAuthorizedException

from closecast.platform.callers.acts import DatabaseAwayError
from closecast.platform.callers.caller import USER, UncheckedCallerError, UnknownCallerError
from closecast.platform.callers.sessions import LIFETIME, PREFIX, SignInLockedError, SignInRefusedError
from services.api.access.admission import REALM, refusal
from services.api.access.callers import Callers
from services.api.access.sign_in_html import page
from services.api.middleware.security_headers import is_secure
from services.api.problems import UnavailableError
from services.api.routes.sessions import begun_session

COOKIE = "closecast_session"
_FORM = "application/x-www-form-urlencoded"
_LONGEST = 4_000  # bytes of a form
_HTML = "text/html"
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # a path of this site, without blanks and backslashes


@get("/sign-in", include_in_schema=False)
async def sign_in_page(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The form."""
    return _page(page(_next(request.query_params.get("next"))))


@post("/sign-in", include_in_schema=False)
async def sign_in_by_page(request: Request[Any, Any, Any], callers: NamedDependency[Callers]) -> Response[bytes]:
    """Begin a session, and go on to the page that was asked for; else show the form again with the reason."""
    _require_own_form(request)
    form = _fields(await request.body())
    next_, name = _next(form.get("next")), form.get("name", "")
    try:
        begun = await begun_session(callers, name, form.get("password", ""), request.scope["state"]["request_id"])
    except SignInRefusedError:
        return _page(page(next_, name, "The name or the password is wrong."), HTTPStatus.UNAUTHORIZED)
    except SignInLockedError as error:
        text = f"Too many wrong passwords for this name. Try again at {error.until:%H:%M} UTC, or ask an administrator."
        return _page(page(next_, name, text), HTTPStatus.TOO_MANY_REQUESTS)
    except (UnavailableError, DatabaseAwayError):
        text = "Nobody can sign in just now. Try again in a moment."
        return _page(page(next_, name, text), HTTPStatus.SERVICE_UNAVAILABLE)
    cookie = f"{COOKIE}={begun.token}; Path=/; Max-Age={int(LIFETIME.total_seconds())}; HttpOnly; SameSite=Lax"
    if is_secure(list(request.scope["headers"])):
        cookie += "; Secure"
    return Response(b"", status_code=HTTPStatus.SEE_OTHER, headers={"Location": next_, "Set-Cookie": cookie})


@get("/sign-in/check", include_in_schema=False)
async def check_sign_in(request: Request[Any, Any, Any], callers: NamedDependency[Callers]) -> Response[bytes]:
    """204 for a visit with a session: the gateway asks before it shows the user interface. Others are sent to the form.

    Raises UnavailableError while it cannot be checked, and NotAuthorizedException for what is no page: it would take the
    form for its content.
    """
    token = request.cookies.get(COOKIE, "")
    try:
        if not token.startswith(PREFIX):
            raise UnknownCallerError("nobody has signed in")
        caller = await callers.caller_in_time([(b"x-api-key", token.encode("latin-1", "replace"))])
        if not caller.id.startswith(USER):
            raise UnknownCallerError("nobody has signed in")
    except UnknownCallerError as error:
        if "text/html" not in request.headers.get("accept", ""):
            raise NotAuthorizedException(str(error), headers={"WWW-Authenticate": REALM}) from error
        where = quote(_next(request.headers.get("x-forwarded-uri")), safe="")
        location = {"Location": f"/sign-in?next={where}"}
        return Response(b"", status_code=HTTPStatus.SEE_OTHER, headers=location)
    except UncheckedCallerError as error:
        raise refusal(error) from error
    return Response(b"", status_code=HTTPStatus.NO_CONTENT)


def _page(content: bytes, status: HTTPStatus = HTTPStatus.OK) -> Response[bytes]:
    return Response(content, status_code=status, media_type=_HTML)


def _require_own_form(request: Request[Any, Any, Any]) -> None:
    """Raise HTTPException for another site's form, and for what is no form."""
    origin = request.headers.get("origin")
    if origin is not None and _host(origin) != request.headers.get("host"):
        raise HTTPException("this form is sent from its own page only", status_code=HTTPStatus.FORBIDDEN)
    if request.content_type[0] != _FORM:
        raise HTTPException(f"a form is sent as {_FORM}", status_code=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def _host(origin: str) -> str | None:
    """The host and port of an origin; None for what is no URL."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _fields(body: bytes) -> dict[str, str]:
    """The fields of a form, each once. Raises HTTPException."""
    if len(body) > _LONGEST:
        raise HTTPException("the form is too long", status_code=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    try:
        found = parse_qs(body.decode(), keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=5)
    except ValueError as error:
        raise HTTPException("the form is not understood", status_code=HTTPStatus.BAD_REQUEST) from error
    if any(len(values) > 1 for values in found.values()):
        raise HTTPException("the form has a field twice", status_code=HTTPStatus.BAD_REQUEST)
    return {name: values[0] for name, values in found.items()}


def _next(given: str | None) -> str:
    """The path to go on to: one of this site, else the first page."""
    return given if given is not None and len(given) <= 1_000 and _LOCAL.fullmatch(given) else "/"
