"""Reads the bytes of an export in whichever of the formats they are."""

from closecast.deals.reading import delimited, kinds, parquet, workbook
from closecast.deals.reading.table import RawTable

# How the names of such files end; what they hold, their content says.
ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".parquet")


def read(
    content: bytes, encoding: str | None = None, delimiter: str | None = None, sheet: str | None = None
) -> RawTable:
    """The table in `content`: CSV, an Excel workbook or Parquet, told apart by the content itself.

    `encoding`, `delimiter` and `sheet` override what is detected. Raises UnreadableError, whose message completes a
    sentence that begins with the file's name.
    """
    kind = kinds.kind_of(content)
    if kind == kinds.PARQUET:
        return parquet.read(content)
    if kind == kinds.WORKBOOK:
        return workbook.read(content, sheet)
    return delimited.read(content, encoding, delimiter)
