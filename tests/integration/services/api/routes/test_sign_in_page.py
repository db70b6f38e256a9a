"""The page on which people sign in, beside a real PostgreSQL: its cookie, its refusals, and what it does not do."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from litestar.testing import TestClient

from closecast.platform.callers.acts import By
from closecast.platform.callers.users import UserStore
from closecast.platform.database import connect
from services.api.app import create_app
from services.api.settings import Settings
from tests.conftest import Logged
from tests.unit.services.api.conftest import KEY, environment
from tests.waiting import SOON, until

pytestmark = pytest.mark.integration
Client = TestClient[Any]
PASSWORD = "correct horse battery"


@pytest.fixture
def client(database_url: str, tmp_path: Path) -> Iterator[Client]:
    with connect(database_url) as connection:
        connection.execute("TRUNCATE users, sessions, failed_sign_ins")
    UserStore(lambda: database_url).create("ada", "scorer", By("bootstrap"), PASSWORD)
    settings = Settings.from_environment({**environment(tmp_path), "CLOSECAST_DATABASE_URL": database_url})
    with TestClient(create_app(settings)) as made:
        made.follow_redirects = False
        until(lambda: checked(made, "closecast_session=cs_").status_code == 401)  # not 503: the list of keys is there
        yield made


def sent(client: Client, headers: dict[str, str] | None = None, **fields: str) -> Any:
    found = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
    return client.post("/sign-in", content=urlencode(fields).encode(), headers=found)


def signed_in(client: Client) -> str:
    """The cookie of a session."""
    return str(sent(client, name="ada", password=PASSWORD).headers["set-cookie"]).partition(";")[0]


def checked(client: Client, cookie: str, **headers: str) -> Any:
    client.cookies.clear()
    return client.get("/sign-in/check", headers={"Cookie": cookie, **headers})


def test_the_form_leads_to_the_page_that_was_asked_for(client: Client) -> None:
    # given
    shown = client.get("/sign-in", params={"next": "/?view=mine&a=%22"})
    assert shown.status_code == 200
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    next_ = unescape(re.search(r'name="next" value="([^"]*)"', shown.text)[1])  # type: ignore[index]
    # when
    answer = sent(client, next=next_, name=" Ada ", password=PASSWORD)
    # then
    assert (answer.status_code, answer.headers["location"]) == (303, "/?view=mine&a=%22")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("closecast_session=cs_")
    assert cookie.endswith("; HttpOnly; Max-Age=43200; Path=/; SameSite=lax")


def test_behind_the_gateway_the_cookie_is_for_tls_only(client: Client) -> None:
    answer = sent(client, {"X-Forwarded-Proto": "https"}, name="ada", password=PASSWORD)
    assert answer.headers["set-cookie"].endswith("; HttpOnly; Max-Age=43200; Path=/; SameSite=lax; Secure")


@pytest.mark.parametrize(
    "next_",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "/a b",
        "/\r\nX: y",
        "/\u00e9",
        "/" + "a" * 1_000,
    ],
)
def test_no_other_site_is_gone_on_to(client: Client, next_: str) -> None:
    assert sent(client, next=next_, name="ada", password=PASSWORD).headers["location"] == "/"
    assert 'name="next" value="/"' in client.get("/sign-in", params={"next": next_}).text


def test_a_wrong_password_is_told_on_the_form(client: Client) -> None:
    # when
    answer = sent(client, name='"><b>ada', password="a guess of somebody")
    # then
    assert answer.status_code == 401
    assert "The name or the password is wrong." in answer.text
    assert "set-cookie" not in answer.headers
    assert "<b>" not in answer.text
    assert "a guess" not in answer.text


def test_guessing_ends_with_the_time_to_come_back(client: Client) -> None:
    for _ in range(5):
        assert sent(client, name="ada", password="a guess of somebody").status_code == 401
    locked = sent(client, name="ada", password=PASSWORD)
    assert locked.status_code == 429
    assert re.search(r"Try again at \d\d:\d\d UTC", locked.text)


def test_the_page_allows_nothing_but_its_own_form(client: Client) -> None:
    headers = client.get("/sign-in").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["cache-control"] == "no-store"
    # With no-referrer, a browser says that the form comes from the origin "null".
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://testserver.local.evil", "garbage", "http://[", ""]
)
def test_another_sites_form_is_refused(client: Client, origin: str) -> None:
    answer = sent(client, {"Origin": origin}, name="ada", password=PASSWORD)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_its_own_origin_is_let_through(client: Client) -> None:
    assert sent(client, {"Origin": "http://testserver.local"}, name="ada", password=PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (b"name=ada&name=eve&password=x", "application/x-www-form-urlencoded", 400),
        (b"name", "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 401),
        (b"name=\xff&password=x", "application/x-www-form-urlencoded", 400),
        (b"name=%FF&password=x", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=1" % number for number in range(6)), "application/x-www-form-urlencoded", 400),
        (b"name=" + b"a" * 5_000, "application/x-www-form-urlencoded", 413),
        (b"name=a%00&password=x", "application/x-www-form-urlencoded", 401),
        (b"password=x", "application/x-www-form-urlencoded", 401),
        (b'{"name": "ada"}', "application/json", 415),
        (b"x", "multipart/form-data; boundary=x", 415),
    ],
)
def test_what_is_no_such_form_is_refused(client: Client, content: bytes, kind: str, expected: int) -> None:
    answer = client.post("/sign-in", content=content, headers={"Content-Type": kind})
    assert answer.status_code == expected
    assert "set-cookie" not in answer.headers


def test_the_gateway_learns_who_has_signed_in(client: Client, logged: Logged) -> None:
    # given
    cookie = signed_in(client)
    # then it is not logged: the gateway asks about each file of a page
    assert checked(client, cookie).status_code == 204
    assert [line["path"] for line in logged() if line["event"] == "request"] == ["/sign-in"]
    # when the session is over
    token = cookie.partition("=")[2]
    assert client.delete("/v1/me/session", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    # then
    until(lambda: checked(client, cookie).status_code == 401, SOON)


def test_a_page_is_sent_to_the_form_and_all_else_is_refused(client: Client) -> None:
    page = checked(client, "", Accept="text/html,*/*", **{"X-Forwarded-Uri": "/?view=a&b=c"})
    assert (page.status_code, page.headers["location"]) == (303, "/sign-in?next=%2F%3Fview%3Da%26b%3Dc")
    script = checked(client, "", Accept="*/*")
    assert script.status_code == 401
    assert script.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("value", ["", "cs_", "cs_00000000_x", f"{KEY}", "cs_\xff", "a; b", "cc_aaaaaaaaaaaa_x"])
def test_what_is_no_session_has_not_signed_in(client: Client, value: str) -> None:
    client.cookies.clear()
    answer = client.get("/sign-in/check", headers=[(b"cookie", f"closecast_session={value}".encode("latin-1"))])
    assert answer.status_code == 401


def test_the_cookie_opens_no_route_of_the_api(client: Client) -> None:
    cookie = signed_in(client)
    client.cookies.clear()
    assert client.get("/v1/me", headers={"Cookie": cookie}).status_code == 401
    assert client.delete("/v1/me/sessions", headers={"Cookie": cookie}).status_code == 401
