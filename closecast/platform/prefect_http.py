"""Authentication to Prefect's server: the password and, for changes, the CSRF token."""

import base64
import uuid
from collections.abc import Generator

import httpx

_WRITES = ("POST", "PUT", "PATCH", "DELETE")


class PrefectAuth(httpx.Auth):
    """Authentication for one httpx client. `auth_string` is Prefect's PREFECT_API_AUTH_STRING, `user:password`."""

    requires_response_body = True

    def __init__(self, auth_string: str) -> None:
        self._header = f"Basic {base64.b64encode(auth_string.encode()).decode()}"
        self._client = str(uuid.uuid4())
        self._token = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request, with a CSRF token if it needs one, and again with a new token if the server refuses it."""
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
        """Take the token from the server's answer; without one the request is sent anyway, and its answer says what is wrong."""
        self._token = "" if answer.is_error else str(answer.json()["token"])

    def _with_token(self, request: httpx.Request) -> httpx.Request:
        request.headers["Prefect-Csrf-Token"] = self._token
        request.headers["Prefect-Csrf-Client"] = self._client
        return request
