"""Read the deals of an untrusted Parquet file: nothing is unpacked before its size is checked."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from closecast.deals.reading.dictionaries import as_dictionaries, is_text
from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.platform.printable import printable
from closecast.platform.request_limits import MOST_DEALS
from closecast.scoring.columns import Column, DealTable
from closecast.scoring.tables import expected_kind, read_arrow
from services.api.batch.read import more_than_once, too_many
from services.api.problems import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd  # few files need it

MAX_UNPACKED = 32_000_000  # bytes of the columns that are read; 10,000 deals take about 1 MB
_MAX_GROUPS = 1_000
_LIMITS = {"thrift_string_size_limit": 1_000_000, "thrift_container_size_limit": 100_000}


def read_parquet(content: bytes) -> DealTable | None:
    """Read the contract's columns of a Parquet file: text, dates or, for close_value, numbers.

    None for a file without the column engage_date, which is an export of a CRM or nothing. Raises InvalidInputError for a
    file that is not Parquet, has no rows or more than MOST_DEALS, a column of another type, or more than MAX_UNPACKED
    bytes when unpacked.
    """
    try:
        table = _table(content)
        if table is None:
            return None
        columns = {name: table.column(name).combine_chunks() for name in table.column_names}
        identifiers = columns.pop("opportunity_id", pa.nulls(len(table)))
        return DealTable(_texts(identifiers), {name: read_arrow(name, column) for name, column in columns.items()})
    except (pa.ArrowException, OSError, MemoryError, UnicodeError, OverflowError) as error:
        raise unreadable(error) from error


def read_export(content: bytes) -> dict[str, Column]:
    """All columns of a Parquet file as text, "" where a cell is empty.

    Raises InvalidInputError as `read_parquet`, and for a column that is neither text, numbers, truth values nor dates.
    """
    # Here, because few files need it, and it imports pandas.
    from closecast.deals.reading.parquet import read
    from closecast.deals.reading.table import UnreadableError

    require_bearable(pq.ParquetFile(pa.BufferReader(content), **_LIMITS).metadata)
    try:
        frame = read(content).frame
    except UnreadableError as error:
        raise InvalidInputError("body", None, "a Parquet file", f"the file {error}") from error
    return {str(name): _factorised(frame[name]) for name in frame}


def _factorised(texts: "pd.Series[str]") -> Column:
    """The column, whose total size is checked, however few distinct texts the file has."""
    _require_small(sum(map(len, texts)))
    places: dict[str, int] = {}
    positions = np.fromiter((places.setdefault(text, len(places)) for text in texts), np.int64, len(texts))
    return Column(positions, list(places))


def unreadable(error: Exception) -> InvalidInputError:
    """The error for bytes on which Arrow raised `error`."""
    reason = printable(str(error).splitlines()[0])[:200] if str(error) else type(error).__name__
    return InvalidInputError("body", None, "a Parquet file", f"the body cannot be read as Parquet: {reason}")


def _texts(identifiers: pa.Array) -> pa.StringArray:
    """The identifiers, one text per row; their total size is checked, however few distinct ones the file has."""
    if pa.types.is_null(identifiers.type):
        return identifiers.cast(pa.string())
    encoded = identifiers if pa.types.is_dictionary(identifiers.type) else identifiers.dictionary_encode()
    _require_small(pc.sum(pc.binary_length(encoded.dictionary).take(encoded.indices)).as_py() or 0)
    return encoded.dictionary.cast(pa.string()).take(encoded.indices)


def _table(content: bytes) -> pa.Table | None:
    buffer = pa.py_buffer(content)
    probe = pq.ParquetFile(pa.BufferReader(buffer), **_LIMITS)
    metadata, schema = probe.metadata, probe.schema_arrow
    names = [name for name in schema.names if name in RAW_COLUMNS]
    if "engage_date" not in names:
        return None
    for name in names:
        if schema.names.count(name) > 1:
            raise more_than_once(name, "the file")
        _require_type(name, schema.field(name).type)
    require_bearable(metadata, names)
    # As dictionaries, a repeated text is unpacked once.
    texts = as_dictionaries(metadata, [name for name in names if is_text(schema.field(name).type)])
    file = pq.ParquetFile(pa.BufferReader(buffer), metadata=metadata, read_dictionary=texts, **_LIMITS)
    table = file.read(columns=names, use_threads=False)
    if table.num_rows > MOST_DEALS:  # whatever the metadata said
        raise too_many("the file", table.num_rows)
    table.validate(full=True)
    return table.unify_dictionaries().combine_chunks()


def require_bearable(metadata: Any, names: Collection[str] | None = None) -> None:
    """Raise InvalidInputError for a file whose metadata says that the columns `names`, or all, are too much."""
    if metadata.num_rows > MOST_DEALS:
        raise too_many("the file", metadata.num_rows)
    if not metadata.num_rows:
        raise InvalidInputError("body", None, "one row or more", "the file has no rows")
    if metadata.num_row_groups > _MAX_GROUPS:
        raise InvalidInputError(
            "body", metadata.num_row_groups, f"{_MAX_GROUPS} row groups at most", "the file has too many row groups"
        )
    unpacked = 0
    for group in range(metadata.num_row_groups):
        of_group = metadata.row_group(group)
        for at in range(of_group.num_columns):
            chunk = of_group.column(at)
            if names is None or chunk.path_in_schema in names:
                unpacked += max(chunk.total_uncompressed_size, 0)
    _require_small(unpacked)


def _require_small(unpacked: int) -> None:
    if unpacked > MAX_UNPACKED:
        raise InvalidInputError(
            "body",
            unpacked,
            f"{MAX_UNPACKED} bytes at most when unpacked",
            f"the file holds {unpacked} bytes in the columns that are read: send it in parts",
        )


def _require_type(name: str, kind: pa.DataType) -> None:
    expected = expected_kind(name, kind)
    if expected is not None:
        raise InvalidInputError(f"deal.{name}", str(kind)[:100], expected, f"the column {name} holds {str(kind)[:100]}")
