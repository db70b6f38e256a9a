"""Sign-in with an OpenID provider, beside a real one and a real PostgreSQL: who gets in, as whom, and who does not."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from closecast.platform.callers.acts import By
from closecast.platform.callers.users import UserStore
from tests.integration.services.api.routes.provider_client import (
    ADMIN,
    Client,
    back,
    begun,
    empty,
    known,
    me,
    service,
    signed_in,
    state,
    told,
    users,
)
from tests.provider import CLIENT, agreed, configured, person, real_provider
from tests.servers.processes import free_port
from tests.waiting import SOON, until

pytestmark = pytest.mark.integration
ADA, GRACE, OPS = (
    person("a1", "Ada@Example.com", "sales"),
    person("g1", "grace@example.com", "marketing"),
    person("o1", "ops@example.com", "sales", "sales-ops"),
)


@pytest.fixture
def client(database_url: str, tmp_path: Path) -> Iterator[Client]:
    empty(database_url)
    with real_provider(ADA, GRACE, OPS) as url, service(database_url, tmp_path, configured(url)) as made:
        yield made


def test_the_page_offers_the_provider_and_leads_to_it(client: Client) -> None:
    shown = client.get("/sign-in", params={"next": "/pipeline?view=mine"})
    assert (
        '<a class="provider" href="/sign-in/provider?next=%2Fpipeline%3Fview%3Dmine">Sign in with Example &amp; Co</a>'
        in (shown.text)
    )
    # when
    location, _ = begun(client)
    # then
    query = dict(parse_qsl(urlsplit(location).query))
    assert query.keys() >= {"state", "nonce", "code_challenge"}
    assert (query["client_id"], query["response_type"], query["code_challenge_method"]) == (CLIENT, "code", "S256")
    assert query["redirect_uri"] == "http://testserver.local/sign-in/callback"


def test_a_person_gets_in_with_the_role_of_the_group_and_is_in_the_audit_log(client: Client) -> None:
    answer = signed_in(client, "a1", "/pipeline?view=mine")
    assert answer.status_code == 303, told(answer)
    assert answer.headers["location"] == "/pipeline?view=mine"
    session, attempt = answer.headers.get_list("set-cookie")
    assert session.startswith("closecast_session=cs_")
    assert session.endswith("; HttpOnly; Max-Age=43200; Path=/; SameSite=lax")
    assert attempt.startswith('closecast_sign_in=""; HttpOnly; Max-Age=0')  # it is good for one answer
    who = known(client, answer)
    assert (who["name"], who["role"], who["kind"], who["has_password"]) == (
        "corp:ada@example.com",
        "scorer",
        "user",
        False,
    )
    acts = client.get("/v1/audit?limit=2", headers=ADMIN).json()["entries"]
    assert [(one["act"], one["subject"]) for one in acts] == [
        ("user signed in", "user corp:ada@example.com"),
        ("user created", "user corp:ada@example.com"),
    ]


def test_the_highest_role_counts_and_a_person_without_one_stays_outside(client: Client) -> None:
    assert known(client, signed_in(client, "o1"))["role"] == "admin"
    refused = signed_in(client, "g1")
    assert refused.status_code == 403
    assert told(refused) == "Example & Co knows you, but gives you no role here. Ask an administrator."
    assert [one["name"] for one in users(client)] == ["corp:ops@example.com"]


def test_a_local_user_of_the_same_name_is_somebody_else(client: Client, database_url: str) -> None:
    UserStore(lambda: database_url).create("ada@example.com", "admin", By("bootstrap"), "correct horse battery")
    assert known(client, signed_in(client, "a1"))["role"] == "scorer"
    assert sorted(one["name"] for one in users(client)) == ["ada@example.com", "corp:ada@example.com"]


def test_another_role_at_the_provider_counts_from_the_next_sign_in_also_for_open_sessions(
    database_url: str, tmp_path: Path
) -> None:
    empty(database_url)
    port = free_port()
    url = f"http://localhost:{port}"
    with service(database_url, tmp_path, configured(url)) as client:
        with real_provider(ADA, port=port):
            first = signed_in(client, "a1")
            assert known(client, first)["role"] == "scorer"
        with real_provider(person("a1", "ada.lovelace@example.com", "sales-ops"), port=port):
            # then: the provider has new keys now, which are asked for
            second = known(client, signed_in(client, "a1"))
        # then: the person is the same, and so is the name
        assert (second["name"], second["role"]) == ("corp:ada@example.com", "admin")
        until(lambda: me(client, first.cookies["closecast_session"]).json()["role"] == "admin", SOON)
        assert len(users(client)) == 1


def test_an_address_that_somebody_new_has_is_not_the_old_one(database_url: str, tmp_path: Path) -> None:
    empty(database_url)
    with (
        real_provider(ADA, person("a2", "ada@example.com", "sales-ops")) as url,
        service(database_url, tmp_path, configured(url)) as client,
    ):
        old = known(client, signed_in(client, "a1"))
        new = known(client, signed_in(client, "a2"))
    assert (old["name"], old["role"]) == ("corp:ada@example.com", "scorer")
    assert new["name"].startswith("corp:ada@example.com+")
    assert new["role"] == "admin"


def test_an_admin_disables_such_a_user_but_changes_neither_role_nor_password(client: Client) -> None:
    answer = signed_in(client, "a1")
    token = answer.cookies["closecast_session"]
    known(client, answer)
    path = "/v1/users/corp:ada@example.com"
    for change in ({"role": "admin"}, {"new_password": True}):
        refused = client.patch(path, json=change, headers=ADMIN)
        assert refused.status_code == 409
        assert "provider corp" in refused.json()["detail"]
    mine = {"Authorization": f"Bearer {token}"}
    own = client.put("/v1/me/password", json={"old": "x", "new": "correct horse battery"}, headers=mine)
    assert (own.status_code, own.json()["detail"]) == (409, "your password is with the provider corp; change it there")
    # when
    assert client.patch(path, json={"disabled": True}, headers=ADMIN).status_code == 200
    # then
    until(lambda: me(client, token).status_code == 401, SOON)
    refused = signed_in(client, "a1")
    assert (refused.status_code, told(refused)) == (403, "You may not sign in here any more. Ask an administrator.")


def test_such_a_user_has_no_password_that_could_be_guessed(client: Client) -> None:
    known(client, signed_in(client, "a1"))
    for password in ("", "None", "null"):
        answer = client.post("/v1/sign-in", json={"name": "corp:ada@example.com", "password": password})
        assert answer.status_code == 401


def test_an_answer_counts_once_and_in_the_browser_that_asked(client: Client) -> None:
    location, cookie = begun(client)
    answer = agreed(location, "a1")
    # in a browser that began nothing, in one that began something else, and with a cookie of somebody's own
    assert told(back(client, answer, {})).startswith("This sign-in began too long ago, or in another browser.")
    _, other = begun(client)
    stolen = back(client, answer, other)
    assert (stolen.status_code, told(stolen)) == (403, "This sign-in began in another window. Start again here.")
    for made_up in ("e30", "bnVsbA", "%00", "ä".encode().hex(), "x" * 3_000):
        assert back(client, answer, {"closecast_sign_in": made_up}).status_code == 400
    # when: in the right one
    assert back(client, answer, cookie).status_code == 303
    # then: but once
    again = back(client, answer, cookie)
    assert (again.status_code, told(again)) == (403, "Example & Co does not accept this sign-in any more. Start again.")


def test_who_says_no_at_the_provider_is_told_so_and_may_try_again(client: Client) -> None:
    location, cookie = begun(client, "/forecast")
    refused = back(client, {**agreed(location, "a1", action="deny"), **state(location)}, cookie)
    assert (refused.status_code, told(refused)) == (403, "Example & Co did not let you in.")
    assert 'href="/sign-in/provider?next=%2Fforecast"' in refused.text
    # what a stranger writes into the address is not shown
    error = {"error": "<b>call 0900</b>", "error_description": "call 0900", **state(location)}
    assert told(back(client, error, cookie)) == "Example & Co could not sign you in (no reason given)."


def test_behind_the_gateway_the_cookies_are_for_tls_and_this_host_only(client: Client) -> None:
    answer = client.get("/sign-in/provider", headers={"X-Forwarded-Proto": "https", "Host": "closecast.example:8443"})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-closecast_sign_in=")
    assert "secure" in cookie.lower()
    assert "domain" not in cookie.lower()
    query = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert query["redirect_uri"] == "https://closecast.example:8443/sign-in/callback"


def test_while_the_provider_is_away_passwords_go_on(database_url: str, tmp_path: Path) -> None:
    empty(database_url)
    UserStore(lambda: database_url).create("root", "admin", By("bootstrap"), "correct horse battery")
    port = free_port()
    with service(database_url, tmp_path, configured(f"http://localhost:{port}")) as client:
        answer = client.get("/sign-in/provider")
        assert answer.status_code == 503
        assert told(answer) == "Nobody can sign in with Example & Co just now. Try again in a moment."
        body = {"name": "root", "password": "correct horse battery"}
        assert client.post("/v1/sign-in", json=body).status_code == 201
        # when it is back
        with real_provider(ADA, port=port):
            assert known(client, signed_in(client, "a1"))["role"] == "scorer"


def test_without_a_provider_there_is_no_way_to_one(database_url: str, tmp_path: Path) -> None:
    with service(database_url, tmp_path, "") as client:
        assert "provider" not in client.get("/sign-in").text.partition("</style>")[2]
        for path in ("/sign-in/provider", "/sign-in/callback?code=x&state=y"):
            assert client.get(path).status_code == 404
