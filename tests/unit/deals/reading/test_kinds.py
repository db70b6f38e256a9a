"""Files that are no export get one clear sentence, whatever their name is."""

import io
import zipfile

import msoffcrypto
import openpyxl
import pytest
from msoffcrypto.format.ooxml import OOXMLFile

from closecast.deals.reading.export import read
from closecast.deals.reading.table import UnreadableError


def _zip(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def _locked() -> bytes:
    plain, locked = io.BytesIO(), io.BytesIO()
    openpyxl.Workbook().save(plain)
    plain.seek(0)
    assert msoffcrypto.OfficeFile(plain).is_encrypted() is False
    plain.seek(0)
    OOXMLFile(plain).encrypt("secret", locked)
    return locked.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty; expected a header and one row per deal"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "is a PNG picture; expected CSV, an Excel workbook or Parquet"),
        (b"%PDF-1.7\n", "is a PDF document"),
        (b"\x1f\x8b\x08", "is compressed with gzip"),
        (b"\xef\xbb\xbf <HTML><table>", "is a web page, as some programs save .xls files"),
        (b'<?xml version="1.0"?>', "is a web page"),
        (_zip(a=b"1"), "is a zip archive and no workbook"),
        (_zip(xl__workbook=b"1"), "is not a workbook that can be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is not a workbook that can be read"),
        (b"PAR1" + bytes(40), "is not a Parquet file"),
    ],
    ids=["empty", "PNG", "PDF", "gzip", "HTML", "XML", "zip", "no workbook", "no older workbook", "no Parquet"],
)
def test_another_kind_of_file_is_named(content: bytes, words: str) -> None:
    with pytest.raises(UnreadableError, match=words) as raised:
        read(content)
    assert "\n" not in str(raised.value)


def test_a_workbook_with_a_password_says_so() -> None:
    with pytest.raises(UnreadableError, match="is protected by a password; save it without one"):
        read(_locked())


def test_a_workbook_that_unpacks_to_gigabytes_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("xl/workbook.xml", "")
        with archive.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as part:
            for _ in range(1100):
                part.write(bytes(1 << 20))
    with pytest.raises(UnreadableError, match=r"unpacks to 1,100 MB, and at most 1,024 are read"):
        read(buffer.getvalue())
