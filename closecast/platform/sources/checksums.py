"""Verify content with the checksums in a storage server's headers."""

import base64
import hashlib
import re
from collections.abc import Mapping

_POLYNOMIAL = 0x82F63B78  # CRC-32C (Castagnoli), reflected: RFC 3720, appendix B.4


def mismatch(content: bytes, headers: Mapping[str, str]) -> str | None:
    """Describe a mismatch, "its md5 is …, the server states …"; None when `content` matches `headers`.

    It reads Google Cloud Storage's X-Goog-Hash (md5, else crc32c, in base64) and, without it, an ETag that has the
    form of an MD5. Headers without any of these match any content.
    """
    # The hash is that of the object as stored; when that is compressed, other bytes travelled.
    if headers.get("X-Goog-Stored-Content-Encoding", "identity") != "identity":
        return None
    stated = dict(re.findall(r"(\w+)=([\w+/]+=*)", headers.get("X-Goog-Hash", "")))
    etag = re.fullmatch(r'"([0-9a-f]{32})"', headers.get("ETag", ""))
    if "md5" in stated:
        name, expected = "md5", stated["md5"]
        found = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
    elif "crc32c" in stated:
        name, expected = "crc32c", stated["crc32c"]
        found = base64.b64encode(crc32c(content).to_bytes(4, "big")).decode()
    elif etag:
        name, expected = "md5", etag[1]
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    else:
        return None
    return None if found == expected else f"its {name} is {found}, the server states {expected}"


def crc32c(content: bytes) -> int:
    """CRC-32C of `content`; the standard library has only another polynomial."""
    remainder = 0xFFFFFFFF
    for byte in content:
        remainder = _TABLE[(remainder ^ byte) & 0xFF] ^ (remainder >> 8)
    return remainder ^ 0xFFFFFFFF


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = (byte >> 1) ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = [_entry(byte) for byte in range(256)]
