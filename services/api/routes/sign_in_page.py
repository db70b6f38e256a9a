"""`/sign-in`: the page on which people sign in to the user interface, and the question whether they have.

Who has no password here goes on to the OpenID provider: services.api.routes.sign_in_provider.

A browser keeps the session's token in a cookie that its scripts cannot read. No route of the API takes that cookie for
a credential, so no other site can act with it; the user interface reads it, and shows the token itself.
"""

import re
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from litestar import Request, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotAuthorizedException

from closecast.platform.callers.acts import DatabaseAwayError
from closecast.platform.callers.caller import USER, UncheckedCallerError, UnknownCallerError
from closecast.platform.callers.sessions import LIFETIME, PREFIX, Begun, SignInLockedError, SignInRefusedError
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
async def sign_in_page(request: Request[Any, Any, Any], callers: NamedDependency[Callers]) -> Response[bytes]:
    """The form."""
    return shown(next_page(request.query_params.get("next")), provider_title(callers))


@post("/sign-in", include_in_schema=False)
async def sign_in_by_page(request: Request[Any, Any, Any], callers: NamedDependency[Callers]) -> Response[bytes]:
    """Begin a session, and go on to the page that was asked for; else show the form again with the reason."""
    _require_own_form(request)
    form, title = _fields(await request.body()), provider_title(callers)
    next_, name = next_page(form.get("next")), form.get("name", "")
    try:
        begun = await begun_session(callers, name, form.get("password", ""), request.scope["state"]["request_id"])
    except SignInRefusedError:
        return shown(next_, title, name, "The name or the password is wrong.", HTTPStatus.UNAUTHORIZED)
    except SignInLockedError as error:
        text = f"Too many wrong passwords for this name. Try again at {error.until:%H:%M} UTC, or ask an administrator."
        return shown(next_, title, name, text, HTTPStatus.TOO_MANY_REQUESTS)
    except (UnavailableError, DatabaseAwayError):
        text = "Nobody can sign in just now. Try again in a moment."
        return shown(next_, title, name, text, HTTPStatus.SERVICE_UNAVAILABLE)
    return signed_in(request, begun, next_)


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
        where = quote(next_page(request.headers.get("x-forwarded-uri")), safe="")
        location = {"Location": f"/sign-in?next={where}"}
        return Response(b"", status_code=HTTPStatus.SEE_OTHER, headers=location)
    except UncheckedCallerError as error:
        raise refusal(error) from error
    return Response(b"", status_code=HTTPStatus.NO_CONTENT)


def shown(
    next_: str, title: str | None, name: str = "", problem: str | None = None, status: HTTPStatus = HTTPStatus.OK
) -> Response[bytes]:
    """The page, with what went wrong if something did; `title` is the provider's, and `next_` what follows."""
    return Response(page(next_, title, name, problem), status_code=status, media_type=_HTML)


def signed_in(request: Request[Any, Any, Any], begun: Begun, next_: str) -> Response[bytes]:
    """Go on to `next_`, with the session in a cookie."""
    made = cookie(request, COOKIE, begun.token, int(LIFETIME.total_seconds()))
    return Response(b"", status_code=HTTPStatus.SEE_OTHER, headers={"Location": next_}, cookies=[made])


def cookie(request: Request[Any, Any, Any], name: str, value: str, seconds: int) -> Cookie:
    """A cookie that no script reads and no other site's form sends, and that stays within TLS where there is any."""
    secure = is_secure(list(request.scope["headers"]))
    return Cookie(name, value=value, max_age=seconds, httponly=True, samesite="lax", secure=secure)


def provider_title(callers: Callers) -> str | None:
    """How people call the provider with which they may sign in too; None without one."""
    return None if callers.provider is None else callers.provider.title


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


def next_page(given: str | None) -> str:
    """The path to go on to: one of this site, else the first page."""
    return given if given is not None and len(given) <= 1_000 and _LOCAL.fullmatch(given) else "/"
