"""The data contract of the raw CRM export: typed deals that satisfy it, and rejected rows with the reasons."""

from dataclasses import dataclass
from datetime import date

import pandas as pd
from pandera.errors import SchemaErrors

from closecast.deals import span
from closecast.deals.dates import read_dates
from closecast.deals.schema import SCHEMA, read_amounts
from closecast.deals.texts import read_product, read_texts
from closecast.deals.vocabulary import BESIDES, RAW_COLUMNS


class ContractError(ValueError):
    """The export as a whole cannot be used: columns are missing, it has no rows, or none is acceptable."""


@dataclass(frozen=True)
class CheckedDeals:
    """Every row of the export, either accepted or rejected; both frames keep the export's index.

    `accepted`: RAW_COLUMNS typed: text as object with None where missing, dates as datetime64[ns], close_value as
    float64; and the stage histories (closecast.deals.stages), where the export has some, as text. `rejected`: the rows as received and a column `reasons`, joined by "; ".
    """

    accepted: pd.DataFrame
    rejected: pd.DataFrame

    def summary(self, examples: int = 3) -> str:
        """One line: the number of rows accepted and rejected, and the most common reasons, each with an example."""
        total = len(self.accepted) + len(self.rejected)
        line = f"{len(self.accepted)} of {total} rows accepted, {len(self.rejected)} rejected"
        reasons = self.rejected["reasons"].str.split("; ").explode()
        parts = []
        for reason, count in reasons.value_counts().head(examples).items():
            row = self.rejected.loc[reasons.index[reasons == reason][0]]
            column = str(reason).split(" ", 1)[0]
            parts.append(f"{count} x {reason} (for example {row[column]!r} in {row['opportunity_id']})")
        return line + (f": {'; '.join(parts)}" if parts else "")


def check(raw: pd.DataFrame, as_of: date | None = None) -> CheckedDeals:
    """Divide the rows of a raw export, text columns as read, into those that satisfy the contract and the rest.

    Surrounding blanks are dropped, empty text is a missing value, columns beyond RAW_COLUMNS and BESIDES are left out of
    `accepted`, and products have the product list's names. Rows in = rows accepted + rows rejected. Of the rows that
    keep every rule, those with dates outside of the data's span (closecast.deals.span) are rejected too; `as_of` is the
    last date that may occur, where the user names it. Raises ContractError when a column is missing, there is no row,
    or no row is acceptable.
    """
    missing = [name for name in RAW_COLUMNS if name not in raw.columns]
    if missing:
        raise ContractError(
            f"the export lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has {_column_names(raw)}; expected "
            f"are {', '.join(RAW_COLUMNS)}"
        )
    if raw.empty:
        raise ContractError("the export has a header but no rows; expected one row per deal")
    raw = raw.reset_index(drop=True)
    text = _text(raw)
    reasons = _reasons(text)
    typed = _typed(text[~text.index.isin(reasons.index)])
    besides = [name for name in BESIDES if name in raw]
    typed = typed.assign(**{name: read_texts(raw[name]).loc[typed.index] for name in besides})
    reasons = pd.concat([reasons, span.outside(typed, as_of)])
    refused = raw.index.isin(reasons.index)
    checked = CheckedDeals(typed[~typed.index.isin(reasons.index)], raw[refused].assign(reasons=reasons))
    if checked.accepted.empty:
        raise ContractError(f"the export has no acceptable row: {checked.summary()}")
    return checked


def _column_names(raw: pd.DataFrame) -> str:
    """The columns, for an error message. Of a file that is not an export, none of its text is shown."""
    names = [str(name) for name in raw.columns]
    if not set(names) & set(RAW_COLUMNS):
        return "none of them"
    return ", ".join(name[:50] for name in names)


def _text(raw: pd.DataFrame) -> pd.DataFrame:
    """The contract's columns as text without surrounding blanks, None where empty."""
    return pd.DataFrame({name: read_texts(raw[name]) for name in RAW_COLUMNS})


def _reasons(text: pd.DataFrame) -> "pd.Series[str]":
    """Reasons by row, for the rows that break a rule."""
    try:
        SCHEMA.validate(text, lazy=True)
    except SchemaErrors as errors:
        failures = errors.failure_cases
    else:
        return pd.Series(dtype=object)
    unplaced = failures[failures["index"].isna()]
    if len(unplaced):
        raise ContractError(f"the export breaks the contract as a whole: {unplaced['check'].iloc[0]}")
    words = failures["check"].where(failures["check"] != "not_nullable", failures["column"] + " is missing")
    # A rule about a whole row is reported once for each of its columns.
    placed = pd.DataFrame({"row": failures["index"].astype(int), "reason": words}).drop_duplicates()
    return placed.groupby("row")["reason"].agg("; ".join)


def _typed(text: pd.DataFrame) -> pd.DataFrame:
    return text.assign(
        product=text["product"].map(read_product, na_action="ignore"),
        engage_date=read_dates(text["engage_date"]),
        close_date=read_dates(text["close_date"]),
        close_value=read_amounts(text["close_value"]),
    )
