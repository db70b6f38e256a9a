"""The stream between the API and the journal: its name, its consumers' group, and how entries lie in a message."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import Struct

from closecast.platform.journal.entry import PART, Entry, Single, check

STREAM = "closecast:predictions"
DEAD = "closecast:predictions:dead"  # messages that cannot be stored, each with the reason
FENCE = "closecast:predictions:fence"  # written to learn up to where the append-only file is on disk
GROUP = "journal"
FIELD = b"entries"

_HEAD = struct.Struct("<2sBxIII")  # mark, layout, bytes before compression, deals, CRC-32 of what follows
_ARRAY = struct.Struct(">BI")  # MessagePack: an array of so many
_MARK = b"CJ"
_ENTRIES, _SINGLES = 1, 2  # layouts: what a message holds
_LARGEST = 64_000_000  # bytes: nothing this process packs comes near it
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODERS: dict[int, msgspec.msgpack.Decoder[list[Entry]] | msgspec.msgpack.Decoder[list[Single]]] = {
    _ENTRIES: msgspec.msgpack.Decoder(list[Entry]),
    _SINGLES: msgspec.msgpack.Decoder(list[Single]),
}


class MessageError(ValueError):
    """The bytes are no message of entries, or are damaged."""


class Encoded(Struct, frozen=True, gc=False):
    """An entry, or a part of one, in MessagePack."""

    content: bytes
    deals: int
    layout: int

    def __len__(self) -> int:
        return self.deals


def encode(entry: Entry) -> Encoded:
    """One entry, of PART deals at most."""
    return Encoded(_ENCODE(entry), len(entry), _ENTRIES)


def encode_single(single: Single) -> Encoded:
    """One deal, in a fifth of the time. Raises TypeError or ValueError for a deal that MessagePack has no form for."""
    return Encoded(_ENCODE(single), 1, _SINGLES)


def pack(entries: Sequence[Encoded]) -> bytes:
    """One message: entries of one layout side by side, compressed to about a third, with a checksum."""
    plain = b"".join((_ARRAY.pack(0xDD, len(entries)), *[entry.content for entry in entries]))
    body: bytes = pa.compress(plain, codec="lz4", asbytes=True)
    deals = sum(entry.deals for entry in entries)
    return _HEAD.pack(_MARK, entries[0].layout, len(plain), deals, zlib.crc32(body)) + body


def packed(entries: Sequence[Encoded]) -> Iterator[bytes]:
    """Messages of PART deals at most that hold all of `entries`, which have no more each."""
    gathered: list[Encoded] = []
    deals = 0
    for entry in entries:
        if gathered and (deals + entry.deals > PART or entry.layout != gathered[0].layout):
            yield pack(gathered)
            gathered, deals = [], 0
        gathered.append(entry)
        deals += entry.deals
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
    if mark != _MARK or layout not in _DECODERS:
        known = " or ".join(repr(_MARK + bytes([one])) for one in _DECODERS)
        raise MessageError(f"the message begins with {message[:3]!r}, expected {known}")
    if zlib.crc32(body) != checksum:
        raise MessageError(f"the checksum of {len(body)} bytes is not the one in the message")
    if length > _LARGEST:
        raise MessageError(f"the message claims to hold {length} bytes, more than {_LARGEST}")
    try:
        plain = pa.decompress(body, decompressed_size=length, codec="lz4", asbytes=True)
        entries = [found.entry() for found in _DECODERS[layout].decode(plain)]
        for entry in entries:
            check(entry)
    except (pa.ArrowException, OSError, OverflowError, ValueError, msgspec.DecodeError) as error:
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
