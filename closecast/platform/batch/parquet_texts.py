"""Which columns of a Parquet file Arrow can read as dictionaries, so that a text that stands in many rows is there once."""

from collections.abc import Sequence
from typing import Any

# Arrow decodes these into dictionaries; the DELTA encodings are as good Parquet, and it refuses them there.
_TAKEN = {"PLAIN", "PLAIN_DICTIONARY", "RLE_DICTIONARY", "RLE", "BIT_PACKED"}


def as_dictionaries(metadata: Any, names: Sequence[str]) -> list[str]:
    """Those of the columns `names` whose every piece in the file of `metadata` (pyarrow's) can be read so."""
    refused = set()
    for group in range(metadata.num_row_groups):
        of_group = metadata.row_group(group)
        for at in range(of_group.num_columns):
            chunk = of_group.column(at)
            if not set(chunk.encodings) <= _TAKEN:
                refused.add(chunk.path_in_schema)
    return [name for name in names if name not in refused]
