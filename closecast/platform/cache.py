"""Clients of the cache (Redis or Valkey), with timeouts and without automatic reconnects."""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_SECONDS = 1.0


def client(url: str, *, answer_seconds: float, connect_seconds: float = CONNECT_SECONDS, **options: Any) -> redis.Redis:
    """Make a client of the cache at `url`, not yet connected; `options` are redis-py's.

    An automatic reconnect would hide that another process answers, or that messages were missed: failures are raised
    (redis.RedisError, OSError) at once.
    """
    made: redis.Redis = redis.Redis.from_url(
        url,
        socket_connect_timeout=connect_seconds,
        socket_timeout=answer_seconds,
        retry=Retry(NoBackoff(), 0),
        **options,
    )
    return made
