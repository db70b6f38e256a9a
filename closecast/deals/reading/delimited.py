"""Reads CSV and its relatives: any of four delimiters, titles above the table and remarks below it."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.csv
from clevercsv.detect import Detector

from closecast.deals.reading import header
from closecast.deals.reading.encoding import decode
from closecast.deals.reading.parquet import texts
from closecast.deals.reading.sorting import SortedRows
from closecast.deals.reading.table import Layout, RawTable, UnreadableError, names

if TYPE_CHECKING:
    import _csv

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_DIALECT_SAMPLE = 20_000  # characters
_HEAD = 1 << 20  # characters in which the header must stand
_LONGEST_ROW = 1 << 24  # bytes


@dataclass(frozen=True)
class _Dialect:
    delimiter: str
    quote: str
    escape: str

    def rows(self, text: str, strict: bool = False) -> "_csv.Reader":
        return csv.reader(
            io.StringIO(text, newline=""),
            delimiter=self.delimiter,
            quotechar=self.quote,
            escapechar=self.escape or None,
            strict=strict,
        )

    def misfits(self, text: str) -> int:
        """How many rows have another width than most, or text behind a closing quotation mark."""
        widths: Counter[int] = Counter()
        broken = 0
        reader = self.rows(text, strict=True)
        while True:
            try:
                widths[len(next(reader))] += 1
            except csv.Error:
                broken += 1
            except StopIteration:
                return broken + widths.total() - max(widths.values(), default=0)


@dataclass(frozen=True)
class _Head:
    """The header's cells, the rows above it, and the place in the text where the table's body begins."""

    cells: list[str]
    above: list[list[str]]
    end: int

    @property
    def row(self) -> int:
        return len(self.above) + 1


def read(content: bytes, encoding: str | None = None, delimiter: str | None = None) -> RawTable:
    """The table in `content`; what is not given is detected: the encoding by `decode`, the dialect by clevercsv.

    A row with too few cells gets empty ones where no more than half are missing. Other rows with too few or too many
    cells are set aside, as are titles above the table, repeated headers, and remarks and totals below it. Raises
    UnreadableError.
    """
    text, known = decode(content, encoding)
    if delimiter is not None and delimiter not in DELIMITERS:
        raise UnreadableError(f"cannot be split at {delimiter!r}; expected one of {' '.join(map(repr, DELIMITERS))}")
    dialect = _detected(text, delimiter)
    head = _head(text, dialect)
    columns = names(head.cells)
    table, odd = _parsed(text[head.end :], dialect, len(columns))
    frame = pd.DataFrame({name: texts(table.column(at), name) for at, name in enumerate(columns)}, dtype=object)
    rows = (number for number in range(1, len(frame) + len(odd) + 1) if number not in odd)
    frame.index = pd.Index([head.row + number for number in rows], dtype="int64")
    found = SortedRows(head.cells, {head.row + number: cells for number, cells in odd.items()})
    found.titles(head.above)
    return found.table(frame, Layout(f"CSV in {known}, separated by {DELIMITERS[dialect.delimiter]}", head.row))


def _detected(text: str, delimiter: str | None) -> _Dialect:
    """By the first lines; commas and double quotes where nothing says otherwise."""
    sample = text[:_DIALECT_SAMPLE]
    if len(text) > len(sample):
        sample = sample[: sample.rfind("\n") + 1] or sample
    found = Detector().detect(sample, delimiters=[delimiter] if delimiter else list(DELIMITERS))
    if found is None:
        return _Dialect(delimiter or ",", '"', "")
    chosen = delimiter or (found.delimiter if found.delimiter in DELIMITERS else ",")
    # Of a text that is no table anything may be taken for a quotation mark.
    quote = found.quotechar if found.quotechar in ('"', "'") else '"'
    plain = _Dialect(chosen, quote, "")
    if found.escapechar != "\\":
        return plain
    # A backslash is also a character of names. It escapes only where the rows fit better for it.
    escaped = _Dialect(chosen, quote, "\\")
    return escaped if escaped.misfits(sample) < plain.misfits(sample) else plain


def _head(text: str, dialect: _Dialect) -> _Head:
    reader = dialect.rows(text[:_HEAD])
    rows: list[list[str]] = []
    lines: list[int] = []  # that the reader had taken after each of the rows
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append(row)
                lines.append(reader.line_num)
            if len(rows) > 4 * header.SEARCHED:
                break
    except csv.Error as error:
        raise UnreadableError(f"is not a CSV table: {error} in line {reader.line_num}") from error
    if not rows:
        raise UnreadableError("is empty; expected a header and one row per deal")
    at = header.find(rows)
    source = io.StringIO(text[:_HEAD], newline="")
    end = sum(len(source.readline()) for _ in range(lines[at]))
    return _Head(rows[at], rows[:at], end)


def _parsed(body: str, dialect: _Dialect, width: int) -> tuple[pa.Table, dict[int, list[str]]]:
    """The rows of `width` cells, and the others by their number from 1 on."""
    odd: dict[int, list[str]] = {}

    def unequal(row: pa.csv.InvalidRow) -> str:
        odd[row.number] = next(dialect.rows(row.text), [])
        return "skip"

    kinds = {str(at): pa.string() for at in range(width)}
    if not body.strip():
        return pa.table({name: pa.array([], pa.string()) for name in kinds}), odd
    try:
        table = pa.csv.read_csv(
            io.BytesIO(body.encode()),
            # Rows are numbered only where one thread reads them.
            read_options=pa.csv.ReadOptions(use_threads=False, column_names=list(kinds), block_size=_LONGEST_ROW),
            parse_options=pa.csv.ParseOptions(
                delimiter=dialect.delimiter,
                quote_char=dialect.quote,
                escape_char=dialect.escape or False,
                newlines_in_values=True,
                invalid_row_handler=unequal,
            ),
            convert_options=pa.csv.ConvertOptions(column_types=kinds, strings_can_be_null=False),
        )
    except pa.ArrowInvalid as error:
        raise UnreadableError(f"is not a CSV table: {_reason(error)}") from error
    return table, odd


def _reason(error: Exception) -> str:
    if "straddling" in str(error):
        return f"a row is longer than {_LONGEST_ROW >> 20} MB; a quotation mark may lack its other half"
    # Arrow's own words quote from the file, which may be no export at all and somebody's secret.
    return f"Arrow refuses it ({type(error).__name__})"
