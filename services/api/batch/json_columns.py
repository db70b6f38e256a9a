"""Read columns from the JSON of a batch without an object per deal: NumPy finds names and texts, Arrow collects them.

Ten thousand deals take a third of the time of parsing objects. It reads what serialisers write for records of
texts: see `read`. Anything else is left to the full JSON decoder.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_QUOTE, _COLON, _SPACE, _OPEN, _CLOSE = b'": {}'
_WORD = 8  # bytes compared at once
_BEFORE = 4  # bytes before a name that may separate it from a value
_BLANKS = b" " * _WORD
_NULL = int.from_bytes(b"null", "little")
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Texts:
    """The values of one name: `values`, (k,), and their `rows`, (k,), ascending."""

    rows: Places
    values: pa.StringArray


@dataclass(frozen=True)
class _Fields:
    """Positions of names and values, (m,) each; a value's end is exclusive."""

    kinds: NDArray[np.int8]  # of the name
    values: Places
    ends: Places
    rows: Places


def read(records: bytes | memoryview, names: tuple[str, ...], longest: int) -> tuple[int, dict[str, Texts]] | None:
    """Count the objects in `records`, the inside of a JSON array in UTF-8, and read their texts by name.

    None unless these are one or more objects, not empty, whose names are all in `names` (of 7 to 15 bytes), each once
    at most, and whose values are null or texts of at most `longest` bytes, in which nothing is escaped; with nothing
    between them, or one blank behind each colon, each comma, or both.
    """
    # Padded with blanks, so that the first and last bytes can be read as words.
    content = b"".join((_BLANKS, records, _BLANKS))
    if content[_WORD : _WORD + 1] != b"{" or content[-_WORD - 1 : -_WORD] != b"}":
        content = b"".join((_BLANKS, content.strip(), _BLANKS))
    octets = np.frombuffer(content, np.uint8)
    if b"\\" in content or octets.min() < _SPACE:
        return None
    fields = _fields(octets, names)
    if fields is None:
        return None
    lengths = fields.ends - fields.values
    is_text = octets[fields.values] == _QUOTE
    is_ended = octets[fields.ends - 1] == _QUOTE
    nulls = np.flatnonzero(~is_text)
    if (
        (is_text != is_ended).any()
        or lengths.min() < 2
        or lengths.max() > longest + 2
        or (_words(octets)[fields.values[nulls]] & 0xFFFFFFFF != _NULL).any()
        or (lengths[nulls] != len("null")).any()
        # All these quotes are where they belong: if there are no others, no text contains one.
        or np.count_nonzero(octets == _QUOTE) != 4 * len(lengths) - 2 * len(nulls)
    ):
        return None
    texts = _by_name(content, fields, is_text, names)
    return None if texts is None else (int(fields.rows[-1]) + 1, texts)


def _words(octets: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The eight bytes from each position on, as little-endian words."""
    return np.ndarray((len(octets) - _WORD + 1,), "<u8", octets, strides=(1,))


def _fields(octets: NDArray[np.uint8], names: tuple[str, ...]) -> _Fields | None:
    """Find names and values; None when anything unexpected separates them. `octets` are padded with blanks."""
    words, first, last = _words(octets), _WORD, len(octets) - _WORD - 1
    colons = np.flatnonzero(octets == _COLON)
    kinds = np.full(len(colons), -1, dtype=np.int8)
    tails = words[colons - _WORD]
    for kind, name in enumerate(names):
        kinds += (tails == _number(f'{name}"'.encode()[-_WORD:])) * np.int8(kind + 1)
    if (kinds < 0).any():  # colons of values
        colons, kinds = colons[kinds >= 0], kinds[kinds >= 0]
    if not len(colons):
        return None
    begins = colons - np.array([len(name) + 2 for name in names])[kinds]
    if begins[0] != first + 1 or octets[first] != _OPEN or octets[first + 1] != _QUOTE or octets[last] != _CLOSE:
        return None
    behind_colon = int(octets[colons[0] + 1] == _SPACE)
    # Names shorter than a word have been compared completely.
    firsts = np.array([_number(f'{name}"'.encode()[:_WORD]) for name in names], dtype="<u8")
    if (words[begins + 1] != firsts[kinds]).any() or (behind_colon and (octets[colons + 1] != _SPACE).any()):
        return None
    nexts = begins[1:]
    before = words[nexts - _BEFORE]
    behind_comma = int(len(nexts) > 0 and octets[nexts[0] - 1 - (octets[nexts[0] - 1] == _OPEN)] == _SPACE)
    is_new = _are(before, b'}, {"' if behind_comma else b'},{"')
    if not (is_new | _are(before, b', "' if behind_comma else b',"')).all():
        return None
    rows, ends = np.zeros(len(colons), dtype=np.int64), np.full(len(colons), last)
    np.cumsum(is_new, out=rows[1:])
    np.subtract(nexts - (1 + behind_comma), 2 * is_new, out=ends[:-1])
    return _Fields(kinds, colons + (1 + behind_colon), ends, rows)


def _are(before: NDArray[np.uint64], text: bytes) -> NDArray[np.bool_]:
    """Whether `text` is in words that begin _BEFORE bytes before its last byte."""
    mask = _number((b"\xff" * len(text)).rjust(_BEFORE + 1, b"\0"))
    found: NDArray[np.bool_] = (before & np.uint64(mask)) == np.uint64(_number(text.rjust(_BEFORE + 1, b"\0")))
    return found


def _number(word: bytes) -> int:
    return int.from_bytes(word, "little")


def _by_name(
    content: bytes, fields: _Fields, is_text: NDArray[np.bool_], names: tuple[str, ...]
) -> dict[str, Texts] | None:
    """The values of each name; None when a row has a name twice."""
    # Texts and separators alternate: Arrow takes them as one array of adjacent texts.
    edges = np.empty(2 * len(is_text), dtype=np.int32)
    edges[0::2], edges[1::2] = fields.values + 1, fields.ends - 1
    everything = pa.StringArray.from_buffers(len(edges) - 1, pa.py_buffer(edges), pa.py_buffer(content))
    texts, all_texts = {}, bool(is_text.all())
    for kind, name in enumerate(names):
        same = np.flatnonzero(fields.kinds == kind)
        if not len(same):
            continue
        if (np.diff(fields.rows[same]) <= 0).any():
            return None
        given = same if all_texts else same[is_text[same]]
        texts[name] = Texts(fields.rows[given], everything.take(pa.array(2 * given)))
    return texts
