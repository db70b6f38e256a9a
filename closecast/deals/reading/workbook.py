"""Reads Excel workbooks: the sheet that was named, or the one that looks like a table of deals."""

import datetime as dt
import io
import zipfile
from typing import Any

import numpy as np
import pandas as pd
import python_calamine as calamine

from closecast.deals.reading import header
from closecast.deals.reading.parquet import date_text
from closecast.deals.reading.sorting import SortedRows
from closecast.deals.reading.table import Layout, RawTable, UnreadableError, names

_LOCKED = "is protected by a password; save it without one"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")  # the part of a container that holds a locked workbook
_LARGEST = 1 << 30  # bytes of all parts of a workbook, unpacked


def read(content: bytes, sheet: str | None = None) -> RawTable:
    """Dates come as YYYY-MM-DD, times with their time of day, numbers without a trailing ".0".

    Without `sheet`, of the sheets that have a header the one with the most filled cells is read. Raises UnreadableError
    for a workbook that is damaged, protected by a password or unreasonably large, and for a sheet that is not there.
    """
    _check_size(content)
    if _ENCRYPTED in content:
        raise UnreadableError(_LOCKED)
    try:
        book = calamine.load_workbook(io.BytesIO(content))
        if sheet is not None and sheet not in book.sheet_names:
            raise UnreadableError(f"has no sheet {sheet!r}; it has {', '.join(map(repr, book.sheet_names))}")
        wanted = book.sheet_names if sheet is None else [sheet]
        read_sheets = {name: book.get_sheet_by_name(name) for name in wanted}
        sheets = {name: one.to_python() for name, one in read_sheets.items()}
    except UnreadableError:
        raise
    except calamine.PasswordError as error:
        raise UnreadableError(_LOCKED) from error
    except (calamine.CalamineError, ValueError) as error:
        raise _damaged(error) from error
    # Rows above the first filled cell are not among `rows`, and count nevertheless.
    chosen, rows, at = _chosen({name: _texts(cells) for name, cells in sheets.items()})
    columns = names(rows[at])
    width = len(columns)
    body = [[*row, *[""] * (width - len(row))] for row in rows[at + 1 :]]
    filled = [number for number, row in enumerate(body) if any(cell.strip() for cell in row)]
    frame = pd.DataFrame([body[number] for number in filled], columns=columns, dtype=object)
    start = read_sheets[chosen].start
    first = 1 + (start[0] if start else 0)
    frame.index = pd.Index([first + at + 1 + number for number in filled], dtype="int64")
    found = SortedRows(rows[at], {})
    found.titles(rows[:at], first)
    return found.table(frame, Layout(f"Excel workbook, sheet {chosen!r}", first + at))


def _damaged(error: Exception) -> UnreadableError:
    return UnreadableError(f"is not a workbook that can be read ({type(error).__name__}); save it as .xlsx anew")


def _check_size(content: bytes) -> None:
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return  # the older format, which is not packed
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise _damaged(error) from error
    if size > _LARGEST:
        raise UnreadableError(
            f"unpacks to {size >> 20:,} MB, and at most {_LARGEST >> 20:,} are read; export it as CSV"
        )


def _chosen(sheets: dict[str, list[list[str]]]) -> tuple[str, list[list[str]], int]:
    """The sheet's name, its rows and the place of its header."""
    found: list[tuple[int, str, int]] = []
    for name, rows in sheets.items():
        try:
            at = header.find(rows[: 4 * header.SEARCHED])
        except UnreadableError:
            continue
        found.append((sum(bool(cell) for row in rows for cell in row), name, at))
    if not found:
        raise UnreadableError(f"has no table with a header in its sheets {', '.join(map(repr, sheets))}")
    _, name, at = max(found, key=lambda one: one[0])
    return name, sheets[name], at


def _texts(cells: list[list[Any]]) -> list[list[str]]:
    return [[_text(cell) for cell in row] for row in cells]


def _text(cell: Any) -> str:
    if isinstance(cell, float):
        return np.format_float_positional(cell, trim="-")
    if isinstance(cell, dt.date):  # a datetime too
        return date_text(cell)
    return str(cell)
