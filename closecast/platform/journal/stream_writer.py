"""Write messages to the cache's stream, and confirm which of them are on the cache's disk."""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import redis

from closecast.platform import cache
from closecast.platform.journal.stream import FENCE, FIELD, STREAM
from closecast.platform.runtime.scheduling import yield_to_others

_ANSWER_SECONDS = 2.0
_DISK_SECONDS = 4.0
_PIECE = 65_536  # bytes sent at once: the kernel may let nobody else run until it has taken them
_SHARE = 0.75  # of the cache's memory that the stream may fill: rate limits and explanations live there too


class StreamWriteError(RuntimeError):
    """The cache cannot take messages now, or may have lost some: send all unconfirmed ones again."""


class StreamWriter:
    """Two connections that stay open to the same cache process from the first message to the last confirmation.

    A killed cache loses up to two seconds of acknowledged writes. So a message counts as stored only when WAITAOF
    confirms that the append-only file is on disk up to a later write. WAITAOF blocks its connection for up to a second
    and covers that connection's own writes: a second connection writes a fence and waits. Because both stay open, both
    talk to the same process; any error ends the writer, and its user makes a new one.
    """

    def __init__(self, url: str) -> None:
        self._fence: Any = None
        self._writes: Any = None
        self._fence_since: float | None = None
        pool = cache.client(url, answer_seconds=_ANSWER_SECONDS, protocol=2).connection_pool
        try:
            # This order matters: if the cache is replaced in between, the fence's connection is dead.
            self._fence = pool.make_connection()
            self._fence.connect()
            self._writes = pool.make_connection()
            self._writes.connect()
        except (redis.RedisError, OSError) as error:
            self.close()
            raise StreamWriteError(f"the cache cannot be reached: {error}") from error

    def add(self, messages: Sequence[bytes]) -> None:
        """Add `messages` to the stream: acknowledged, not yet confirmed. Raises StreamWriteError."""
        self._ask([("XADD", STREAM, "*", FIELD, message) for message in messages])

    def room(self) -> tuple[float, str]:
        """The bytes that the journal may still add to the cache (none if 0 or less), and the reason for a limit.

        Raises StreamWriteError.
        """
        (answer,) = self._ask([("INFO", "memory")])
        text = answer.decode() if isinstance(answer, bytes) else str(answer)
        facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        used, most = int(facts["used_memory"]), int(facts["maxmemory"])
        reason = f"the cache is full: {used} of {most} bytes, the journal leaves it {1 - _SHARE:.0%}"
        return _SHARE * most - used if most else float("inf"), reason

    def open_fence(self) -> None:
        """Start a request whether all added messages are on disk; `fence_is_open` until `confirmed` returns True."""
        try:
            self._fence.send_packed_command(
                self._fence.pack_commands([("SET", FENCE, "1"), ("WAITAOF", 1, 0, int(_DISK_SECONDS * 1000))])
            )
        except (redis.RedisError, OSError) as error:
            raise self._broken(error) from error
        self._fence_since = time.monotonic()

    @property
    def fence_is_open(self) -> bool:
        return self._fence_since is not None

    def confirmed(self) -> bool:
        """Whether all messages added before `open_fence` are on the cache's disk.

        Never waits for the disk. Raises StreamWriteError.
        """
        since = self._fence_since
        if since is None:
            raise RuntimeError("no fence is open")
        try:
            if not self._fence.can_read(timeout=0):
                if time.monotonic() - since > _DISK_SECONDS + _ANSWER_SECONDS:
                    raise self._broken(TimeoutError("no answer to WAITAOF"))
                return False
            self._fence.read_response()
            local, _ = self._fence.read_response()
        except (redis.RedisError, OSError) as error:
            raise self._broken(error) from error
        if local != 1:
            raise self._broken(TimeoutError(f"its append-only file was not on disk after {_DISK_SECONDS:.0f} s"))
        self._fence_since = None
        return True

    def close(self) -> None:
        for connection in (self._fence, self._writes):
            if connection is not None:
                connection.disconnect()

    def _ask(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        try:
            self._writes.send_packed_command(_pieces(self._writes.pack_commands(commands)))
            return [self._writes.read_response() for _ in commands]
        except (redis.RedisError, OSError) as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> StreamWriteError:
        self.close()
        return StreamWriteError(f"the cache failed: {error}")


def _pieces(packed: Iterable[bytes]) -> Iterator[memoryview]:
    """Cut packed commands, so that others can run in between."""
    for item in packed:
        for begin in range(0, len(item), _PIECE):
            yield memoryview(item)[begin : begin + _PIECE]
            yield_to_others()
