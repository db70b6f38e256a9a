"""What a caller shows to Prefect's server: the password and, for a change, the token that a foreign page cannot have."""

import base64
import uuid
from collections.abc import Generator

import httpx

_WRITES = ("POST", "PUT", "PATCH", "DELETE")


class PrefectAuth(httpx.Auth):
    """For one client of httpx. `auth_string` is Prefect's PREFECT_API_AUTH_STRING, `user:password`."""

    requires_response_body = True

    def __init__(self, auth_string: str) -> None:
        self._header = f"Basic {base64.b64encode(auth_string.encode()).decode()}"
        self._client = str(uuid.uuid4())
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The request, after one for a token where it needs one, and once more when the server no longer knows that."""
        request.headers["Authorization"] = self._header
        if request.method not in _WRITES:
            yield request
            return
        if not self._token:
            self._take((yield self._asking(request)))
        answer = yield self._with_token(request)
        if answer.status_code == httpx.codes.FORBIDDEN and "Invalid CSRF token" in answer.text:
            self._take((yield self._asking(request)))
            yield self._with_token(request)

    def _asking(self, request: httpx.Request) -> httpx.Request:
        url = request.url.copy_with(path="/api/csrf-token", query=f"client={self._client}".encode())
        return httpx.Request("GET", url, headers={"Authorization": self._header}, extensions=request.extensions)

    def _take(self, answer: httpx.Response) -> None:
        """A server that has no such tokens, or refuses one, is asked without: its answer says what is wrong."""
        self._token = "" if answer.is_error else str(answer.json()["token"])

    def _with_token(self, request: httpx.Request) -> httpx.Request:
        request.headers["Prefect-Csrf-Token"] = self._token
        request.headers["Prefect-Csrf-Client"] = self._client
        return request
