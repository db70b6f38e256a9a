"""Lets a request in or turns it away: its caller, its limit, and the role that its route requires."""

from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException, TooManyRequestsException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from closecast.platform.callers.caller import Caller, CallerError, ForbiddenCallerError, Role, UnknownCallerError
from closecast.platform.callers.limits import Decision
from services.api.access.callers import Callers
from services.api.problems import UnavailableError

# Whatever is not named here is closed to callers that nobody knows, routes to come too.
OPEN = ("/health/", "/metrics", "/schema", "/v1/registry-events")  # the last one is signed
_REALM = 'Bearer realm="closecast"'


class Admission(ASGIMiddleware):
    """Puts the caller into the request's state and spends one token of its limit, unless that was done before."""

    scopes = (ScopeType.HTTP,)
    should_bypass_for_scope = staticmethod(lambda scope: scope["path"].startswith(OPEN))

    def __init__(self, callers: Callers) -> None:
        self._callers = callers

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        state = scope["state"]
        if "caller" not in state:
            try:
                state["caller"] = await self._callers.caller_in_time(scope["headers"])
            except CallerError as error:
                raise refusal(error) from error
            state["rate_limit"] = self._callers.limits.take(state["caller"], 1)
        # Whom the fast path has recognised has been charged, or refused, there.
        _let_in(state["rate_limit"])
        await next_app(scope, receive, send)


class FastAdmission:
    """Admission on the fast path: lets in who may score, and leaves everybody else to `Admission` as if never asked."""

    def __init__(self, callers: Callers) -> None:
        self._recognise = callers.recognise
        self._take = callers.limits.take

    def __call__(self, key: bytes | None, authorization: bytes | None) -> tuple[Caller, Decision] | None:
        """The caller, and whether it is allowed and what is left of its tokens; None for one who may not score, uncharged.

        Both belong into the request's state, so that `Admission` does not ask again. Raises CallerError likewise.
        """
        caller = self._recognise(key, authorization)
        if not caller.may("scorer"):
            return None
        return caller, self._take(caller, 1)


def _let_in(decision: Decision) -> None:
    """Raises TooManyRequestsException (429) for who has spent its limit."""
    if not decision.allowed:
        limit = decision.limit
        raise TooManyRequestsException(
            f"the limit of {limit.quota} deals or requests in {limit.window:g} s is spent; "
            f"try again in {decision.reset_seconds} s"
        )


def refusal(error: CallerError) -> Exception:
    """What the caller is answered: 401 and 403 with a challenge (RFC 6750), 503 when it cannot be told yet."""
    if isinstance(error, ForbiddenCallerError):
        return _forbidden(str(error), "viewer")
    if isinstance(error, UnknownCallerError):
        challenge = f'{_REALM}, error="invalid_token"' if error.presented else _REALM
        return NotAuthorizedException(str(error), headers={"WWW-Authenticate": challenge})
    return UnavailableError(str(error))


class Requires:
    """A guard that lets pass whose role is `role` or one above it. Asynchronous, since others are run in a thread of their own."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        caller = cast(Caller, connection.scope["state"]["caller"])
        if not caller.may(self.role):
            detail = f"this needs the role {self.role}, and {caller.name!r} has the role {caller.role}"
            raise _forbidden(detail, self.role)


def _forbidden(detail: str, role: Role) -> PermissionDeniedException:
    challenge = f'{_REALM}, error="insufficient_scope", scope="{role}"'
    return PermissionDeniedException(detail, headers={"WWW-Authenticate": challenge})
