"""Tokens by real signatures, keys from a real HTTP server: who is let in, who is not and why, and what rotation does."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest

from closecast.platform.callers.caller import Caller, ForbiddenCallerError, UncheckedCallerError, UnknownCallerError
from closecast.platform.callers.issuers import issuers
from closecast.platform.callers.jwks import TRUST_SECONDS
from closecast.platform.callers.tokens import Tokens
from closecast.platform.settings import SettingsError
from tests.issuer import URL, TokenIssuer, forged, issuing
from tests.waiting import until


@pytest.fixture(scope="module")
def shared() -> Iterator[TokenIssuer]:
    with issuing() as issuer:
        yield issuer


@pytest.fixture
def issuer(shared: TokenIssuer) -> TokenIssuer:
    """With its first key alone, and at hand."""
    shared.keys = {"first": shared.keys["first"]}
    shared.away = False
    return shared


@pytest.fixture
def tokens(issuer: TokenIssuer) -> Iterator[Tokens]:
    made = started(issuer)
    settled(lambda: made.find(issuer.token()))
    yield made
    made.stop()


def started(issuer: TokenIssuer, file: Path | None = None, **options: Any) -> Tokens:
    made = Tokens([issuer.configured()], file, **{"retry_seconds": 0.2, **options})
    made.start()
    return made


def settled(find: Callable[[], Caller]) -> Caller:
    """The caller, once the issuer's keys that are on their way have come."""
    found: list[Caller] = []

    def is_there() -> bool:
        with suppress(UncheckedCallerError):
            found.append(find())
        return bool(found)

    until(is_there)
    return found[0]


