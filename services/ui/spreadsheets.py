"""Tables for spreadsheets, as CSV and as an Excel workbook, of which a spreadsheet runs nothing."""

from io import BytesIO

import pandas as pd

from closecast.platform.spreadsheet import safe

# A text stays a text: neither a formula nor a link.
_AS_TEXT = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}


def to_csv(table: pd.DataFrame) -> bytes:
    """The table as CSV in UTF-8; a text that a spreadsheet could take for a formula is escaped."""
    return _escaped(table).to_csv(index=False).encode()


def to_xlsx(table: pd.DataFrame, sheet: str) -> bytes:
    """The table as a workbook of one `sheet`, with its texts escaped as in CSV: a workbook is saved as CSV, too."""
    target = BytesIO()
    with pd.ExcelWriter(
        target, engine="xlsxwriter", date_format="yyyy-mm-dd", engine_kwargs={"options": _AS_TEXT}
    ) as writer:
        _escaped(table).to_excel(writer, sheet_name=sheet, index=False, freeze_panes=(1, 0))
    return target.getvalue()


def _escaped(table: pd.DataFrame) -> pd.DataFrame:
    texts = table.select_dtypes(include=["object", "string"]).columns
    return table.assign(
        **{name: table[name].map(lambda value: safe(value) if isinstance(value, str) else value) for name in texts}
    )
