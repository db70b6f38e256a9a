"""Normalise the texts of a CRM export: surrounding blanks are dropped, and each product has one name."""

from typing import TYPE_CHECKING, Any

from closecast.deals.vocabulary import PRODUCT_ALIASES

if TYPE_CHECKING:
    import pandas as pd


def read_text(value: Any) -> str | None:
    """Strip surrounding blanks; None for missing, empty and blank text: a CSV has empty text where JSON has null."""
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    return text.strip() or None


def read_product(value: Any) -> str | None:
    """The product's name in the product list, None where it is missing."""
    written = read_text(value)
    return None if written is None else PRODUCT_ALIASES.get(written, written)


def read_texts(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Normalise each value with `read_text`. Shape kept, object."""
    import pandas as pd  # here, because the process that reads uploaded Parquet doesn't need it

    return pd.Series(map(read_text, column.astype("string").fillna("")), index=column.index, dtype=object)
