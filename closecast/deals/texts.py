"""Reads the texts of a CRM export: blanks around a value mean nothing, and a product has one name."""

from typing import TYPE_CHECKING, Any

from closecast.deals.vocabulary import PRODUCT_ALIASES

if TYPE_CHECKING:
    import pandas as pd


def read_text(value: Any) -> str | None:
    """Text without blanks around it; None for nothing, and for nothing but blanks: a CSV has empty text where JSON has null."""
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    return text.strip() or None


def read_product(value: Any) -> str | None:
    """The product as the product list writes it, None where it is missing."""
    written = read_text(value)
    return None if written is None else PRODUCT_ALIASES.get(written, written)


def read_texts(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Each value by `read_text`. Shape kept, object."""
    import pandas as pd  # here, because the process that reads strangers' Parquet has no need of it

    return pd.Series(map(read_text, column.astype("string").fillna("")), index=column.index, dtype=object)
