"""The stream between the API and the journal: its keys, its consumer group, and the message format."""

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
FENCE = "closecast:predictions:fence"  # written to learn how much of the append-only file is on disk
GROUP = "journal"
FIELD = b"entries"

_HEAD = struct.Struct("<2sBxIII")  # mark, layout, bytes before compression, deals, CRC-32 of what follows
_ARRAY = struct.Struct(">BI")  # MessagePack: an array of so many
_MARK = b"CJ"
_ENTRIES, _SINGLES = 1, 2  # layouts of a message
_LARGEST = 64_000_000  # bytes: nothing this process packs comes near it
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODERS: dict[int, msgspec.msgpack.Decoder[list[Entry]] | msgspec.msgpack.Decoder[list[Single]]] = {
    _ENTRIES: msgspec.msgpack.Decoder(list[Entry]),
    _SINGLES: msgspec.msgpack.Decoder(list[Single]),
}


class MessageError(ValueError):
    """The bytes are not a message of entries, or are damaged."""


class Encoded(Struct, frozen=True, gc=False):
    """An entry, or a part of one, in MessagePack."""

    content: bytes
    deals: int
    layout: int

    def __len__(self) -> int:
        return self.deals


def encode(entry: Entry) -> Encoded:
    """Encode one entry, of PART deals at most."""
    return Encoded(_ENCODE(entry), len(entry), _ENTRIES)


def encode_single(single: Single) -> Encoded:
    """Encode one deal, in a fifth of the time.

    Raises TypeError or ValueError for values that MessagePack cannot encode.
    """
    return Encoded(_ENCODE(single), 1, _SINGLES)


def pack(entries: Sequence[Encoded]) -> bytes:
    """Pack entries of one layout into a message, compressed to about a third, with a checksum."""
    plain = b"".join((_ARRAY.pack(0xDD, len(entries)), *[entry.content for entry in entries]))
    body: bytes = pa.compress(plain, codec="lz4", asbytes=True)
    deals = sum(entry.deals for entry in entries)
    return _HEAD.pack(_MARK, entries[0].layout, len(plain), deals, zlib.crc32(body)) + body


def packed(entries: Sequence[Encoded]) -> Iterator[bytes]:
    """Pack `entries` into messages of PART deals at most; each entry has at most as many."""
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
    """The number of deals in a message of `pack`."""
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
    """Create the consumer group from the stream's beginning, unless it exists."""
    import redis

    try:
        client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if not str(error).startswith("BUSYGROUP"):
            raise
