"""A browser that signs in with an OpenID provider, at a service beside a real PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from litestar.testing import TestClient

from closecast.platform.database import connect
from services.api.app import create_app
from services.api.settings import Settings
from tests.provider import agreed
from tests.unit.services.api.conftest import KEY, environment
from tests.waiting import SOON, until

Client = TestClient[Any]
ADMIN = {"X-API-Key": KEY}


@contextmanager
def service(database_url: str, folder: Path, provider: str) -> Iterator[Client]:
    variables = {**environment(folder), "CLOSECAST_DATABASE_URL": database_url, "CLOSECAST_SIGN_IN_PROVIDER": provider}
    with TestClient(create_app(Settings.from_environment(variables))) as client:
        client.follow_redirects = False
        yield client


def empty(url: str) -> None:
    """Have no users."""
    with connect(url) as connection:
        connection.execute("TRUNCATE users, sessions, failed_sign_ins")


def begun(client: Client, next_: str = "/") -> tuple[str, dict[str, str]]:
    """The provider's page for a new attempt, and the cookie of the browser that began it."""
    client.cookies.clear()
    answer = client.get("/sign-in/provider", params={"next": next_})
    assert answer.status_code == 303, answer.text
    cookie = {"closecast_sign_in": answer.cookies["closecast_sign_in"]}
    client.cookies.clear()
    return answer.headers["location"], cookie


def back(client: Client, answer: dict[str, str], cookie: dict[str, str], **headers: str) -> Any:
    """The browser comes back from the provider."""
    client.cookies.clear()
    given = "; ".join(f"{name}={value}" for name, value in cookie.items())
    try:
        return client.get("/sign-in/callback", params=answer, headers={"Cookie": given, **headers})
    finally:
        client.cookies.clear()


def signed_in(client: Client, subject: str, next_: str = "/") -> Any:
    location, cookie = begun(client, next_)
    return back(client, agreed(location, subject), cookie)


def me(client: Client, token: str) -> Any:
    return client.get("/v1/me", headers={"Authorization": f"Bearer {token}"})


def known(client: Client, answer: Any) -> dict[str, Any]:
    """Who the session of `answer` belongs to."""
    assert answer.status_code == 303, answer.text
    token = answer.cookies["closecast_session"]
    until(lambda: me(client, token).status_code == 200, SOON)
    return dict(me(client, token).json())


def told(answer: Any) -> str:
    """What the page says went wrong."""
    assert "closecast_session" not in answer.headers.get("set-cookie", "")
    return unescape(answer.text).partition('role="alert">')[2].partition("</p>")[0]


def users(client: Client) -> list[dict[str, Any]]:
    return list(client.get("/v1/users", headers=ADMIN).json()["users"])


def state(location: str) -> dict[str, str]:
    return {"state": dict(parse_qsl(urlsplit(location).query))["state"]}
