"""Retry messages that were set aside: a later version, or a repaired database, may be able to store them."""

from typing import Any

from closecast.platform.journal.stream import DEAD, FIELD, STREAM, MessageError, unpack

_AT_ONCE = 50


def bring_back(cache: Any) -> int:
    """Move readable messages that were set aside back into the stream; returns their number.

    Each is tried once: one that still cannot be stored is set aside again. Raises redis.RedisError.
    """
    newest = cache.xrevrange(DEAD, count=1)
    if not newest:
        return 0
    brought, begin, end = 0, b"-", newest[0][0]
    while found := cache.xrange(DEAD, min=begin, max=end, count=_AT_ONCE):
        for identifier, fields in found:
            try:
                unpack(fields.get(FIELD, b""))
            except MessageError:
                continue
            with cache.pipeline(transaction=True) as steps:
                steps.xadd(STREAM, {FIELD: fields[FIELD]})
                steps.xdel(DEAD, identifier)
                steps.execute()
            brought += 1
        begin = b"(" + found[-1][0]
    return brought
