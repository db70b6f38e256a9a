"""Publish and receive changes of the champion between instances, over a channel of the cache."""

import logging
from collections.abc import Callable

import redis

from closecast.platform import cache
from closecast.platform.runtime.background import BackgroundWorker

_LOG = logging.getLogger(__name__)
CHANNEL = "closecast:champion"
_ANSWER_SECONDS = 2.0
_LISTEN_SECONDS = 0.5  # the longest time until a stop is noticed
_ASK_SECONDS = 15  # interval of pings on a silent connection
_AGAIN_SECONDS = 1.0


class ChampionEventsError(RuntimeError):
    """The cache cannot be reached now: other instances are not informed."""


class ChampionEvents:
    """Publishes and receives changes of the champion.

    `address` returns the cache's URL for each connection, None if unknown.

    A thread listens and calls `heard`: at each message, and after each (re)connection, because messages published
    meanwhile are lost. While the cache is away no message arrives, so users of this class poll the registry as well.
    """

    def __init__(self, address: Callable[[], str | None], heard: Callable[[], None]) -> None:
        self._address = address
        self._heard = heard
        self._worker = BackgroundWorker(
            "champion-events",
            self._listen,
            self._report,
            retry_seconds=_AGAIN_SECONDS,
            describe=_described,
            stop_seconds=cache.CONNECT_SECONDS + _ANSWER_SECONDS + _LISTEN_SECONDS,
        )

    def start(self) -> None:
        self._worker.start()

    def stop(self) -> None:
        """Stop the thread, waiting a few seconds at most."""
        self._worker.stop()

    def publish(self, version: str | None) -> None:
        """Publish that the champion is `version` now. Raises ChampionEventsError when the cache is away."""
        try:
            with self._client() as client:
                client.publish(CHANNEL, version or "")
        except (redis.RedisError, OSError) as error:
            raise ChampionEventsError(f"other instances were not told of the moved champion: {error}") from error

    def _client(self) -> "redis.Redis":
        url = self._address()
        if url is None:
            raise ChampionEventsError("other instances were not told of the moved champion: there is no cache")
        return cache.client(url, answer_seconds=_ANSWER_SECONDS, health_check_interval=_ASK_SECONDS)

    def _report(self, problem: str) -> None:
        # Listeners poll the registry too; a reconnect is enough.
        _LOG.warning("champion events", extra={"problem": problem})

    def _listen(self) -> float:
        with self._client() as client, client.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(CHANNEL)
            channel.get_message(timeout=_ANSWER_SECONDS)  # the confirmation: from now on no message is missed
            self._worker.settle()
            self._heard()
            while not self._worker.is_stopping:
                if channel.get_message(timeout=_LISTEN_SECONDS) is not None:
                    self._heard()
        return 0.0


def _described(error: Exception) -> str:
    return f"word of a moved champion is not heard: {type(error).__name__}: {error}"