def test_a_workload_is_recognised(tokens: Tokens, issuer: TokenIssuer) -> None:
    expected = Caller("nomad:global:default:ui:ui:ui:closecast", "ui", "workload", "scorer")
    assert tokens.find(issuer.token()) == expected
    assert tokens.find(issuer.token(aud=["other", "closecast-api"])) == expected


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_other_kinds_of_keys_do_too(tokens: Tokens, issuer: TokenIssuer, algorithm: str) -> None:
    issuer.add("other", algorithm)
    time.sleep(0.25)
    assert settled(lambda: tokens.find(issuer.token("other"))).role == "scorer"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"exp": 1_000}, "has expired"),
        ({"aud": "another-api"}, "not for the audience closecast-api"),
        ({"aud": None}, "lacks the claim aud"),
        ({"iss": "http://somebody.example"}, "issuer that is not trusted"),
        ({"iss": None}, "issuer that is not trusted"),
        ({"nbf": 2**33}, "not valid yet"),
        ({"iat": 2**33}, "not valid yet"),
        ({"exp": None}, "lacks the claim exp"),
        ({"exp": "soon"}, "not sound|no JWT"),
        ({"sub": None}, "lacks the claim sub"),
        ({"sub": "x" * 300}, "longer than 200"),
        ({"nomad_namespace": "another"}, "claim nomad_namespace is not 'default'"),
    ],
)
def test_a_token_that_says_something_wrong_is_refused(
    tokens: Tokens, issuer: TokenIssuer, changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(UnknownCallerError, match=words):
        tokens.find(issuer.token(**changed))


def test_a_sound_token_without_a_role_is_forbidden_not_unknown(tokens: Tokens, issuer: TokenIssuer) -> None:
    with pytest.raises(ForbiddenCallerError, match="nomad_job_id gives no role"):
        tokens.find(issuer.token(nomad_job_id="another"))


def test_forgeries_are_refused(tokens: Tokens, issuer: TokenIssuer) -> None:
    sound = issuer.token()
    head, _, signature = sound.split(b".")
    confused = forged({"alg": "HS256", "typ": "JWT", "kid": "first"}, issuer.claims())
    # A verifier that takes the public key for a shared secret would accept this one.
    signed = hmac.new(issuer.public_pem("first"), confused.rpartition(b".")[0], hashlib.sha256).digest()
    others = [
        forged({"alg": "none", "typ": "JWT", "kid": "first"}, issuer.claims()),
        forged({"alg": "HS256", "typ": "JWT", "kid": "first"}, issuer.claims(), signed),
        forged({"alg": "ES256", "typ": "JWT", "kid": "first"}, issuer.claims(), b"\0" * 64),
        forged({"alg": "RS256", "typ": "JWT", "kid": "first"}, issuer.claims(), b"\0" * 256),
        forged({"alg": "RS256", "typ": "JWT", "kid": "first"}, {**issuer.claims(), "iss": [URL]}, b"\0" * 256),
        forged({"alg": "RS256", "typ": "JWT", "kid": ["first"]}, issuer.claims(), b"\0" * 256),
        head + b"." + forged({}, issuer.claims(nomad_job_id="admin")).split(b".")[1] + b"." + signature,
        b"eyJ.eyJ.x",
        b"eyJ" + b"." * 2,
        sound[:-10],
        b"eyJ" + b"a" * 9_000 + b".a.a",
        "eyJé.é.é".encode(),
    ]
    for token in others:
        with pytest.raises(UnknownCallerError):
            tokens.find(token)


def test_a_token_expires_though_it_is_remembered(
    tokens: Tokens, issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    token = issuer.token(exp=int(time.time()) + 60)
    tokens.find(token)
    # when its time and the leeway have passed
    later = time.time() + 71
    monkeypatch.setattr("closecast.platform.callers.tokens.time.time", lambda: later)

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.fromtimestamp(later, tz or UTC)

    monkeypatch.setattr("jwt.api_jwt.datetime", Later)
    # then
    with pytest.raises(UnknownCallerError, match="has expired"):
        tokens.find(token)


def test_a_new_key_is_fetched_when_a_token_names_it_and_not_at_every_token(tokens: Tokens, issuer: TokenIssuer) -> None:
    # given a rotation
    issuer.add("second")
    time.sleep(0.25)
    # when / then: asked for, then there
    with pytest.raises(UncheckedCallerError) as caught:
        tokens.find(issuer.token("second"))
    assert caught.value.soon
    assert settled(lambda: tokens.find(issuer.token("second"))).role == "scorer"
    assert tokens.find(issuer.token()).role == "scorer"  # the old one is still published
    # and a key that is nowhere does not make the issuer be asked again and again
    asked, begin, refused = issuer.asked, time.monotonic(), []
    while time.monotonic() < begin + 1:
        kid = f"made-up-{len(refused)}"
        with pytest.raises((UnknownCallerError, UncheckedCallerError)) as caught:
            tokens.find(forged({"alg": "RS256", "kid": kid}, issuer.claims(), b"\0" * 256))
        refused.append(str(caught.value))
    # once in the 0.2 s that were set here, of several hundred tokens
    assert issuer.asked - asked <= (time.monotonic() - begin) / 0.2 + 1
    assert len(refused) > 20
    assert any("does not publish" in one for one in refused)


def test_a_withdrawn_key_takes_its_tokens_with_it(issuer: TokenIssuer) -> None:
    # given a remembered token
    tokens = started(issuer, refresh_seconds=0.1)
    issuer.add("second")
    old = issuer.token("first")
    settled(lambda: tokens.find(old))
    # when its key is published no more
    del issuer.keys["first"]

    def is_refused() -> bool:
        try:
            tokens.find(old)
        except UnknownCallerError:
            return True
        except UncheckedCallerError:
            return False
        return False

    try:
        # then
        until(is_refused)
        assert settled(lambda: tokens.find(issuer.token("second"))).role == "scorer"
    finally:
        tokens.stop()
        issuer.add("first")


def test_keys_are_kept_while_their_issuer_is_away(issuer: TokenIssuer) -> None:
    # given
    tokens = started(issuer, refresh_seconds=0.05)
    settled(lambda: tokens.find(issuer.token()))
    # when
    issuer.away = True
    until(lambda: tokens.problems)
    # then tokens that nobody has seen yet are verified
    assert tokens.find(issuer.token(sub="new")).id == "nomad:new"
    assert "503" in tokens.problems[0]
    tokens.stop()


def test_a_token_that_comes_while_the_first_keys_are_fetched_is_worth_a_wait(
    issuer: TokenIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an issuer that takes its time
    answer = issuer.key_set
    begun = issuer.asked
    given = threading.Event()
    monkeypatch.setattr(issuer, "key_set", lambda: given.wait(60) and answer())
    tokens = started(issuer, retry_seconds=60)
    until(lambda: issuer.asked > begun)
    # when
    with pytest.raises(UncheckedCallerError) as caught:
        tokens.find(issuer.token())
    # then
    assert caught.value.soon
    given.set()
    assert settled(lambda: tokens.find(issuer.token())).id.startswith("nomad:")
    tokens.stop()


def test_an_issuer_that_never_answered_leaves_tokens_unchecked_not_unknown(issuer: TokenIssuer) -> None:
    issuer.away = True
    tokens = started(issuer, retry_seconds=60)
    until(lambda: tokens.problems)
    with pytest.raises(UncheckedCallerError) as caught:
        tokens.find(issuer.token())
    assert not caught.value.soon
    tokens.stop()


def test_what_is_remembered_is_bounded_and_the_oldest_goes(issuer: TokenIssuer) -> None:
    tokens = started(issuer, remembered=5)
    settled(lambda: tokens.find(issuer.token()))
    for number in range(12):
        tokens.find(issuer.token(sub=f"caller {number}"))
    assert len(tokens._known) == 5
    tokens.stop()


CONFIGURED = {
    "name": "corp", "issuer": "https://id.example", "jwks_url": "https://id.example/keys", "audience": "closecast",
    "kind": "user", "role_claim": ["realm_access", "roles"], "roles": {"sales": "viewer", "sales-ops": "scorer"},
}  # fmt: skip


def test_roles_come_from_nested_lists_and_words_and_the_highest_counts() -> None:
    nested, words = issuers(json.dumps([CONFIGURED, {**CONFIGURED, "name": "b", "issuer": "b", "role_claim": "scope"}]))
    assert nested.role({"realm_access": {"roles": ["sales", "x", "sales-ops"]}}) == "scorer"
    assert words.role({"scope": "openid sales"}) == "viewer"
    for nothing in (
        {},
        {"realm_access": "sales"},
        {"realm_access": {"roles": [1, None]}},
        {"realm_access": {"roles": 7}},
    ):
        assert nested.role(nothing) is None
    assert issuers("") == ()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"jwks_url": "http://id.example/keys"}, "must begin with https"),
        ({"jwks_url": "file:///etc/keys"}, "must begin with https"),
        ({"name": "key"}, "not 'key'"),
        ({"name": "A:b"}, "lower-case letters"),
        ({"roles": {}}, "empty roles"),
        ({"roles": {"x": "god"}}, "not a JSON list of issuers"),
        ({"audience": ""}, "empty audience"),
        ({"algorithms": ["none"]}, "not a JSON list of issuers"),
    ],
)
def test_a_configuration_that_cannot_be_is_named(changed: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        issuers(json.dumps([{**CONFIGURED, **changed}]))
    with pytest.raises(SettingsError, match="the same name twice"):
        issuers(json.dumps([CONFIGURED, CONFIGURED]))


def test_keys_outlive_a_restart_while_the_issuer_is_away_but_not_for_ever(issuer: TokenIssuer, tmp_path: Path) -> None:
    # given
    file, token = tmp_path / "cache" / "jwks.json", issuer.token()
    first = started(issuer, file)
    settled(lambda: first.find(token))
    first.stop()
    issuer.away = True
    # when
    again = started(issuer, file)
    # then
    assert again.find(token).role == "scorer"
    again.stop()
    # given a copy that is too old, then one that is damaged
    kept = json.loads(file.read_text())
    (entry,) = kept.values()
    entry["fetched"] -= TRUST_SECONDS
    for content in (json.dumps(kept), "{", "[]"):
        file.write_text(content)
        # when
        later = started(issuer, file)
        # then
        with pytest.raises(UncheckedCallerError):
            later.find(token)
        later.stop()


ODD: list[Any] = [[], ["RS256"], {}, {"RS256": 1}, 7, 1.5, True, None, "", "x" * 3_000, [[[[]]]]]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: str(odd)[:20])
@pytest.mark.parametrize(
    "member", ["alg", "kid", "typ", "crit", "b64", "cty", "iss", "aud", "exp", "iat", "nbf", "sub"]
)
def test_members_of_any_type_are_refused_and_nothing_else(
    tokens: Tokens, issuer: TokenIssuer, member: str, odd: Any
) -> None:
    # given it is unsigned, and, where it is a claim, signed too
    header, claims = {"alg": "RS256", "kid": "first"}, issuer.claims()
    (header if member in ("alg", "kid", "typ", "crit", "b64", "cty") else claims)[member] = odd
    made = [forged(header, claims, b"x")]
    is_time = member in ("iat", "nbf") and isinstance(odd, int | float)  # of long ago
    if member in claims and not is_time:
        with suppress(TypeError):  # what the library does not sign
            made.append(jwt.encode(claims, issuer.keys["first"][0], "RS256", headers={"kid": "first"}).encode())
    for token in made:
        # when / then
        with pytest.raises((UnknownCallerError, UncheckedCallerError)):
            tokens.find(token)


