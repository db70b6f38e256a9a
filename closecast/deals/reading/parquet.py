"""Reads Parquet: text, numbers, truth values and dates become the text that a CSV export has."""

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

from closecast.deals.reading.dictionaries import as_dictionaries, is_text
from closecast.deals.reading.table import Layout, RawTable, UnreadableError, names


def read(content: bytes) -> RawTable:
    """Dates come as YYYY-MM-DD and numbers without a trailing ".0".

    Raises UnreadableError for what is no Parquet, two columns of one name, and columns of other types.
    """
    try:
        file = pq.ParquetFile(io.BytesIO(content))
        # A text that is repeated is unpacked once, however many rows have it.
        repeated = as_dictionaries(file.metadata, [one.name for one in file.schema_arrow if is_text(one.type)])
        found = pq.ParquetFile(io.BytesIO(content), metadata=file.metadata, read_dictionary=repeated).read()
        columns = found.column_names  # names that are not UTF-8 are found here
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        # Arrow's own words quote from the file, which may be no export at all and somebody's secret.
        raise UnreadableError(
            f"is not a Parquet file: Arrow refuses it ({type(error).__name__}); export it anew"
        ) from error
    if len(set(columns)) < found.num_columns:
        raise UnreadableError(f"has two columns of one name among {columns}; rename one of them")
    names(columns)
    frame = pd.DataFrame({name: texts(found.column(name), f"the column {name}") for name in columns}, dtype=object)
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return RawTable(frame, Layout("Parquet", 0))


def texts(column: Any, what: str) -> NDArray[np.object_]:
    """An Arrow column as text, (n,), object, "" for null. Raises UnreadableError, which names `what`, for other types."""
    is_encoded = pa.types.is_dictionary(column.type)
    if not is_text(column.type):
        return np.array(_written(column.cast(column.type.value_type) if is_encoded else column, what), dtype=object)
    # Each distinct text is one object in memory, however many rows have it.
    encoded = column if is_encoded else column.cast(pa.large_string()).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    distinct = np.array([*_written(encoded.dictionary, what), ""], dtype=object)
    positions: NDArray[np.int32] = encoded.indices.fill_null(len(distinct) - 1).to_numpy()
    return distinct[positions]


def _written(column: Any, what: str) -> list[str]:
    kind = column.type
    write = _writer(kind)
    if write is None:
        raise UnreadableError(f"has {what} of type {kind}; expected text, numbers, truth values or dates")
    # Floats go by way of numpy: as Python's own, 32-bit ones would gain digits that nobody wrote.
    values = column.to_numpy() if pa.types.is_floating(kind) else _objects(column, what)
    return ["" if value is None or value != value else write(value) for value in values]


def _objects(column: Any, what: str) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError) as error:
        words = " ".join(str(error).split())
        raise UnreadableError(f"holds a value outside of its type in {what}: {words}; correct it") from error
    return values


def _writer(kind: Any) -> Callable[[Any], str] | None:
    types = pa.types
    if types.is_floating(kind):
        return lambda value: np.format_float_positional(value, trim="-")
    if types.is_decimal(kind):
        return _decimal
    if types.is_date(kind) or types.is_timestamp(kind):
        return date_text
    kinds = (types.is_string, types.is_large_string, types.is_integer, types.is_boolean, types.is_null)
    return str if any(test(kind) for test in kinds) else None


def _decimal(value: decimal.Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def date_text(value: dt.date) -> str:
    """A date, or a time at midnight, as YYYY-MM-DD; another time with its time of day, for its reader to judge."""
    if isinstance(value, dt.datetime) and value.time() != dt.time():
        return str(value)
    return f"{value.year:04}-{value.month:02}-{value.day:02}"
