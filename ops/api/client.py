"""A client of the prediction API for the operator's commands."""

import ssl
from typing import Any

import httpx

from ops.errors import OperatorError


class Api:
    """The API at `address`, called with `key`; `authority` is the file of who signed its certificate."""

    def __init__(self, address: str, key: str, authority: str | None = None) -> None:
        self.address = address
        trusted = ssl.create_default_context(cafile=authority) if authority else True
        self._http = httpx.Client(base_url=address, headers={"X-API-Key": key}, timeout=60, verify=trusted)

    def readiness(self) -> tuple[bool, str]:
        """Whether the API serves a champion, and its message about it."""
        try:
            answer = self._http.get("/health/ready")
        except httpx.HTTPError as error:
            return False, str(error)
        return answer.is_success, answer.text

    def reservation(self) -> str | None:
        """The API's warning about its champion, ready or not; None when there is none, or no answer."""
        try:
            said = self._http.get("/health/ready", timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return None
        return said.get("reason") if isinstance(said, dict) else None

    def page(self, path: str) -> tuple[int, str, str]:
        """Status, type and text of a page for people. Raises OperatorError without an answer."""
        try:
            answer = self._http.get(path)
        except httpx.HTTPError as error:
            raise OperatorError(f"{self.address}{path} does not answer: {error}", "see `just status`") from error
        return answer.status_code, answer.headers.get("content-type", ""), answer.text

    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """Send a request and return the JSON answer. Raises OperatorError with the problem document's detail."""
        try:
            answer = self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise OperatorError(
                f"the API does not answer at {self.address}: {error}", "see `just status` and `just logs api`"
            ) from error
        if answer.is_error:
            away = answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
            raise OperatorError(
                f"the API answered {answer.status_code}: {_detail(answer)}",
                "see `just status`, and try again in a moment"
                if away
                else "correct the input it names; the routes are described at /schema",
            )
        return answer.json()


def _detail(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        return answer.text[:300]
    return str(problem.get("detail") or problem.get("title") or problem)
