"""Memory that a batch travels in, from process to process: its body on the way to the worker, its answer on the way back."""

import os
from collections.abc import Iterable, Iterator

_PIECE = 131_072  # bytes that an event loop sends in one go: some 100 µs, for which others wait
BytesLike = bytes | memoryview


class SharedBuffer:
    """Bytes in memory that is handed from process to process: the body of a batch on its way there, its answer on the way back.

    Neither passes an event loop or a socket as a whole. The memory goes with the last object that has it open; until then
    what is put into it again costs no new memory, which is half of the price.
    """

    def __init__(self, descriptor: int, size: int = 0) -> None:
        self._file = open(descriptor, "r+b", buffering=0)  # noqa: SIM115 - it closes with this object
        self._size = size  # what lies behind it is of an earlier use

    @classmethod
    def empty(cls) -> "SharedBuffer":
        return cls(os.memfd_create("closecast-batch"))

    @property
    def descriptor(self) -> int:
        return self._file.fileno()

    def add(self, piece: BytesLike) -> None:
        """Put `piece` behind what is there. Raises OSError when there is no memory left."""
        view = memoryview(piece)
        while view:
            written = os.pwrite(self.descriptor, view, self._size)
            view = view[written:]
            self._size += written

    def content(self) -> bytes:
        """All of it."""
        return os.pread(self.descriptor, self._size, 0)

    def replace(self, parts: Iterable[BytesLike]) -> None:
        """Let `parts` be all of it."""
        self._size = 0
        for part in parts:
            self.add(part)

    def resize(self, size: int) -> None:
        """Let it hold what another process has put into it, `size` bytes."""
        self._size = size

    def room(self) -> int:
        """The bytes of memory that it takes."""
        return os.fstat(self.descriptor).st_size

    def __len__(self) -> int:
        return self._size

    def pieces(self) -> Iterator[bytes]:
        """All of it, in pieces that are soon sent."""
        for begin in range(0, self._size, _PIECE):
            yield os.pread(self.descriptor, min(_PIECE, self._size - begin), begin)
