"""The public keys of issuers (JWKS): fetched and refreshed by a thread, and kept while an issuer is away.

A copy on disk lets an instance that starts while an issuer is away know its keys. A key that was withdrawn meanwhile
would still be among them, so a copy that is older than a day is not taken.
"""

import json
import logging
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from closecast.platform.callers.issuers import Issuer
from closecast.platform.runtime.background import BackgroundWorker
from closecast.platform.runtime.files import write_whole

_LOG = logging.getLogger(__name__)

ALGORITHMS = frozenset(
    {"RS256", "ES256", "EdDSA"}
)  # asymmetric only: a public key must never be used as a shared secret
REFRESH_SECONDS = 300.0
TRUST_SECONDS = 24 * 3600.0  # how old a copy on disk may be
_RETRY_SECONDS = 5.0  # after a failure, and at least between two fetches for unknown keys
_TIMEOUT_SECONDS = 3.0
_MAX_BYTES = 256 * 1024


@dataclass(frozen=True)
class SigningKey:
    """A key that verifies signatures; two are equal when they were published identically."""

    published: str
    jwk: jwt.PyJWK = field(compare=False)


@dataclass
class KeySet:
    """The keys of one issuer by their ids. `keys` is replaced whole, so that a reader sees one state."""

    issuer: Issuer
    keys: Mapping[str, SigningKey] = field(default_factory=dict)
    fetched: float = float("-inf")  # seconds since 1970, of the last success
    asked: float = float("-inf")  # of the last attempt
    wanted: bool = False  # a token named a key that is not here, or a fetch is under way
    problem: str | None = None


class JwksThread:
    """Keeps the key sets of `issuers` current. `replaced` is called after a set has lost a key it had before."""

    def __init__(
        self,
        issuers: Sequence[Issuer],
        file: Path | None,
        replaced: Callable[[], None],
        refresh_seconds: float = REFRESH_SECONDS,
        retry_seconds: float = _RETRY_SECONDS,
    ) -> None:
        """`file` is the copy on disk, None for none."""
        self.sets = {issuer.url: KeySet(issuer) for issuer in issuers}
        self._file, self._replaced = file, replaced
        self._refresh_seconds, self._retry_seconds = refresh_seconds, retry_seconds
        # Keys must come from the configured address, not from where a redirect leads.
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._worker = BackgroundWorker(
            "jwks", self._fetch_due, self._report, retry_seconds=retry_seconds, stop_seconds=_TIMEOUT_SECONDS + 1
        )

    def start(self) -> None:
        """Load the copy on disk, and fetch at once, in the background."""
        if self.sets:
            self._restore()
            self._worker.start()

    def stop(self) -> None:
        """Stop the thread, and wait for a fetch under way."""
        self._worker.stop()

    def want(self, keys: KeySet) -> bool:
        """Request a fetch because a key is missing; False when the last one was too recent."""
        if keys.wanted:
            return True
        if time.monotonic() - keys.asked < self._retry_seconds:
            return False
        keys.wanted = True
        self._worker.wake()
        return True

    def _fetch_due(self) -> float:
        for keys in self.sets.values():
            if keys.wanted or time.monotonic() - keys.asked >= self._pause(keys):
                self._fetch(keys)
        return min(keys.asked + self._pause(keys) for keys in self.sets.values()) - time.monotonic()

    def _report(self, problem: str) -> None:
        _LOG.error("jwks", extra={"problem": problem})

    def _pause(self, keys: KeySet) -> float:
        return self._refresh_seconds if keys.problem is None else self._retry_seconds

    def _fetch(self, keys: KeySet) -> None:
        # Callers whose key is missing wait for this fetch; the first one is under way when a service starts.
        keys.wanted = True
        keys.asked = time.monotonic()
        problem = None
        try:
            with self._opener.open(keys.issuer.jwks_url, timeout=_TIMEOUT_SECONDS) as answer:
                found = usable_keys(answer.read(_MAX_BYTES))
            if not found:
                raise ValueError(f"it has no key for {', '.join(sorted(ALGORITHMS))}")
        except Exception as error:  # noqa: BLE001 - the thread must outlive whatever an issuer answers; it is told aloud
            problem = f"the keys of {keys.issuer.name} cannot be fetched: {type(error).__name__}: {error}"
        else:
            before, keys.keys, keys.fetched = keys.keys, found, time.time()
            self._save()
            lost = [kid for kid, key in before.items() if found.get(kid) != key]
            if lost:
                self._replaced()
            if lost or set(found) != set(before) or keys.problem is not None:
                _LOG.info("jwks", extra={"issuer": keys.issuer.name, "keys": len(found), "withdrawn": len(lost)})
        finally:
            keys.wanted = False
        if problem is not None and problem != keys.problem:
            _LOG.warning("jwks", extra={"issuer": keys.issuer.name, "keys": len(keys.keys), "problem": problem})
        keys.problem = problem

    def _save(self) -> None:
        if self._file is None:
            return
        kept = {
            url: {"fetched": one.fetched, "keys": [json.loads(key.published) for key in one.keys.values()]}
            for url, one in self.sets.items()
        }
        try:
            write_whole(self._file, json.dumps(kept))
        except OSError as error:
            _LOG.warning("jwks", extra={"problem": f"the issuers' keys are not kept on disk: {error}"})

    def _restore(self) -> None:
        if self._file is None or not self._file.exists():
            return
        try:
            kept = json.loads(self._file.read_text())
            for url, keys in self.sets.items():
                found = kept.get(url)
                if found is not None and 0 <= time.time() - found["fetched"] < TRUST_SECONDS:
                    keys.keys, keys.fetched = usable_keys(json.dumps(found)), found["fetched"]
                    _LOG.info("jwks", extra={"issuer": keys.issuer.name, "keys": len(keys.keys), "origin": "disk"})
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            _LOG.warning("jwks", extra={"origin": "disk", "problem": f"{type(error).__name__}: {error}"})


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Refuse redirects: the redirect itself becomes an error."""


def usable_keys(content: bytes | str) -> dict[str, SigningKey]:
    """The keys for accepted algorithms by id; others are left out."""
    found = {}
    for one in json.loads(content)["keys"]:
        if not one.get("kid") or one.get("use", "sig") != "sig" or one.get("kty") not in ("RSA", "EC", "OKP"):
            continue
        try:
            key = jwt.PyJWK.from_dict(one)
        except jwt.PyJWTError:
            continue  # of a kind that this version does not know: a token signed by it is refused as unknown
        if key.algorithm_name in ALGORITHMS:
            found[str(one["kid"])] = SigningKey(json.dumps(one, sort_keys=True), key)
    return found
