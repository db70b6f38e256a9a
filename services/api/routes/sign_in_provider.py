"""`/sign-in/provider` and `/sign-in/callback`: the way to the OpenID provider, and back from it.

What an attempt must show again is in a cookie of the browser that began it: an answer that somebody else got, or that
was sent to another browser, signs nobody in.
"""

import base64
import logging
import re
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.exceptions import HTTPException, NotFoundException

from closecast.platform.callers.acts import DatabaseAwayError
from closecast.platform.callers.provider import Attempt, ProviderAwayError, ProviderRefusedError
from services.api.access.callers import Callers
from services.api.access.provider_sign_ins import ProviderSignIns
from services.api.middleware.security_headers import is_secure
from services.api.problems import UnavailableError
from services.api.routes.common import log_act
from services.api.routes.sign_in_page import cookie, next_page, shown, signed_in

_LOG = logging.getLogger(__name__)
_SECONDS = 600  # for passwords, second factors, and a lost telephone
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
_LONGEST = 4_000  # characters of a value of the query, such as a code
_AGAIN = "This sign-in began too long ago, or in another browser. Start again."


class _Kept(msgspec.Struct, forbid_unknown_fields=True):
    """The content of the cookie: the attempt, and where it leads."""

    state: str
    nonce: str
    verifier: str
    next: str


@get("/sign-in/provider", include_in_schema=False)
async def sign_in_by_provider(request: Request[Any, Any, Any], callers: NamedDependency[Callers]) -> Response[bytes]:
    """Send the browser to the provider. Raises NotFoundException (404) without one."""
    provider = _provider(callers)
    attempt, next_ = Attempt.new(), next_page(request.query_params.get("next"))
    try:
        location = await provider.address(attempt, _redirect_uri(request))
    except (ProviderAwayError, UnavailableError) as error:
        return _away(provider, next_, error, request)
    kept = _Kept(attempt.state, attempt.nonce, attempt.verifier, next_)
    value = base64.urlsafe_b64encode(msgspec.json.encode(kept)).decode().rstrip("=")
    made = cookie(request, _name(request), value, _SECONDS)
    return Response(b"", status_code=HTTPStatus.SEE_OTHER, headers={"Location": location}, cookies=[made])


@get("/sign-in/callback", include_in_schema=False)
async def signed_in_by_provider(request: Request[Any, Any, Any], callers: NamedDependency[Callers]) -> Response[bytes]:
    """Begin a session with the provider's answer, and go on to the page that was asked for; else say why not."""
    provider = _provider(callers)
    kept = _kept(request.cookies.get(_name(request), ""))
    if kept is None:
        return shown("/", provider.title, problem=_AGAIN, status=HTTPStatus.BAD_REQUEST)
    next_, request_id = next_page(kept.next), request.scope["state"]["request_id"]
    answer = _answer(request)
    attempt = Attempt(kept.state, kept.nonce, kept.verifier)
    try:
        begun = await provider.begin(answer, attempt, _redirect_uri(request), request_id)
    except ProviderRefusedError as error:
        _LOG.warning("sign-in refused", extra={"request_id": request_id, "reason": str(error)})
        answered = shown(next_, provider.title, problem=str(error), status=HTTPStatus.FORBIDDEN)
    except (ProviderAwayError, UnavailableError, DatabaseAwayError) as error:
        answered = _away(provider, next_, error, request)
    else:
        log_act("user signed in", f"user {begun.user.name}", begun.head)
        answered = signed_in(request, begun, next_)
    answered.cookies.append(cookie(request, _name(request), "", 0))  # an attempt is good for one answer
    return answered


def _provider(callers: Callers) -> ProviderSignIns:
    if callers.provider is None:
        raise NotFoundException("people sign in with a password here: no provider is configured")
    return callers.provider


def _away(provider: ProviderSignIns, next_: str, error: Exception, request: Request[Any, Any, Any]) -> Response[bytes]:
    _LOG.warning("sign-in failed", extra={"request_id": request.scope["state"]["request_id"], "problem": str(error)})
    text = f"Nobody can sign in with {provider.title} just now. Try again in a moment."
    return shown(next_, provider.title, problem=text, status=HTTPStatus.SERVICE_UNAVAILABLE)


def _redirect_uri(request: Request[Any, Any, Any]) -> str:
    """Where the provider leads back to: the host that the browser knows. The provider takes registered ones only."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise HTTPException("the request names no host", status_code=HTTPStatus.BAD_REQUEST)
    scheme = "https" if is_secure(list(request.scope["headers"])) else "http"
    return f"{scheme}://{host}/sign-in/callback"


def _answer(request: Request[Any, Any, Any]) -> dict[str, str]:
    """The provider's answer in the query. What comes twice or is too long is left out, as it means nothing."""
    found = list(request.query_params.multi_items())
    names = [name for name, _ in found]
    return {name: value for name, value in found if names.count(name) == 1 and len(value) <= _LONGEST}


def _name(request: Request[Any, Any, Any]) -> str:
    """The cookie's name. With this prefix a browser takes it over TLS and from this very host only."""
    return "__Host-closecast_sign_in" if is_secure(list(request.scope["headers"])) else "closecast_sign_in"


def _kept(value: str) -> _Kept | None:
    """What the cookie keeps; None for no cookie, and for what this service has not put there."""
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)), type=_Kept)
    except (ValueError, msgspec.DecodeError):
        return None
