"""Strict JSON: only the schema's types, unique names, and limited depth."""

import json
from typing import Any, Generic, TypeVar

import msgspec

from services.api.problems import NotUnderstoodError

_Kind = TypeVar("_Kind")
_SHORT = 100_000  # bytes: for smaller bodies comparing all texts is cheaper than parsing again


class StrictDecoder(Generic[_Kind]):
    """Decodes UTF-8 JSON into `kind` without converting text to numbers, dates or null, and without repeated names."""

    def __init__(self, kind: type[_Kind]) -> None:
        self._decode = msgspec.json.Decoder(kind).decode

    def decode(self, body: bytes) -> _Kind:
        """Decode a body. Raises NotUnderstoodError with the field and the value."""
        try:
            decoded = self._decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise not_understood(error, body) from error
        require_once(body)
        return decoded


def not_understood(error: Exception, body: bytes) -> NotUnderstoodError:
    """Turn a decoder's error about `body` into an answer for the caller."""
    if isinstance(error, UnicodeDecodeError):
        return NotUnderstoodError(
            "body", None, "JSON in UTF-8", f"the body is not UTF-8 text (byte {_first_bad(body)})"
        )
    if isinstance(error, RecursionError):
        return NotUnderstoodError("body", None, "the fields of /schema", "the JSON is nested too deeply")
    message, _, path = str(error).partition(" - at `$")
    path = path.rstrip("`").removeprefix(".")
    return NotUnderstoodError(path or "body", value_at(body, path), None, message)


def _first_bad(body: bytes) -> int:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0  # the decoder accepts more than Python


def require_once(body: bytes) -> None:
    """Raise NotUnderstoodError for JSON in which a name occurs twice in one object: parsers differ in which one they use.

    `body` must be valid otherwise.
    """
    if len(body) <= _SHORT and b"\\" not in body:
        # Without escapes every second piece is a text, a name or a value. If all differ, so do the names.
        texts = body.split(b'"')[1::2]
        if len(set(texts)) == len(texts):
            return
    try:
        json.loads(body, object_pairs_hook=_members, parse_int=len, parse_float=len)
    except RecursionError as error:
        raise not_understood(error, body) from error


def _members(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise NotUnderstoodError(
            "body", twice, "each name once in an object", f"the name {twice[:50]!r} comes twice in an object"
        )


def value_at(body: bytes, path: str) -> Any:
    """The value at a path such as `deal.product` or `outcomes[0].close_date` in the JSON body; None if absent."""
    try:
        value = msgspec.json.decode(body or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for name in path.replace("[", ".[").split("."):
        if name.startswith("[") and isinstance(value, list):
            at = name.strip("[]")
            value = value[int(at)] if at.isdecimal() and int(at) < len(value) else None
        elif name:
            value = value.get(name) if isinstance(value, dict) else None
    return value
