"""Tokens by real signatures: who is let in, and who is not and why."""

import hashlib
import hmac
import time
from datetime import UTC, datetime, tzinfo
from typing import Any

import pytest

from closecast.platform.callers.caller import Caller, ForbiddenCallerError, UncheckedCallerError, UnknownCallerError
from closecast.platform.callers.tokens import Tokens
from tests.integration.platform.callers.conftest import settled, started
from tests.issuer import URL, TokenIssuer, forged
from tests.waiting import awaited


def test_a_workload_is_recognised(tokens: Tokens, issuer: TokenIssuer) -> None:
    expected = Caller("nomad:global:default:ui:ui:ui:closecast", "ui", "workload", "scorer")
    assert tokens.find(issuer.token()) == expected
    assert tokens.find(issuer.token(aud=["other", "closecast-api"])) == expected


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_other_kinds_of_keys_do_too(tokens: Tokens, issuer: TokenIssuer, algorithm: str) -> None:
    issuer.add("other", algorithm)
    token = issuer.token("other")

    def role() -> str | None:
        try:
            return tokens.find(token).role
        except (UnknownCallerError, UncheckedCallerError):  # until the issuer may be asked again, and has answered
            return None

    assert awaited(role) == "scorer"


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
        def now(cls, tz: tzinfo | None = None) -> "Later":
            return cls.fromtimestamp(later, tz or UTC)

    monkeypatch.setattr("jwt.api_jwt.datetime", Later)
    # then
    with pytest.raises(UnknownCallerError, match="has expired"):
        tokens.find(token)


def test_what_is_remembered_is_bounded_and_the_oldest_goes(issuer: TokenIssuer) -> None:
    tokens = started(issuer, remembered=5)
    settled(lambda: tokens.find(issuer.token()))
    for number in range(12):
        tokens.find(issuer.token(sub=f"caller {number}"))
    assert tokens.known == 5
    tokens.stop()
