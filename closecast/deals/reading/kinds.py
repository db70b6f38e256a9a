"""Recognises what a file is by its first bytes, because its name may say something else."""

from closecast.deals.reading.table import UnreadableError

WORKBOOK, PARQUET, TEXT = "workbook", "Parquet", "text"

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# The first bytes of files that are no table, and what they are called.
_OTHERS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
)
_MARKUP = (b"<html", b"<!doctype html", b"<table", b"<?xml", b"<head", b"<meta")


def kind_of(content: bytes) -> str:
    """WORKBOOK, PARQUET or TEXT. Raises UnreadableError for content that is empty, or of a kind that holds no table."""
    if not content.strip():
        raise UnreadableError("is empty; expected a header and one row per deal")
    if content.startswith(b"PAR1"):
        return PARQUET
    if content.startswith(_OLE) or (content.startswith(_ZIP) and b"xl/" in content):
        return WORKBOOK
    if content.startswith(_ZIP):
        raise UnreadableError("is a zip archive and no workbook; unpack it, and name the export in it")
    for first, what in _OTHERS:
        if content.startswith(first):
            raise UnreadableError(f"is {what}; expected CSV, an Excel workbook or Parquet")
    if content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_MARKUP):
        raise UnreadableError("is a web page, as some programs save .xls files; export it as CSV or .xlsx")
    return TEXT
