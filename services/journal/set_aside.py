"""Messages that could not be stored: a later version, or a mended database, may store them after all."""

from typing import Any

from closecast.platform.journal.stream import DEAD, FIELD, STREAM, MessageError, unpack

_AT_ONCE = 50


def bring_back(cache: Any) -> int:
    """Put what was set aside until now and can be read today into the stream again; returns how many messages.

    Each is tried once, so that one that still cannot be stored is set aside again and holds up nobody. Raises redis.RedisError.
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
