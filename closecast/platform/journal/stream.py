"""The stream between the API and the journal: its name, its consumers' group, and how entries lie in a message."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from closecast.platform.journal.entry import PART, Entry, EntryError, check

STREAM = "closecast:predictions"
DEAD = "closecast:predictions:dead"  # messages that cannot be stored, each with the reason
FENCE = "closecast:predictions:fence"  # written to learn up to where the append-only file is on disk
GROUP = "journal"
FIELD = b"entries"

Encoded = tuple[bytes, int]  # an entry in MessagePack, and its number of deals

_HEAD = struct.Struct("<2sBxIII")  # mark, layout, bytes before compression, deals, CRC-32 of what follows
_ARRAY = struct.Struct(">BI")  # MessagePack: an array of so many
_MARK, _LAYOUT = b"CJ", 1
_LARGEST = 64_000_000  # bytes: nothing this process packs comes near it
encode = msgspec.msgpack.Encoder().encode  # one entry, or part of one, in MessagePack
_DECODER = msgspec.msgpack.Decoder(list[Entry])


class MessageError(ValueError):
    """The bytes are no message of entries, or are damaged."""


def pack(entries: Sequence[Encoded]) -> bytes:
    """One message: entries side by side, compressed to about a third, with a checksum."""
    plain = b"".join((_ARRAY.pack(0xDD, len(entries)), *(content for content, _ in entries)))
    body: bytes = pa.compress(plain, codec="lz4", asbytes=True)
    deals = sum(count for _, count in entries)
    return _HEAD.pack(_MARK, _LAYOUT, len(plain), deals, zlib.crc32(body)) + body


def packed(entries: Sequence[Encoded]) -> Iterator[bytes]:
    """Messages of PART deals at most that hold all of `entries`, which have no more each."""
    gathered: list[Encoded] = []
    deals = 0
    for entry in entries:
        if gathered and deals + entry[1] > PART:
            yield pack(gathered)
            gathered, deals = [], 0
        gathered.append(entry)
        deals += entry[1]
    if gathered:
        yield pack(gathered)


def deals_in(message: bytes) -> int:
    """How many deals a message of `pack` holds."""
    return int(_HEAD.unpack_from(message)[3])


def unpack(message: bytes) -> list[Entry]:
    """The entries of a message. Raises MessageError naming what is wrong with it."""
    if len(message) < _HEAD.size:
        raise MessageError(f"{len(message)} bytes are too few for a message")
    mark, layout, length, _, checksum = _HEAD.unpack_from(message)
    body = message[_HEAD.size :]
    if (mark, layout) != (_MARK, _LAYOUT):
        raise MessageError(f"the message begins with {message[:3]!r}, expected {_MARK + bytes([_LAYOUT])!r}")
    if zlib.crc32(body) != checksum:
        raise MessageError(f"the checksum of {len(body)} bytes is not the one in the message")
    if length > _LARGEST:
        raise MessageError(f"the message claims to hold {length} bytes, more than {_LARGEST}")
    try:
        entries = _DECODER.decode(pa.decompress(body, decompressed_size=length, codec="lz4", asbytes=True))
        for entry in entries:
            check(entry)
    except (pa.ArrowException, OSError, msgspec.DecodeError, EntryError) as error:
        raise MessageError(f"the entries cannot be read: {error}") from error
    return entries


def make_group(client: Any) -> None:
    """Have the group read the stream from its beginning; nothing happens where it does already."""
    import redis

    try:
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise
