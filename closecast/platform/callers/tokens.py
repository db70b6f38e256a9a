"""Authenticate the bearer of a JWT: a user of an OIDC provider, or a workload with a Nomad identity.

A verified token is cached by its SHA-256 until it expires, so that presenting it again costs microseconds.
"""

import base64
import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import msgspec

from closecast.platform.callers.caller import Caller, ForbiddenCallerError, UncheckedCallerError, UnknownCallerError
from closecast.platform.callers.issuers import Issuer
from closecast.platform.callers.jwks import ALGORITHMS, REFRESH_SECONDS, JwksThread, KeySet

LEEWAY_SECONDS = 10.0  # allowed clock difference between issuer and service
_REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
_MAX_LENGTH = 8 * 1024
_REMEMBERED = 4_096
_MAX_SUBJECT = 200
# Claims are checked as usual; a key too short to be safe is refused instead of warned about.
_VERIFIER = jwt.PyJWT({"enforce_minimum_key_length": True})


# What PyJWT raises for claims of unexpected types or sizes, such as a number that is too large for a date.
_UNSOUND = (jwt.PyJWTError, ValueError, TypeError, AttributeError, OverflowError, RecursionError)


class _Header(msgspec.Struct):
    """The header members that are needed here; PyJWT checks the others."""

    alg: str = ""
    kid: str = ""


class _Said(msgspec.Struct):
    """The unverified claims: the issuer."""

    iss: str = ""


_HEADER, _SAID = msgspec.json.Decoder(_Header), msgspec.json.Decoder(_Said)


@dataclass(frozen=True, slots=True)
class _Known:
    caller: Caller
    until: float


class Tokens:
    """Verifies tokens of `issuers`. `find` is for the request path: it never waits."""

    def __init__(
        self,
        issuers: Sequence[Issuer],
        file: Path | None,
        *,
        refresh_seconds: float = REFRESH_SECONDS,
        retry_seconds: float = 5.0,
        remembered: int = _REMEMBERED,
    ) -> None:
        """`file` keeps the issuers' public keys across restarts, None for none."""
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._remembered = remembered
        self._lock = threading.Lock()
        self._jwks = JwksThread(issuers, file, self._forget, refresh_seconds, retry_seconds)

    def start(self) -> None:
        """Start fetching the issuers' keys."""
        self._jwks.start()

    def stop(self) -> None:
        """Stop the thread that fetches keys."""
        self._jwks.stop()

    @property
    def problems(self) -> list[str]:
        """The reasons why the keys of some issuers could not be fetched last time."""
        return [keys.problem for keys in self._jwks.sets.values() if keys.problem is not None]

    @property
    def known(self) -> int:
        """How many tokens are remembered."""
        return len(self._known)

    def find(self, token: bytes) -> Caller:
        """The caller that the token identifies.

        Raises UnknownCallerError (401); ForbiddenCallerError (403) when it is sound but gives no role;
        UncheckedCallerError (503) while the issuer's keys are not available, with `soon` when they have just been
        requested.
        """
        sha256 = hashlib.sha256(token).digest()
        with self._lock:
            known = self._known.get(sha256)
            if known is not None:
                if known.until > time.time():
                    self._known.move_to_end(sha256)
                    return known.caller
                del self._known[sha256]
        return self._verify(token, sha256)

    def _verify(self, token: bytes, sha256: bytes) -> Caller:
        if len(token) > _MAX_LENGTH:
            raise UnknownCallerError(f"the token is longer than {_MAX_LENGTH} bytes")
        header, said = _read(token)
        keys = self._jwks.sets.get(said.iss)
        if keys is None:
            raise UnknownCallerError("the token is from an issuer that is not trusted here")
        if header.alg not in ALGORITHMS:
            raise UnknownCallerError(f"the token must be signed by {', '.join(sorted(ALGORITHMS))}")
        held = keys.keys
        key = held.get(header.kid)
        if key is None:
            raise self._missing(keys)
        claims = decoded_claims(token, key.jwk, keys.issuer)
        caller = _caller(claims, keys.issuer)
        with self._lock:
            # A token whose key was withdrawn during the verification must not be cached.
            if keys.keys is held:
                self._known[sha256] = _Known(caller, claims["exp"] + LEEWAY_SECONDS)
                while len(self._known) > self._remembered:
                    self._known.popitem(last=False)
        return caller

    def _missing(self, keys: KeySet) -> UnknownCallerError | UncheckedCallerError:
        if self._jwks.want(keys):
            return UncheckedCallerError(
                f"the signing key is not known yet; the keys of {keys.issuer.name} are being fetched", soon=True
            )
        if not keys.keys:
            return UncheckedCallerError(f"the keys of {keys.issuer.name} cannot be fetched now; try again in a moment")
        return UnknownCallerError(f"the token is signed by a key that {keys.issuer.name} does not publish")

    def _forget(self) -> None:
        with self._lock:
            self._known.clear()


def _read(token: bytes) -> tuple[_Header, _Said]:
    """Read header and issuer of an unverified token. Raises UnknownCallerError for anything that is not such a JWT."""
    try:
        header, said, _ = (base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)) for part in token.split(b"."))
        return _HEADER.decode(header), _SAID.decode(said)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UnknownCallerError("the token is not a JWT") from error


def decoded_claims(token: bytes, key: jwt.PyJWK, issuer: Issuer) -> dict[str, Any]:
    """The claims of a token that `key` signed, for the issuer's audience and of now. Raises UnknownCallerError."""
    try:
        claims = _VERIFIER.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=issuer.audience,
            issuer=issuer.url,
            leeway=LEEWAY_SECONDS,
            options={"require": _REQUIRED},
        )
        claims["exp"] = float(int(claims["exp"]))
    except jwt.ExpiredSignatureError as error:
        raise UnknownCallerError("the token has expired") from error
    except jwt.InvalidAudienceError as error:
        raise UnknownCallerError(f"the token is not for the audience {issuer.audience}") from error
    except jwt.ImmatureSignatureError as error:
        raise UnknownCallerError("the token is not valid yet") from error
    except jwt.MissingRequiredClaimError as error:
        raise UnknownCallerError(f"the token lacks the claim {error.claim}") from error
    except _UNSOUND as error:
        raise UnknownCallerError("the token is not sound: its signature or a claim does not hold") from error
    for name, expected in issuer.claims.items():
        if claims.get(name) != expected:
            raise UnknownCallerError(f"the token's claim {name} is not {expected!r}")
    return claims


def _caller(claims: dict[str, Any], issuer: Issuer) -> Caller:
    role = issuer.role(claims)
    if role is None:
        wanted = ".".join(issuer.role_claim)
        raise ForbiddenCallerError(f"the token is sound, but its claim {wanted} gives no role here")
    subject = str(claims["sub"])
    named = claims.get(issuer.name_claim)
    name = named if isinstance(named, str) and named else subject
    # Truncating would merge callers whose subjects begin alike.
    if max(len(subject), len(name)) > _MAX_SUBJECT:
        raise UnknownCallerError(f"the token's subject or name is longer than {_MAX_SUBJECT} characters")
    # Both are shown to people, in logs and on terminals.
    if not (subject.strip() and subject.isprintable() and name.isprintable()):
        raise UnknownCallerError(
            "the token's subject is empty, or it or the name holds characters that cannot be printed"
        )
    return Caller(f"{issuer.name}:{subject}", name, issuer.kind, role)
