"""Clients of the cache (Redis or Valkey), made in one way: each wait has an end, and nothing reconnects unnoticed."""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_SECONDS = 1.0


def client(url: str, *, answer_seconds: float, connect_seconds: float = CONNECT_SECONDS, **options: Any) -> redis.Redis:
    """A client of the cache at `url`, still to connect; `options` are redis-py's.

    A connection that came back by itself would hide that another process answers, or what was missed meanwhile: a failure is
    raised (redis.RedisError, OSError) at once.
    """
    made: redis.Redis = redis.Redis.from_url(
        url,
        socket_connect_timeout=connect_seconds,
        socket_timeout=answer_seconds,
        retry=Retry(NoBackoff(), 0),
        **options,
    )
    return made
