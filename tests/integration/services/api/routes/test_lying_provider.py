"""Sign-in with an OpenID provider that answers as no real one would: nobody gets in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.integration.services.api.routes.provider_client import (
    Client,
    back,
    begun,
    empty,
    known,
    service,
    state,
    told,
    users,
)
from tests.issuer import TokenIssuer, forged, issuing
from tests.provider import CLIENT, SECRET, LyingProvider, configured, lying_provider

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def issuer() -> Iterator[TokenIssuer]:
    with issuing() as made:
        yield made


@pytest.fixture(scope="module")
def lying(
    issuer: TokenIssuer, database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LyingProvider, Client]]:
    with (
        lying_provider(issuer) as liar,
        service(database_url, tmp_path_factory.mktemp("api"), configured(liar.url)) as made,
    ):
        yield liar, made


@pytest.fixture
def liar(lying: tuple[LyingProvider, Client], database_url: str) -> LyingProvider:
    empty(database_url)
    lying[0].answers.clear()
    lying[0].asked.clear()
    return lying[0]


@pytest.fixture
def trusting(lying: tuple[LyingProvider, Client]) -> Client:
    return lying[1]


@pytest.fixture
def fresh(issuer: TokenIssuer, database_url: str, tmp_path: Path) -> Iterator[tuple[LyingProvider, Client]]:
    """A service that has not asked its provider yet."""
    with lying_provider(issuer) as liar, service(database_url, tmp_path, configured(liar.url)) as made:
        yield liar, made


def attempted(client: Client, liar: LyingProvider, token: Callable[[str], bytes | None], **answer: str) -> Any:
    """The answer after the provider has answered the code with what `token` makes of the nonce."""
    location, cookie = begun(client)
    liar.tell(token(dict(parse_qsl(urlsplit(location).query))["nonce"]))
    return back(client, {"code": "c", **state(location), **answer}, cookie)


def test_the_code_is_shown_with_the_secret_and_what_only_this_browser_knows(
    trusting: Client, liar: LyingProvider
) -> None:
    assert known(trusting, attempted(trusting, liar, liar.sound))["name"] == "corp:ada@example.com"
    [(path, form, authorization)] = liar.asked
    assert path == "/token"
    assert (form["grant_type"], form["code"]) == ("authorization_code", "c")
    assert form["redirect_uri"] == "http://testserver.local/sign-in/callback"
    assert len(form["code_verifier"]) >= 43  # RFC 7636, section 4.1
    assert authorization.startswith("Basic ")
    assert SECRET not in str(form)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"nonce": "another"}, "of another sign-in"),
        ({"nonce": None}, "of another sign-in"),
        ({"aud": "another"}, "not for the audience"),
        ({"aud": [CLIENT, "another"]}, "meant for another service"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "meant for another service"),
        ({"azp": "another"}, "meant for another service"),
        ({"iss": "https://evil.example"}, "does not hold"),
        ({"exp": 1_000}, "expired"),
        ({"iat": None}, "lacks the claim iat"),
        ({"sub": None}, "lacks the claim sub"),
        ({"groups": []}, "no role here"),
        ({"groups": {"sales": 1}}, "no role here"),
        ({"email": None}, "no name that can be used"),
        ({"email": "a\nb"}, "no name that can be used"),
        ({"email": "root:ada"}, "no name that can be used"),
        ({"email": ["ada@example.com"]}, "no name that can be used"),
        ({"email_verified": False}, "has not verified"),
    ],
)
def test_what_a_token_should_not_say_lets_nobody_in(
    trusting: Client, liar: LyingProvider, changed: dict[str, Any], words: str
) -> None:
    answer = attempted(trusting, liar, lambda nonce: liar.token(**{"nonce": nonce, **changed}))
    assert answer.status_code == 403
    assert words in told(answer)
    assert users(trusting) == []


def test_a_token_that_nobody_signed_lets_nobody_in(trusting: Client, liar: LyingProvider) -> None:
    with issuing() as stranger:
        claims = {**liar.issuer.claims(iss=liar.url, aud=CLIENT, sub="1"), "email": "a@b", "groups": ["sales-ops"]}
        tokens: list[Callable[[str], bytes | None]] = [
            lambda nonce: stranger.token(**{**claims, "nonce": nonce}),
            lambda nonce: forged({"alg": "none", "kid": "first"}, {**claims, "nonce": nonce}),
            lambda nonce: forged({"alg": "HS256", "kid": "first"}, {**claims, "nonce": nonce}, b"x" * 32),
            lambda nonce: forged({"alg": "RS256", "kid": ["first"]}, {**claims, "nonce": nonce}, b"x" * 256),
            lambda nonce: forged({"alg": "RS256", "kid": "unknown"}, {**claims, "nonce": nonce}, b"x" * 256),
            lambda _: b"no token",
        ]
        for token in tokens:
            answer = attempted(trusting, liar, token)
            assert answer.status_code == 403
            assert "does not hold" in told(answer)
    assert users(trusting) == []


def test_an_answer_of_another_provider_is_not_taken(trusting: Client, liar: LyingProvider) -> None:
    answer = attempted(trusting, liar, liar.sound, iss="https://evil.example")
    assert (answer.status_code, told(answer)) == (403, "This answer is not from Example & Co. Start again.")
    assert liar.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        (200, b"no JSON"),
        (200, b"[]"),
        (200, b'{"id_token": null}'),
        (200, b'{"id_token": {"a": 1}}'),
        (302, b""),
        (401, b'{"error": "invalid_client"}'),
        (400, b'{"error": {"a": "<script>"}}'),
        (500, b"?"),
    ],
)
def test_a_token_endpoint_that_answers_nonsense_is_away(
    trusting: Client, liar: LyingProvider, answer: tuple[int, bytes]
) -> None:
    location, cookie = begun(trusting)
    liar.answers["/token"] = answer
    refused = back(trusting, {"code": "c", **state(location)}, cookie)
    assert refused.status_code == 503
    assert "script" not in told(refused)


@pytest.mark.parametrize(
    "changed",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://192.0.2.1/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": 7},
    ],
)
def test_a_configuration_that_leads_elsewhere_is_not_followed(
    fresh: tuple[LyingProvider, Client], changed: dict[str, Any]
) -> None:
    liar, client = fresh
    liar.configuration |= changed
    answer = client.get("/sign-in/provider")
    assert answer.status_code == 503
    assert "location" not in answer.headers


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/keys"])
def test_a_provider_that_answers_nonsense_is_away_until_it_does_not(
    fresh: tuple[LyingProvider, Client], path: str
) -> None:
    liar, client = fresh
    for answer in ((302, b""), (404, b""), (200, b"no JSON"), (200, b'{"keys": 7}'), (200, b"[]"), (200, b"\xff")):
        liar.answers[path] = answer
        assert client.get("/sign-in/provider").status_code == 503
    liar.answers.clear()
    assert client.get("/sign-in/provider").status_code == 303
