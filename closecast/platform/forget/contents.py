"""Find and replace values in the content of files: Parquet, text, gzip and zip, each inside the others too."""

import gzip
import io
import zipfile
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from closecast.platform.forget.matcher import Matcher

_PARQUET, _GZIP, _ZIP = b"PAR1", b"\x1f\x8b", b"PK\x03\x04"
_DEEPEST = 4  # files in files


class UnreadableError(ValueError):
    """The content is of a known format and damaged, so it cannot be searched."""


class FixedError(ValueError):
    """The content holds values and is of a format that cannot be written again."""


def count(content: bytes, matcher: Matcher, depth: int = 0) -> int:
    """How often the values are in `content`. Raises UnreadableError."""
    if _is_parquet(content):
        return _parquet(content, matcher, writes=False)[1]
    if content.startswith(_GZIP) and depth < _DEEPEST:
        return count(_gunzipped(content), matcher, depth + 1)
    if content.startswith(_ZIP) and depth < _DEEPEST:
        with _unzipped(content) as archive:
            return sum(count(archive.read(one), matcher, depth + 1) for one in archive.infolist())
    found = text(content)
    return len(matcher.spans(content)) if found is None else matcher.count(found[0])


def replaced(content: bytes, matcher: Matcher, depth: int = 0) -> tuple[bytes, int]:
    """`content` with pseudonyms and new hashes, and how many values were replaced; the same bytes if nothing was.

    Raises UnreadableError, and FixedError where values were found that cannot be replaced.
    """
    if _is_parquet(content):
        return _parquet(content, matcher)
    if content.startswith(_GZIP) and depth < _DEEPEST:
        plain = _gunzipped(content)
        changed, found = replaced(plain, matcher, depth + 1)
        return (content if changed == plain else gzip.compress(changed, mtime=0)), found
    if content.startswith(_ZIP) and depth < _DEEPEST:
        return _rezipped(content, matcher, depth)
    decoded = text(content)
    if decoded is None:
        if found := len(matcher.spans(content)):
            raise FixedError(f"{found} places in bytes of a format that cannot be written again")
        return content, 0
    words, encoding = decoded
    changed_words, found = matcher.replace(words)
    return (content if changed_words == words else changed_words.encode(encoding, "surrogatepass")), found


def text(content: bytes) -> tuple[str, str] | None:
    """The text of `content` and its encoding, which gives the same bytes again; None for bytes that are no text."""
    is_wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16-le", "utf-16-be") if is_wide else ("utf-8", "cp1252"):
        if is_wide and (content[:2] == b"\xff\xfe") != (encoding == "utf-16-le"):
            continue
        try:
            words = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if "\0" in words else (words, encoding)
    return None


def _is_parquet(content: bytes) -> bool:
    return content.startswith(_PARQUET) and content.endswith(_PARQUET)


def _gunzipped(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, ValueError) as error:
        raise UnreadableError(f"damaged gzip: {error}") from error


def _unzipped(content: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile as error:
        raise UnreadableError(f"damaged zip: {error}") from error


def _rezipped(content: bytes, matcher: Matcher, depth: int) -> tuple[bytes, int]:
    target, total, is_changed = io.BytesIO(), 0, False
    with _unzipped(content) as archive, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for one in archive.infolist():
            before = archive.read(one)
            after, found = replaced(before, matcher, depth + 1)
            total, is_changed = total + found, is_changed or after != before
            made.writestr(one, after)
    return (target.getvalue() if is_changed else content), total


def _parquet(content: bytes, matcher: Matcher, *, writes: bool = True) -> tuple[bytes, int]:
    """Rewritten as closecast.platform.lake writes it, row group by row group; only searched unless it `writes`."""
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        found, target, is_changed = [0], io.BytesIO(), False

        def change(value: str) -> str:
            words, number = matcher.replace(value)
            found[0] += number
            return words

        schema = _relabelled(file.schema_arrow, change)
        is_changed = schema != file.schema_arrow or schema.metadata != file.schema_arrow.metadata
        with pq.ParquetWriter(target, schema, compression="zstd") as writer:
            for group in range(file.num_row_groups):
                table = file.read_row_group(group)
                columns = [_changed(column, change) for column in table.columns]
                is_changed = is_changed or any(new is not old for new, old in zip(columns, table.columns, strict=True))
                if writes:
                    writer.write_table(pa.table(columns, schema=schema))
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise UnreadableError(f"damaged Parquet: {' '.join(str(error).split())[:200]}") from error
    return (target.getvalue() if is_changed and writes else content), found[0]


def _relabelled(schema: pa.Schema, change: Callable[[str], str]) -> pa.Schema:
    """Column names and metadata are text too."""
    fields = [field.with_name(change(field.name)) for field in schema]
    metadata = {
        key: change(value.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
        for key, value in (schema.metadata or {}).items()
    }
    return pa.schema(fields, metadata or None)


def _changed(column: pa.ChunkedArray, change: Callable[[str], str]) -> pa.ChunkedArray:
    """The column itself if no value in it changes."""
    if not _holds_text(column.type):
        return column
    if _is_text(column.type) or pa.types.is_dictionary(column.type):
        plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        if not _is_text(plain.type):
            return column
        encoded = plain.combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks() if encoded.num_chunks != 1 else encoded.chunk(0)
        distinct = encoded.dictionary.to_pylist()
        times = _times(encoded)
        new = [_counted(one, number, change) for one, number in zip(distinct, times, strict=True)]
        if new == distinct:
            return column
        taken = pa.array(new, plain.type).take(encoded.indices)
        if pa.types.is_dictionary(column.type):
            taken = taken.dictionary_encode().cast(column.type)
        return pa.chunked_array([taken], column.type)
    # Lists, maps and structs: few, and small.
    before = column.to_pylist()
    after = [_walked(one, change) for one in before]
    return column if after == before else pa.chunked_array([pa.array(after, column.type)], column.type)


def _times(encoded: pa.DictionaryArray) -> list[int]:
    """How often each distinct value occurs."""
    counts = dict.fromkeys(range(len(encoded.dictionary)), 0)
    for one in encoded.indices.value_counts().to_pylist():
        if one["values"] is not None:
            counts[one["values"]] = one["counts"]
    return list(counts.values())


def _counted(value: str | bytes | None, times: int, change: Callable[[str], str]) -> Any:
    if value is None:
        return None
    if isinstance(value, bytes):
        octets = value.decode("utf-8", "surrogateescape")
        return change(octets).encode("utf-8", "surrogateescape")
    new = change(value)
    if new != value:
        for _ in range(times - 1):  # each row counts
            change(value)
    return new


def _walked(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _walked(one, change) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_walked(one, change) for one in value)
    return value


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind) or types.is_large_binary(kind)
    )


def _holds_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _holds_text(kind.value_type)
    if pa.types.is_nested(kind):
        return any(_holds_text(kind.field(at).type) for at in range(kind.num_fields))
    return _is_text(kind)