@pytest.mark.parametrize("exp", [1e400, -1e400, float("nan"), 10**400, "9" * 5_000])
def test_a_time_beyond_all_is_refused(tokens: Tokens, issuer: TokenIssuer, exp: Any) -> None:
    for name in ("exp", "iat", "nbf"):
        token = jwt.encode({**issuer.claims(), name: exp}, issuer.keys["first"][0], "RS256", headers={"kid": "first"})
        with pytest.raises(UnknownCallerError):
            tokens.find(token.encode())


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("text", ["[" * 3_000, '{"a":' + "[" * 2_000 + "]" * 2_000 + "}", "\xff", "null", "[]", ""])
def test_depth_and_noise_are_no_token(tokens: Tokens, issuer: TokenIssuer, place: int, text: str) -> None:
    parts = issuer.token().split(b".")
    parts[place] = base64.urlsafe_b64encode(text.encode("latin-1")).rstrip(b"=")
    with pytest.raises(UnknownCallerError):
        tokens.find(b".".join(parts))


@pytest.mark.parametrize("name", ["a\nb", "a\x9b2Jb", "\u202ea", "a\u200bb"])
def test_a_subject_that_cannot_be_printed_is_refused(tokens: Tokens, issuer: TokenIssuer, name: str) -> None:
    for changed in ({"sub": name}, {"nomad_job_id": name}):
        with pytest.raises((UnknownCallerError, ForbiddenCallerError)):
            tokens.find(issuer.token(**changed))
