"""Word of a moved champion from the instance that MLflow told to all others, over a channel of the cache."""

import logging
from collections.abc import Callable

import redis

from closecast.platform import cache
from closecast.platform.runtime.background import BackgroundWorker

_LOG = logging.getLogger(__name__)
CHANNEL = "closecast:champion"
_ANSWER_SECONDS = 2.0
_LISTEN_SECONDS = 0.5  # how long a stop may go unseen
_ASK_SECONDS = 15  # a silent connection is asked whether it still is one
_AGAIN_SECONDS = 1.0


class ChampionEventsError(RuntimeError):
    """The cache cannot be reached now: only this instance knows."""


class ChampionEvents:
    """Publishes and hears moved champions. `address` gives the cache's URL anew for each connection, None while it has none.

    One thread of its own listens and calls `heard`: at each message, and each time it has (re)connected, because what was
    published while it was away is gone. While the cache is away nothing is heard; whoever must know asks the registry as well.
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
        """End the thread; it is waited for, a few seconds at most."""
        self._worker.stop()

    def publish(self, version: str | None) -> None:
        """Tell all who listen that the champion is `version` now. Raises ChampionEventsError when the cache is away."""
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
        # Whoever waits for word asks the registry too; there is nothing to do but to come back.
        _LOG.warning("champion events", extra={"problem": problem})

    def _listen(self) -> float:
        with self._client() as client, client.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(CHANNEL)
            channel.get_message(timeout=_ANSWER_SECONDS)  # the confirmation: from now on nothing is missed
            self._worker.settle()
            self._heard()
            while not self._worker.is_stopping:
                if channel.get_message(timeout=_LISTEN_SECONDS) is not None:
                    self._heard()
        return 0.0


def _described(error: Exception) -> str:
    return f"word of a moved champion is not heard: {type(error).__name__}: {error}"
