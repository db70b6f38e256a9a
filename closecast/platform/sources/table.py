"""Parse an export's bytes, CSV or Parquet, into a frame of text, without guessing types."""

import datetime as dt
import decimal
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray


class SourceError(ValueError):
    """The source named by the user does not exist, cannot be reached or cannot be read as an export."""


class SourceAwayError(SourceError):
    """The source did not answer, or not properly: a later attempt may succeed."""


def table(content: bytes, what: str, name: str) -> pd.DataFrame:
    """Parse `content` into text columns of dtype object, missing values as empty text; Parquet when `name` ends in .parquet.

    From Parquet dates come as YYYY-MM-DD and numbers without a trailing ".0", as a CSV export writes them. `what`
    begins the message, for example "the file /data/sales.csv". Raises SourceError for bytes that are empty, or neither
    CSV in UTF-8 nor Parquet with columns of text, numbers, truth values and dates.
    """
    if not content.strip():
        raise SourceError(f"{what} is empty; expected a header and one row per deal")
    return _parquet(content, what) if name.lower().endswith(".parquet") else _csv(content, what)


def _csv(content: bytes, what: str) -> pd.DataFrame:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{what} is not UTF-8 text (byte {error.start}); export it as CSV in UTF-8") from error
    try:
        frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise SourceError(f"{what} is not a CSV table: {_one_line(error)}") from error
    if "\0" in text:
        raise SourceError(f"{what} holds zero bytes; expected CSV in UTF-8")
    return frame


def _parquet(content: bytes, what: str) -> pd.DataFrame:
    try:
        read = pq.read_table(io.BytesIO(content))
        len(read.column_names)  # names that are not UTF-8 are found here
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        # Arrow's message quotes from the file, which may be secret and not an export at all.
        raise SourceError(
            f"{what} is not a Parquet file: Arrow refuses it ({type(error).__name__}); export it anew"
        ) from error
    if len(set(read.column_names)) < read.num_columns:
        raise SourceError(f"{what} has two columns of one name among {read.column_names}; rename one of them")
    columns = {name: _column(read.column(name), f"the column {name} of {what}") for name in read.column_names}
    return pd.DataFrame(columns, dtype=object)


def _column(column: Any, what: str) -> NDArray[np.object_]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return np.array(_texts(column, what), dtype=object)
    # Each distinct text is one object in memory, however many rows have it.
    encoded = column.cast(pa.large_string()).combine_chunks().dictionary_encode()
    distinct = np.array([*_texts(encoded.dictionary, what), ""], dtype=object)
    positions: NDArray[np.int32] = encoded.indices.fill_null(len(distinct) - 1).to_numpy()
    return distinct[positions]


def _texts(column: Any, what: str) -> list[str]:
    kind = column.type
    write = _writer(kind)
    if write is None:
        raise SourceError(f"{what} is of type {kind}; expected text, numbers, truth values or dates")
    # Convert floats with numpy: as Python floats, 32-bit ones would gain digits.
    values = column.to_numpy() if pa.types.is_floating(kind) else _objects(column, what)
    return ["" if value is None or value != value else write(value) for value in values]


def _objects(column: Any, what: str) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError) as error:
        raise SourceError(f"{what} holds a value outside of its type: {_one_line(error)}; correct it") from error
    return values


def _writer(kind: Any) -> Callable[[Any], str] | None:
    types = pa.types
    if types.is_floating(kind):
        return lambda value: np.format_float_positional(value, trim="-")
    if types.is_decimal(kind):
        return _decimal
    if types.is_date(kind) or types.is_timestamp(kind):
        return _date
    texts = (types.is_string, types.is_large_string, types.is_integer, types.is_boolean, types.is_null)
    return str if any(test(kind) for test in texts) else None


def _decimal(value: decimal.Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _date(value: dt.date) -> str:
    if isinstance(value, dt.datetime) and value.time() != dt.time():
        return str(value)  # keep a time of day, so that the contract rejects it
    return f"{value.year:04}-{value.month:02}-{value.day:02}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
