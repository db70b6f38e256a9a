"""Tokens whose members are of any type, size and depth: they are refused, and nothing else happens."""

import base64
from contextlib import suppress
from typing import Any

import jwt
import pytest

from closecast.platform.callers.caller import ForbiddenCallerError, UncheckedCallerError, UnknownCallerError
from closecast.platform.callers.tokens import Tokens
from tests.issuer import TokenIssuer, forged

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
