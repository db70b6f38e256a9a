"""The spool: a bounded folder of messages that the stream could not take, synced to disk."""

import fcntl
import os
import struct
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

SEGMENT_BYTES = 1_000_000
_HEAD = struct.Struct("<II")  # length and CRC-32 of the message that follows
_SUFFIX, _DAMAGED = ".segment", ".damaged"
_SLOTS = 256


class SpoolError(RuntimeError):
    """The folder cannot be written, or all its slots are in use."""


class Spool:
    """Messages in segment files below `folder`, `limit` bytes of them at most. One thread may use it.

    Each process owns a numbered folder of its own, held by a lock that ends with the process; what a process leaves
    behind is adopted by another one. Raises SpoolError when the folder is unusable.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.limit = limit
        self._root = folder
        self._lock: int | None
        self._own, self._lock = self._claim()
        self._open: int | None = None
        self._current: Path | None = None
        self._length = 0
        self._number = 0
        self.bytes = sum(segment.stat().st_size for segment in self.segments())

    def write(self, messages: Sequence[bytes]) -> int:
        """Write as many of `messages` to disk, in order, as there is room for; returns their number.

        Raises SpoolError.
        """
        chosen: list[bytes] = []
        size = 0
        for message in messages:
            needed = _HEAD.size + len(message)
            if self.bytes + size + needed > self.limit:
                break
            chosen.append(_HEAD.pack(len(message), zlib.crc32(message)) + message)
            size += needed
        if chosen:
            self._append(b"".join(chosen))
        return len(chosen)

    def seal(self) -> None:
        """Close the segment that is being written, so that it can be read."""
        if self._open is not None:
            os.close(self._open)
        self._open, self._current, self._length = None, None, 0

    def segments(self) -> list[Path]:
        """Sealed segments, oldest first."""
        return sorted(path for path in self._own.glob(f"*{_SUFFIX}") if path != self._current)

    def oldest(self) -> float | None:
        """The start of the oldest segment, in seconds since 1970; None while there is none."""
        begun = sorted(self._own.glob(f"*{_SUFFIX}"))
        return int(begun[0].name.split("-")[0]) / 1e9 if begun else None

    def read(self, segment: Path) -> list[bytes]:
        """The messages of a segment; of a damaged one, those before the damage (see `drop`)."""
        return messages(segment.read_bytes())[0]

    def drop(self, segment: Path) -> None:
        """Delete a segment whose messages are stored elsewhere; a damaged one is set aside for inspection."""
        content = segment.read_bytes()
        if messages(content)[1] < len(content):
            segment.rename(segment.with_suffix(_DAMAGED))
        else:
            segment.unlink()
        self.bytes -= len(content)

    def damaged(self) -> int:
        """Number of damaged segments set aside."""
        return sum(1 for _ in self._own.glob(f"*{_DAMAGED}"))

    def adopt(self) -> int:
        """Take over segments of processes that have ended; returns their number."""
        taken = 0
        for other in sorted(self._root.iterdir()):
            if other == self._own or not other.is_dir() or (lock := _locked(other)) is None:
                continue
            try:
                for segment in sorted(other.glob(f"*{_SUFFIX}")):
                    self.bytes += segment.stat().st_size
                    segment.rename(self._own / segment.name)
                    taken += 1
            finally:
                os.close(lock)
        if taken:
            _sync_folder(self._own)
        return taken

    def close(self) -> None:
        """Release the folder and keep its content. Calling it again does nothing."""
        self.seal()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def _claim(self) -> tuple[Path, int]:
        try:
            for number in range(_SLOTS):
                folder = self._root / str(number)
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                lock = _locked(folder)
                if lock is not None:
                    return folder, lock
        except OSError as error:
            raise SpoolError(f"the spool's folder {self._root} cannot be used: {error}") from error
        raise SpoolError(f"all {_SLOTS} folders below {self._root} are in use by other processes")

    def _append(self, content: bytes) -> None:
        try:
            if self._open is None:
                self._number += 1
                self._current = self._own / f"{time.time_ns():020d}-{os.getpid()}-{self._number}{_SUFFIX}"
                self._open = os.open(self._current, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                _sync_folder(self._own)
            written = 0
            while written < len(content):
                written += os.write(self._open, memoryview(content)[written:])
            os.fsync(self._open)
        except OSError as error:
            self._undo()
            raise SpoolError(f"the spool in {self._own} cannot be written: {error}") from error
        self._length += len(content)
        self.bytes += len(content)
        if self._length >= SEGMENT_BYTES:
            self.seal()

    def _undo(self) -> None:
        """Truncate the segment after a partial write: nothing may follow half a message."""
        try:
            if self._open is not None:
                os.ftruncate(self._open, self._length)
        finally:
            self.seal()


def messages(content: bytes) -> tuple[list[bytes], int]:
    """The complete messages at the beginning of `content`, and their size in bytes."""
    found: list[bytes] = []
    at = 0
    while at + _HEAD.size <= len(content):
        length, checksum = _HEAD.unpack_from(content, at)
        message = content[at + _HEAD.size : at + _HEAD.size + length]
        if len(message) != length or zlib.crc32(message) != checksum:
            break
        found.append(message)
        at += _HEAD.size + length
    return found, at


def _locked(folder: Path) -> int | None:
    """Lock `folder` and return the open file; None while another process holds it. The lock ends with the process."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
