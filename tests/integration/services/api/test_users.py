"""The service beside a real PostgreSQL: sign-in by HTTP, sessions and roles, guessing, and no password told."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from closecast.platform.database import connect
from services.api.app import create_app
from tests.conftest import Logged
from tests.integration.services.api.test_keys import KEY, LET_IN, admin, settings, status
from tests.issuer import TokenIssuer, issuing
from tests.waiting import SOON, until

pytestmark = pytest.mark.integration
Client = TestClient[Any]
NEW = "correct horse battery"


@pytest.fixture(scope="module")
def issuer() -> Iterator[TokenIssuer]:
    with issuing() as made:
        yield made


@pytest.fixture
def service(database_url: str, valkey_url: str, issuer: TokenIssuer, tmp_path: Path) -> Iterator[Client]:
    with connect(database_url) as connection:
        connection.execute("TRUNCATE users, sessions, failed_sign_ins")
    made = settings(tmp_path, issuer, CLOSECAST_DATABASE_URL=database_url, CLOSECAST_CACHE_URL=valkey_url)
    with TestClient(create_app(made)) as client:
        yield client


@pytest.fixture
def password(service: Client) -> str:
    """Of the user ada, a scorer."""
    made = admin(service, "POST", "/v1/users", {"name": "ada"}, 201)
    assert made["user"]["role"] == "scorer"
    return str(made["password"])


def sign_in(client: Client, password: str, name: str = "ada", wanted: int = 201) -> Any:
    answer = client.post("/v1/sign-in", json={"name": name, "password": password})
    assert answer.status_code == wanted, answer.text
    return answer.json()


def mine(client: Client, method: str, path: str, token: str, body: Any = None) -> Any:
    return client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})


def test_a_persons_day(service: Client, password: str, capsys: pytest.CaptureFixture[str], logged: Logged) -> None:
    # when
    session = sign_in(service, password)
    token = session["token"]
    # then it counts at once, as a scorer and not as more
    me = mine(service, "GET", "/v1/me", token)
    assert me.status_code == 200
    assert me.json() == session["caller"]
    assert (me.json()["name"], me.json()["kind"], me.json()["role"]) == ("ada", "user", "scorer")
    assert status(service, token) == LET_IN
    refused = mine(service, "GET", "/v1/users", token)
    assert refused.status_code == 403
    assert "needs the role admin, and 'ada' has the role scorer" in refused.json()["detail"]
    # when she becomes an admin, and makes somebody
    admin(service, "PATCH", "/v1/users/ada", {"role": "admin"}, 200)
    until(lambda: mine(service, "GET", "/v1/users", token).status_code == 200, SOON)
    made = mine(service, "POST", "/v1/users", token, {"name": "bob@example.com", "role": "viewer"})
    assert made.status_code == 201
    # then her name is in the log
    entries = admin(service, "GET", "/v1/audit?limit=50", status=200)["entries"]
    assert ("user:ada", "user created", "user bob@example.com") in [
        (one["actor"], one["act"], one["subject"]) for one in entries
    ]
    # when the password is replaced
    other = sign_in(service, password)["token"]
    assert mine(service, "PUT", "/v1/me/password", token, {"old": password, "new": NEW}).status_code == 204
    # then her other session is over, and this one is not
    until(lambda: mine(service, "GET", "/v1/me", other).status_code == 401, SOON)
    assert mine(service, "GET", "/v1/me", token).status_code == 200
    assert sign_in(service, password, wanted=401)["detail"] == "the name or the password is wrong"
    # when she signs out
    assert mine(service, "DELETE", "/v1/me/session", token).json() == {"sessions": 1}
    until(lambda: mine(service, "GET", "/v1/me", token).status_code == 401, SOON)
    # then each act's place in the audit log is in the service's own log, too
    acts = [line["act"] for line in logged() if line["event"] == "audit" and line["subject"] == "user ada"]
    assert acts == ["user signed in", "user changed", "user signed in", "password changed", "user signed out"]
    # then nothing secret was told
    captured = capsys.readouterr()
    told = captured.err + captured.out + json.dumps([entries, logged()])
    for secret in (password, NEW, made.json()["password"], token, other):
        assert secret not in told


def test_signed_out_everywhere(service: Client, password: str, logged: Logged) -> None:
    tokens = [sign_in(service, password)["token"] for _ in range(3)]
    assert mine(service, "DELETE", "/v1/me/sessions", tokens[0]).json() == {"sessions": 3}
    until(lambda: all(mine(service, "GET", "/v1/me", one).status_code == 401 for one in tokens), SOON)
    assert [line["subject"] for line in logged() if line.get("act") == "user signed out everywhere"] == ["user ada"]


def test_a_disabled_user_is_out_with_the_page_open(service: Client, password: str) -> None:
    token = sign_in(service, password)["token"]
    assert admin(service, "PATCH", "/v1/users/ada", {"disabled": True}, 200)["user"]["state"] == "disabled"
    until(lambda: mine(service, "GET", "/v1/me", token).status_code == 401, SOON)
    sign_in(service, password, wanted=401)


def test_guessing_ends_with_a_time_to_wait(service: Client, password: str) -> None:
    for _ in range(5):
        assert sign_in(service, "a guess of somebody", wanted=401)["title"] == "Unauthorized"
    answer = service.post("/v1/sign-in", json={"name": "ada", "password": password})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 900
    assert "too many wrong passwords" in answer.json()["detail"]
    # and an admin helps
    made = admin(service, "PATCH", "/v1/users/ada", {"new_password": True}, 200)["password"]
    sign_in(service, made)


def test_a_refusal_has_a_challenge_and_says_not_which_was_wrong(service: Client, password: str) -> None:
    answers = [
        service.post("/v1/sign-in", json={"name": name, "password": "a guess of somebody"}) for name in ("ada", "eve")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert len({answer.json()["detail"] for answer in answers}) == 1
    assert all(answer.headers["www-authenticate"] == 'Bearer realm="closecast"' for answer in answers)
    assert password


def test_a_crowd_is_turned_away_and_others_are_served_meanwhile(service: Client) -> None:
    # given
    statuses: list[int] = []

    def guess(number: int) -> None:
        body = {"name": f"user{number}", "password": "a guess of somebody"}
        statuses.append(service.post("/v1/sign-in", json=body).status_code)

    # when
    crowd = [threading.Thread(target=guess, args=(number,)) for number in range(60)]
    for one in crowd:
        one.start()
    assert status(service, KEY) == LET_IN
    for one in crowd:
        one.join()
    # then
    assert set(statuses) <= {401, 503}
    assert statuses.count(401) >= 16


def test_what_is_of_no_user_is_for_no_key(service: Client) -> None:
    for method, path, body in (
        ("DELETE", "/v1/me/session", None),
        ("DELETE", "/v1/me/sessions", None),
        ("PUT", "/v1/me/password", {"old": "x", "new": NEW}),
    ):
        answer = service.request(method, path, json=body, headers={"X-API-Key": KEY})
        assert answer.status_code == 403
        assert "this is for who has signed in" in answer.json()["detail"]
    assert service.get("/v1/me", headers={"X-API-Key": KEY}).json()["id"] == "bootstrap"


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        *(
            ("POST", "/v1/users", {"name": name}, 400)
            for name in ("", "Ada", "a b", "\u202ea", "-a", "a" * 101, "../x")
        ),
        ("POST", "/v1/users", {"name": "ada", "role": "god"}, 400),
        ("POST", "/v1/users", {"name": "ada", "password": "short"}, 400),
        ("POST", "/v1/users", {"name": "ada", "password": "ada's own password"}, 422),
        ("POST", "/v1/users", {"name": "ada", "passwort": NEW}, 400),
        ("PATCH", "/v1/users/nobody", {"role": "viewer"}, 404),
        ("PATCH", "/v1/users/NOBODY%00", {"role": "viewer"}, 404),
        ("PATCH", "/v1/users/nobody", {"role": None}, 400),
        ("POST", "/v1/sign-in", {"name": "ada"}, 400),
        ("POST", "/v1/sign-in", {"name": "ada", "password": "x" * 201}, 400),
        ("POST", "/v1/sign-in", {"name": "a\x00da", "password": "x"}, 401),
        ("GET", "/v1/sign-in", None, 405),
    ],
)
def test_what_cannot_be_is_refused_by_name(service: Client, method: str, path: str, body: Any, expected: int) -> None:
    answer = admin(service, method, path, body, expected)
    assert answer["status"] == expected


def test_a_user_exists_once(service: Client, password: str) -> None:
    assert admin(service, "POST", "/v1/users", {"name": "ada"}, 409)["title"] == "There is such a user already"
    assert [one["name"] for one in admin(service, "GET", "/v1/users", status=200)["users"]] == ["ada"]
    assert password


def test_a_new_password_must_be_strong(service: Client, password: str) -> None:
    token = sign_in(service, password)["token"]
    weak = mine(service, "PUT", "/v1/me/password", token, {"old": password, "new": "ada is my name"})
    assert weak.status_code == 422
    assert weak.json()["errors"][0]["field"] == "new"
    wrong = mine(service, "PUT", "/v1/me/password", token, {"old": "a guess of somebody", "new": NEW})
    assert wrong.status_code == 401
