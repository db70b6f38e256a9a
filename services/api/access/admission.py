"""Admission of requests: authentication, rate limit, and the role that a route requires."""

from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException, TooManyRequestsException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

from closecast.platform.callers.caller import Caller, CallerError, ForbiddenCallerError, Role, UnknownCallerError
from closecast.platform.callers.quota import Decision
from services.api.access.callers import Callers
from services.api.problems import UnavailableError

# All other routes, including future ones, require authentication.
# The last three check a signature and a password.
OPEN = ("/health/", "/metrics", "/schema", "/v1/registry-events", "/v1/sign-in", "/sign-in")
REALM = 'Bearer realm="closecast"'


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
        # The fast path has already charged or refused the callers that it authenticated.
        _let_in(state["rate_limit"])
        await next_app(scope, receive, send)


class FastAdmission:
    """Admission on the fast path: admits callers that may score, and leaves all others to `Admission`, uncharged."""

    def __init__(self, callers: Callers) -> None:
        self._recognise = callers.recognise
        self._take = callers.limits.take

    def __call__(self, key: bytes | None, authorization: bytes | None) -> tuple[Caller, Decision] | None:
        """The caller and the decision on its limit; None, uncharged, for a caller who may not score.

        Put both into the request's state, so that `Admission` does not check again. Raises CallerError.
        """
        caller = self._recognise(key, authorization)
        if not caller.has_role("scorer"):
            return None
        return caller, self._take(caller, 1)


def _let_in(decision: Decision) -> None:
    """Raise TooManyRequestsException (429) when the limit is used up."""
    if not decision.allowed:
        limit = decision.limit
        raise TooManyRequestsException(
            f"the limit of {limit.quota} deals or requests in {limit.window:g} s is spent; "
            f"try again in {decision.reset_seconds} s"
        )


def refusal(error: CallerError) -> Exception:
    """The HTTP error for a refused caller:

    401 and 403 with a challenge (RFC 6750), 503 when it cannot be checked yet.
    """
    if isinstance(error, ForbiddenCallerError):
        return _forbidden(str(error), "viewer")
    if isinstance(error, UnknownCallerError):
        challenge = f'{REALM}, error="invalid_token"' if error.presented else REALM
        return NotAuthorizedException(str(error), headers={"WWW-Authenticate": challenge})
    return UnavailableError(str(error))


class Requires:
    """A guard that requires `role` or a higher one. Asynchronous, because synchronous guards run in a thread each."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        caller = cast(Caller, connection.scope["state"]["caller"])
        if not caller.has_role(self.role):
            detail = f"this needs the role {self.role}, and {caller.name!r} has the role {caller.role}"
            raise _forbidden(detail, self.role)


def _forbidden(detail: str, role: Role) -> PermissionDeniedException:
    challenge = f'{REALM}, error="insufficient_scope", scope="{role}"'
    return PermissionDeniedException(detail, headers={"WWW-Authenticate": challenge})
