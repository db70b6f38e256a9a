"""The room of the cache (Valkey): predictions on their way to the journal, those set aside, and all other keys."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import redis

from closecast.platform import cache
from closecast.platform.forget import contents
from closecast.platform.forget.matcher import Matcher
from closecast.platform.forget.places import DEAD_PLACE, KEYS_PLACE, STREAM_PLACE
from closecast.platform.forget.room import ForgetError
from closecast.platform.journal.entry import Entry
from closecast.platform.journal.stream import DEAD, FIELD, STREAM, MessageError, encode, pack, unpack

_ANSWER_SECONDS = 30.0
_AT_ONCE = 200
_DRAIN_SECONDS = 20.0  # the journal takes a message within a second
_REWRITE_SECONDS = 120.0


class Cache:
    """The cache at `url`, redis://:password@host:port/0."""

    def __init__(self, url: str, drain_seconds: float = _DRAIN_SECONDS) -> None:
        self._url, self._drain_seconds = url, drain_seconds

    def count(self, matcher: Matcher) -> Counter[str]:
        """Messages are unpacked; keys and values of other kinds are searched as they are."""
        found: Counter[str] = Counter()
        with _answered(), cache.client(self._url, answer_seconds=_ANSWER_SECONDS) as client:
            for stream, place in ((STREAM, STREAM_PLACE), (DEAD, DEAD_PLACE)):
                for _, fields in _messages(client, stream):
                    found[place] += sum(_count(name, value, matcher) for name, value in fields.items())
            for key in _others(client):
                found[KEYS_PLACE] += _count_key(client, key, matcher)
        return found

    def clear(self, matcher: Matcher) -> Counter[str]:
        """What the journal does not take is replaced in the stream; then the cache's log on disk is written anew."""
        done: Counter[str] = Counter()
        with _answered(), cache.client(self._url, answer_seconds=_ANSWER_SECONDS) as client:
            self._wait_for_the_journal(client)
            for stream, place in ((STREAM, STREAM_PLACE), (DEAD, DEAD_PLACE)):
                for identifier, fields in list(_messages(client, stream)):
                    done[place] += _replace(client, stream, identifier, fields, matcher)
            for key in list(_others(client)):
                if found := _count_key(client, key, matcher):
                    client.delete(key)
                    done[KEYS_PLACE] += found
            _rewrite_log(client)
        return done

    def _wait_for_the_journal(self, client: Any) -> None:
        newest = client.xrevrange(STREAM, count=1)
        deadline = time.monotonic() + self._drain_seconds
        while newest and client.xrange(STREAM, max=newest[0][0], count=1) and time.monotonic() < deadline:
            time.sleep(0.2)


def replaced_message(message: bytes, matcher: Matcher) -> tuple[bytes, int]:
    """A message of the stream with pseudonyms, and how many values were replaced. Raises MessageError."""
    entries, found = [], 0
    for entry in unpack(message):
        new, number = _entry(entry, matcher)
        entries.append(new)
        found += number
    return (pack([encode(one) for one in entries]) if found else message), found


def _entry(entry: Entry, matcher: Matcher) -> tuple[Entry, int]:
    found = 0
    deals: dict[str, list[Any]] = {}
    for name, values in entry.deals.items():
        changed = [matcher.replace(one) if isinstance(one, str) else (one, 0) for one in values]
        deals[name] = [one for one, _ in changed]
        found += sum(number for _, number in changed)
    return msgspec.structs.replace(entry, deals=deals), found


def _messages(client: Any, stream: str) -> Iterator[tuple[bytes, dict[bytes, bytes]]]:
    begin: bytes = b"-"
    while found := client.xrange(stream, min=begin, count=_AT_ONCE):
        yield from found
        begin = b"(" + found[-1][0]


def _others(client: Any) -> Iterator[bytes]:
    streams = {STREAM.encode(), DEAD.encode()}
    for key in client.scan_iter(count=1_000):
        if key not in streams:
            yield key


def _count(name: bytes, value: bytes, matcher: Matcher) -> int:
    if name == FIELD:
        try:
            return replaced_message(value, matcher)[1]
        except MessageError:
            pass  # searched as bytes: compressed, they hold no readable name
    return contents.count(value, matcher)


def _replace(client: Any, stream: str, identifier: bytes, fields: dict[bytes, bytes], matcher: Matcher) -> int:
    """Put the message anew at the stream's end, and delete the old one."""
    found = 0
    new = dict(fields)
    for name, value in fields.items():
        if name == FIELD:
            try:
                new[name], number = replaced_message(value, matcher)
            except MessageError:
                continue
        else:
            new[name], number = contents.replaced(value, matcher)
        found += number
    if found:
        with client.pipeline(transaction=True) as steps:
            steps.xadd(stream, new)
            steps.xdel(stream, identifier)
            steps.execute()
    return found


def _count_key(client: Any, key: bytes, matcher: Matcher) -> int:
    kind = client.type(key)
    texts: list[bytes] = [key]
    if kind == b"string":
        texts.append(client.get(key) or b"")
    elif kind == b"hash":
        texts += [one for pair in client.hgetall(key).items() for one in pair]
    elif kind == b"list":
        texts += client.lrange(key, 0, -1)
    elif kind == b"set":
        texts += client.smembers(key)
    elif kind == b"zset":
        texts += client.zrange(key, 0, -1)
    return sum(contents.count(one, matcher) for one in texts)


def _rewrite_log(client: Any) -> None:
    """Have the cache write its append-only file anew, without what was deleted; one without such a file has none."""
    if not client.info("persistence")["aof_enabled"]:
        return
    begun = client.info("persistence")["aof_rewrites"]
    client.bgrewriteaof()
    deadline = time.monotonic() + _REWRITE_SECONDS
    while (state := client.info("persistence"))["aof_rewrites"] == begun or state["aof_rewrite_in_progress"]:
        if time.monotonic() > deadline:
            raise ForgetError(f"the cache did not write its log anew within {_REWRITE_SECONDS:.0f} s")
        time.sleep(0.1)


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except (redis.RedisError, OSError) as error:
        raise ForgetError(f"the cache failed: {error}") from error
