"""Shared memory for a batch: its body on the way to the worker, its answer on the way back."""

import os
from collections.abc import Iterable, Iterator

_PIECE = 131_072  # bytes that an event loop sends at once: it blocks others for some 100 µs
BytesLike = bytes | memoryview


class SharedBuffer:
    """Bytes in memory that two processes share.

    They never pass an event loop or a socket as a whole. The memory is freed with the last object that has it open;
    until then it is reused, which saves half of the cost.
    """

    def __init__(self, descriptor: int, size: int = 0) -> None:
        self._file = open(descriptor, "r+b", buffering=0)  # noqa: SIM115 - it closes with this object
        self._size = size  # bytes beyond it are from an earlier use

    @classmethod
    def empty(cls) -> "SharedBuffer":
        return cls(os.memfd_create("closecast-batch"))

    @property
    def descriptor(self) -> int:
        return self._file.fileno()

    def add(self, piece: BytesLike) -> None:
        """Append `piece`. Raises OSError when there is no memory left."""
        view = memoryview(piece)
        while view:
            written = os.pwrite(self.descriptor, view, self._size)
            view = view[written:]
            self._size += written

    def content(self) -> bytes:
        """The whole content."""
        return os.pread(self.descriptor, self._size, 0)

    def replace(self, parts: Iterable[BytesLike]) -> None:
        """Replace the content by `parts`."""
        self._size = 0
        for part in parts:
            self.add(part)

    def resize(self, size: int) -> None:
        """Set the size to that of the content written by another process."""
        self._size = size

    def room(self) -> int:
        """The allocated bytes."""
        return os.fstat(self.descriptor).st_size

    def __len__(self) -> int:
        return self._size

    def pieces(self) -> Iterator[bytes]:
        """The content in small pieces for sending."""
        for begin in range(0, self._size, _PIECE):
            yield os.pread(self.descriptor, min(_PIECE, self._size - begin), begin)
