"""Decodes the bytes of a text export."""

import codecs

import charset_normalizer

from closecast.deals.reading.table import UnreadableError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LONGEST_SAMPLE = 1 << 16  # bytes
_USUAL = "cp1252"
_PLAUSIBLE = 0.35  # charset-normalizer's measure of chaos up to which the usual one is taken; its own bound is 0.2
# What programs on Windows write where that is not the usual one, and what older ones do. Among all that it knows,
# charset-normalizer takes short texts for code pages that nobody uses.
_OTHERS = [
    "utf_16_le",
    "utf_16_be",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp932",
    "gb18030",
    "big5",
    "cp949",
    "cp850",
    "mac_roman",
]


def decode(content: bytes, encoding: str | None = None) -> tuple[str, str]:
    """The text of `content`, and the encoding it was read in.

    A byte order mark decides, then UTF-8 where all of it is valid, then whether cp1252 makes sense of the lines that are
    not ASCII, then charset-normalizer's judgement of them; `encoding` overrides these. Raises UnreadableError for bytes that the encoding does not have, for an
    unknown encoding, and for text with zero bytes.
    """
    chosen = encoding or _detected(content)
    try:
        text = content.decode(chosen)
    except LookupError as error:
        raise UnreadableError(f"cannot be read in the encoding {encoding!r}, which is not known") from error
    except UnicodeDecodeError as error:
        raise UnreadableError(
            f"is not text in {chosen} (byte {error.start}); export it as CSV in UTF-8, or name its encoding"
        ) from error
    if "\0" in text:
        raise UnreadableError("holds zero bytes; expected CSV, an Excel workbook or Parquet")
    return text, chosen.removesuffix("-sig")


def _detected(content: bytes) -> str:
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        return _judged(content, error.start)
    return "utf-8"


def _judged(content: bytes, begin: int) -> str:
    """Of bytes that are not UTF-8, from the first one that says so on."""
    sample = content[:_LONGEST_SAMPLE]
    if begin >= _LONGEST_SAMPLE or not _is_wide(sample):
        lines = (line for line in content[max(0, begin - 1000) :].splitlines() if not line.isascii())
        sample = b"\n".join(line for line, _ in zip(lines, range(1000), strict=False))[:_LONGEST_SAMPLE]
    if not _is_wide(sample) and _is_usual(sample):
        return _USUAL
    best = charset_normalizer.from_bytes(sample, cp_isolation=_OTHERS).best()
    return _USUAL if best is None else best.encoding


def _is_usual(sample: bytes) -> bool:
    try:
        text = sample.decode(_USUAL)
    except UnicodeDecodeError:
        return False
    # Signs of currencies, dashes and quotes alone tell nothing of the language.
    if not any(character.isalpha() and not character.isascii() for character in text):
        return True
    return charset_normalizer.from_bytes(sample, cp_isolation=[_USUAL], threshold=_PLAUSIBLE).best() is not None


def _is_wide(sample: bytes) -> bool:
    """Whether it looks like UTF-16 without a mark."""
    return b"\0" in sample
