"""Read raw deals from Arrow columns and pandas frames: accepted column types, and their values."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from closecast.deals.reading.dictionaries import is_text
from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.scoring import rules
from closecast.scoring.columns import Column, DealTable

if TYPE_CHECKING:
    import pandas as pd

_IDENTIFIER = RAW_COLUMNS[0]
_DATES, _NUMBERS = ("engage_date", "close_date", "as_of"), ("close_value",)


def expected_kind(name: str, kind: pa.DataType) -> str | None:
    """The expected type of the column `name`, if it cannot be `kind`; None if it can.

    Columns are text; dates may be dates or timestamps, and `close_value` numbers, as JSON has them.
    """
    types = pa.types
    if (
        is_text(kind)
        or types.is_null(kind)
        or (name in _DATES and (types.is_date(kind) or types.is_timestamp(kind)))
        or (name in _NUMBERS and (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)))
    ):
        return None
    return "text or dates" if name in _DATES else "text or numbers" if name in _NUMBERS else "text"


def read_arrow(name: str, column: pa.Array) -> Column:
    """Read a column of a type that `expected_kind` accepts, dates as text. Raises pyarrow.ArrowException."""
    if pa.types.is_null(column.type):
        return Column.missing(len(column))
    if pa.types.is_temporal(column.type):
        days = pc.cast(column, pa.date32(), safe=False).dictionary_encode()
        column = pa.DictionaryArray.from_arrays(days.indices, pc.cast(days.dictionary, pa.string()))
    elif name in _NUMBERS and not is_text(column.type):
        column = pc.cast(column, pa.float64(), safe=False)
        column = pc.if_else(pc.is_nan(column), None, column)  # writers without null use NaN for missing numbers
    return Column.of_arrow(column if pa.types.is_dictionary(column.type) else column.dictionary_encode())


def read_frame(frame: "pd.DataFrame") -> DealTable:
    """Read the raw columns of a frame; timestamps are read as dates."""
    columns = {name: read_values(name, frame[name]) for name in RAW_COLUMNS[1:] if name in frame}
    identifiers, refused = _identifiers(frame)
    return DealTable(identifiers, columns, refused)


def _identifiers(frame: "pd.DataFrame") -> tuple[pa.StringArray, dict[int, rules.NotScorableError]]:
    """The identifiers of a frame, and the errors of invalid ones by row."""
    if _IDENTIFIER not in frame:
        return pa.nulls(len(frame), pa.string()), {}
    given = frame[_IDENTIFIER].to_numpy(dtype=object)
    try:
        return pa.array(given, pa.string(), from_pandas=True), {}
    except (pa.ArrowException, UnicodeEncodeError):
        column = Column.of_values(given)
    wrong = column.map(lambda value: rules.form(_IDENTIFIER, value))
    sound = column.map(lambda value: value if rules.form(_IDENTIFIER, value) is None else None)
    return sound.arrow(pa.string()), wrong.by_row()


def read_values(name: str, column: "pd.Series[Any]") -> Column:
    """Read the column `name` of a frame; dates and timestamps become text."""
    if name not in _DATES:
        return Column.of_values(column.to_numpy(dtype=object))
    if column.dtype.kind == "M":
        return read_arrow(name, pa.Array.from_pandas(column))
    return Column.of_values(column.to_numpy(dtype=object)).map(_dated)


def _dated(value: Any) -> Any:
    """The text of a date or, as Arrow has it, of the day in UTC of a timestamp; any other value as it is."""
    if isinstance(value, datetime):
        value = (value if value.tzinfo is None else value.astimezone(UTC)).date()
    return value.isoformat() if isinstance(value, date) else value
