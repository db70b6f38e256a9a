"""Authentication and limits of callers: the service's use of keys, tokens, rate limits and the audit log."""

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime

from closecast.platform.callers.caller import Caller, UncheckedCallerError, UnknownCallerError
from closecast.platform.callers.keyring import Keyring
from closecast.platform.callers.keys import KeyStore
from closecast.platform.callers.limits import Limits
from closecast.platform.callers.outbox import Outbox
from closecast.platform.callers.sessions import SessionStore
from closecast.platform.callers.tokens import Tokens
from closecast.platform.callers.users import UserStore
from closecast.platform.mlflow import champions
from closecast.platform.mlflow.identity import Identity
from services.api.access.provider_sign_ins import ProviderSignIns
from services.api.access.sign_ins import SignIns
from services.api.settings import Settings

_KEYS_SECONDS = 2.0  # how long a request waits for an issuer's keys that are being fetched


class Callers:
    """Authenticates and limits callers; `caller` and `limits.take` are synchronous and never wait."""

    def __init__(self, settings: Settings) -> None:
        self.keyring = Keyring(settings.key_hashes, settings.database, settings.model_cache / "keyring.json")
        self.tokens = Tokens(settings.issuers, settings.model_cache / "jwks.json")
        self.limits = Limits(settings.limits, settings.cache)
        self.outbox = None if settings.database is None else Outbox(settings.database, settings.model_cache / "audit")
        self.store = None if settings.database is None else KeyStore(settings.database)
        self.users = None if settings.database is None else UserStore(settings.database)
        self.sign_ins: SignIns | None = None
        self.provider: ProviderSignIns | None = None
        if settings.database is not None:
            sessions = SessionStore(settings.database)
            self.sign_ins = SignIns(sessions)
            if settings.provider is not None:
                self.provider = ProviderSignIns(settings.provider, sessions)
        self._instance = settings.instance

    def start(self) -> None:
        """Start the threads that keep keys, tokens and limits current."""
        for part in self._parts():
            part.start()

    def stop(self) -> None:
        """Stop the threads, which write last-used times and return leases."""
        for part in self._parts():
            part.stop()

    def _parts(self) -> list[Keyring | Tokens | Limits | Outbox]:
        parts: list[Keyring | Tokens | Limits | Outbox] = [self.keyring, self.tokens, self.limits]
        return parts if self.outbox is None else [*parts, self.outbox]

    def caller(self, headers: Iterable[tuple[bytes, bytes]]) -> Caller:
        """Authenticate raw ASGI headers by X-API-Key, or else by Authorization: Bearer with a key or a JWT.

        Raises UnknownCallerError (401), ForbiddenCallerError (403) or UncheckedCallerError (503, or worth a moment's
        wait).
        """
        key = authorization = None
        for name, value in headers:
            if name == b"x-api-key":
                key = key or value
            elif name == b"authorization":
                authorization = value
        return self.recognise(key, authorization)

    def recognise(self, key: bytes | None, authorization: bytes | None) -> Caller:
        """Authenticate by the values of the two headers, as `caller` does."""
        if key:
            return self.keyring.find(key)
        bearer = authorization[7:].strip() if authorization and authorization[:7].lower() == b"bearer " else None
        if not bearer:
            raise UnknownCallerError("no credentials: send an API key in X-API-Key, or a bearer token", presented=False)
        # A JWT's header is a JSON object, which begins like this in base64url; keys have no dots.
        if bearer.startswith(b"eyJ") and bearer.count(b".") == 2:
            return self.tokens.find(bearer)
        return self.keyring.find(bearer)

    async def caller_in_time(self, headers: Iterable[tuple[bytes, bytes]]) -> Caller:
        """Authenticate like `caller`, but wait for an issuer's new keys without blocking other requests."""
        deadline = time.monotonic() + _KEYS_SECONDS
        while True:
            try:
                return self.caller(headers)
            except UncheckedCallerError as error:
                if not error.soon or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(0.02)

    def record_promotion(self, model: Identity, before: Identity | None, named_at: datetime) -> None:
        """Log in the audit log that another model serves here now, which the registry named at `named_at`.

        Not for the request path.
        """
        if self.outbox is not None:
            details = champions.details_of(model, before) | {"named_at": named_at.isoformat()}
            self.outbox.put(f"api {self._instance}", champions.SEEN, champions.subject_of(model), details)

    def figures(self) -> dict[str, float]:
        """The current figures by name, for metrics."""
        limits = self.limits.state()
        return {
            "api_key_secrets": self.keyring.size,
            "api_keys_age_seconds": self.keyring.age,
            "token_issuers_failing": len(self.tokens.problems),
            "rate_limit_shared": float(limits.shared),
            "rate_limit_callers": limits.callers,
            "rate_limit_refused_total": limits.refused,
            "rate_limit_leases_total": limits.leases,
            "audit_waiting": 0 if self.outbox is None else self.outbox.waiting,
        }
