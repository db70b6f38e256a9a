"""Cache the points of explanations in Redis, in a fixed number of slots; without Redis they are computed each time."""

import hashlib
import logging
import struct
import threading
import time
from collections.abc import Callable

import numpy as np
import redis
from numpy.typing import NDArray

from closecast.features import NAMES
from closecast.platform.cache import client

_LOG = logging.getLogger(__name__)

# The same Redis holds the prediction journal and evicts no keys, so explanations must stay small. The hash determines the
# slot, and a later one of the same slot overwrites it: about 400 bytes per slot, 6 MB.
PLACES = 16_384
_SECONDS = 24 * 3600
TIMEOUT = 0.05  # seconds; computing takes one to three milliseconds
_PAUSE = 5.0  # seconds without requests after a failure
_DIGEST = 32
_NUMBERS = struct.Struct(f"<{len(NAMES)}d")


class ExplanationCache:
    """Points of explanations, (len(NAMES),), by model and feature values.

    Safe from several threads; never raises when Redis is away.

    `hits`, `misses` and `failures` count since the start; `away` says why Redis is not used now, None while it is.
    """

    def __init__(self, address: Callable[[], str | None], pause: float = _PAUSE) -> None:
        """`address` returns redis://:password@host:port/0, None if unknown; it is called again after a failure."""
        self._address = address
        self._pause = pause
        self._redis: redis.Redis | None = None
        self._asked_again = float("-inf")
        self._lock = threading.Lock()
        self.hits = self.misses = self.failures = 0
        self.away: str | None = None

    def ping(self) -> None:
        """Ask Redis whether it is there. Raises redis.RedisError, also while its address is unknown."""
        url = self._address()
        if url is None:
            raise redis.ConnectionError("the cache has not been found yet")
        with client(url, answer_seconds=1.0) as asked:
            asked.ping()

    def get(self, model: str, matrix: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The cached points for `model` and the rows of `matrix`, the deal's and the reference deal's; None if absent."""
        store = self._store()
        if store is None:
            return None
        digest = _digest(model, matrix)
        try:
            found = store.get(_key(digest))
        except redis.RedisError as error:
            self._failed(f"{type(error).__name__}: {error}")
            return None
        self._worked()
        content = bytes(found) if isinstance(found, bytes) else b""
        hit = len(content) == _DIGEST + _NUMBERS.size and content[:_DIGEST] == digest
        with self._lock:
            self.hits, self.misses = self.hits + hit, self.misses + (not hit)
        if not hit:
            return None
        return np.array(_NUMBERS.unpack(content[_DIGEST:]))

    def put(self, model: str, matrix: NDArray[np.float64], points: NDArray[np.float64]) -> None:
        """Cache `points` for a day, unless Redis is away."""
        store = self._store()
        if store is None:
            return
        digest = _digest(model, matrix)
        try:
            store.set(_key(digest), digest + _NUMBERS.pack(*points.tolist()), ex=_SECONDS)
        except redis.RedisError as error:
            self._failed(f"{type(error).__name__}: {error}")

    def close(self) -> None:
        """Close the connections."""
        if self._redis is not None:
            self._redis.close()

    def _store(self) -> redis.Redis | None:
        """The client, None while Redis is not used."""
        if self._redis is None and time.monotonic() >= self._asked_again:
            url = self._address()
            if url is None:
                self._failed("the cache has not been found yet")
                return None
            self._redis = client(url, answer_seconds=TIMEOUT, connect_seconds=TIMEOUT)
        return self._redis

    def _failed(self, reason: str) -> None:
        with self._lock:
            news, self.away = self.away is None, reason
            self.failures += 1
            self._redis, self._asked_again = None, time.monotonic() + self._pause
        if news:
            _LOG.warning("cache", extra={"problem": reason, "effect": "explanations are computed each time"})

    def _worked(self) -> None:
        with self._lock:
            news, self.away = self.away is not None, None
        if news:
            _LOG.info("cache", extra={"effect": "explanations are cached again"})


def _digest(model: str, matrix: NDArray[np.float64]) -> bytes:
    return hashlib.blake2b(
        model.encode() + b"\0" + np.ascontiguousarray(matrix).tobytes(), digest_size=_DIGEST
    ).digest()


def _key(digest: bytes) -> str:
    return f"closecast:explanation:{int.from_bytes(digest[:8], 'little') % PLACES}"
