"""Find and replace values in text and bytes, in whatever way they are escaped there."""

import html
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus

_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "cp1252")
# A letter before a value is part of another word, unless it ends an escape: \n, ü, %20.
_BEFORE = r"(?:(?<!\w)|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4})|(?<=%[0-9a-fA-F]{2}))"
_AFTER = r"(?!\w)"
_HASH = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_SIGNATURE = re.compile(r"(?<![\w-])[\w-]{86}(?![\w-])", re.ASCII)


class Matcher:
    """Replaces whole words only, and nothing inside a longer name that is known: Ann is not in Ann Smith.

    `renamed` are hashes and signatures of what was rewritten, old to new. They are replaced and not counted; whoever
    rewrites a file adds its own.
    """

    def __init__(self, values: Mapping[str, str], names: "frozenset[str] | set[str]" = frozenset()) -> None:
        """`values` are those to replace, each with its pseudonym; `names` are all names that are known."""
        self.renamed: dict[str, str] = {}
        self.forms = {form: pseudonym for value, pseudonym in values.items() for form in spellings(value)}
        longer = {
            form for name in names if name not in values and _holds(name, values) for form in spellings(name)
        } - self.forms.keys()
        words = sorted([*self.forms, *longer], key=len, reverse=True)
        self._words = re.compile(f"{_BEFORE}(?:{'|'.join(map(re.escape, words))}){_AFTER}")
        self._bytes = [
            (encoding, re.compile(b"|".join(re.escape(form) for form in forms)))
            for encoding in _ENCODINGS
            if (
                forms := sorted({one for form in self.forms for one in _encoded(form, encoding)}, key=len, reverse=True)
            )
        ]

    def count(self, text: str) -> int:
        """How often the values are in `text`."""
        if not any(form in text for form in self.forms):
            return 0
        return sum(found.group() in self.forms for found in self._words.finditer(text))

    def replace(self, text: str) -> tuple[str, int]:
        """`text` with pseudonyms and new hashes, and how many values were replaced."""
        count = self.count(text)
        if count:
            text = self._words.sub(lambda found: self.forms.get(found.group(), found.group()), text)
        if self.renamed:
            for pattern in (_HASH, _SIGNATURE):
                text = pattern.sub(lambda found: self.renamed.get(found.group(), found.group()), text)
        return text, count

    def spans(self, content: bytes) -> list[tuple[int, int]]:
        """Where the values are in bytes that are no text, in each of several encodings; ends are exclusive."""
        found = {
            one.span()
            for encoding, pattern in self._bytes
            for one in pattern.finditer(content)
            if not _is_inside_a_word(content, *one.span(), encoding)
        }
        spans: list[tuple[int, int]] = []
        for begin, end in sorted(found):
            # What is UTF-16 in one byte order is nearly so in the other, a byte later.
            if not spans or begin >= spans[-1][1]:
                spans.append((begin, end))
        return spans


def spellings(value: str) -> set[str]:
    """`value` as it is written in text, JSON, JSON in JSON, CSV, HTML, XML and URLs, composed and decomposed."""
    return {form for one in {value, *_normal_forms(value)} for form in _escaped(one) if form}


def _normal_forms(value: str) -> Iterator[str]:
    yield unicodedata.normalize("NFC", value)
    yield unicodedata.normalize("NFD", value)


def _escaped(value: str) -> Iterator[str]:
    yield value
    yield value.replace('"', '""')
    ascii_only, plain = json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]
    for written in (ascii_only, plain):
        for once in {written, written.replace("/", "\\/"), re.sub(r"\\u[0-9a-f]{4}", _upper, written)}:
            yield once
            yield json.dumps(once, ensure_ascii=False)[1:-1]
    for written in (html.escape(value, quote=False), html.escape(value)):
        for apostrophe in ("&#x27;", "&#39;", "&apos;"):
            yield written.replace("&#x27;", apostrophe)
            yield written.replace("&#x27;", apostrophe).encode("ascii", "xmlcharrefreplace").decode()
    # A lone surrogate has no UTF-8, so no URL.
    octets = value.encode("utf-8", "surrogatepass")
    yield quote(octets)
    yield quote(octets, safe="")
    yield quote_plus(octets)


def _upper(found: re.Match[str]) -> str:
    return f"\\u{found.group()[2:].upper()}"


def _holds(name: str, values: Mapping[str, str]) -> bool:
    return any(value in name for value in values)


def _encoded(form: str, encoding: str) -> Iterator[bytes]:
    try:
        yield form.encode(encoding)
    except UnicodeEncodeError:
        return


def _is_inside_a_word(content: bytes, begin: int, end: int, encoding: str) -> bool:
    """Whether an ASCII letter, digit or _ is next to the bytes."""
    width = 2 if encoding.startswith("utf-16") else 1
    for piece in (content[max(0, begin - width) : begin], content[end : end + width]):
        letter = piece.decode(encoding, "replace")
        if len(piece) == width and letter.isascii() and (letter.isalnum() or letter == "_"):
            return True
    return False
