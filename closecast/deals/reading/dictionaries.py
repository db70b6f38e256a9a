"""Find the columns of a Parquet file that Arrow can read as dictionaries, with repeated text in memory once."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

# Arrow decodes these into dictionaries, but not the DELTA encodings.
_TAKEN = {"PLAIN", "PLAIN_DICTIONARY", "RLE_DICTIONARY", "RLE", "BIT_PACKED"}


def is_text(kind: pa.DataType) -> bool:
    """Whether `kind` is text, plain or dictionary-encoded."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value))


def as_dictionaries(metadata: Any, names: Sequence[str]) -> list[str]:
    """The columns of `names` whose column chunks, by pyarrow's `metadata`, can all be read as dictionaries."""
    refused = set()
    for group in range(metadata.num_row_groups):
        of_group = metadata.row_group(group)
        for at in range(of_group.num_columns):
            chunk = of_group.column(at)
            if not set(chunk.encodings) <= _TAKEN:
                refused.add(chunk.path_in_schema)
    return [name for name in names if name not in refused]
