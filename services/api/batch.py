"""Scores many deals at once: a row that cannot be scored says why, and holds up none of the others."""

import csv
import io
from collections.abc import Iterable
from typing import Any

import msgspec
import pandas as pd

from closecast.deals.vocabulary import RAW_COLUMNS
from closecast.models.deal_model import DealModel
from services.api import scoring
from services.api.problems import InvalidInputError, of_invalid
from services.api.schemas import Deal, ScoredDeal

MAX_ROWS = 10_000
_COLUMNS = ("opportunity_id", "sales_agent", "product", "account", "engage_date")


def read_csv(content: bytes) -> list[dict[str, Any]]:
    """The rows of a CSV export in UTF-8, columns beyond the contract's left out.

    Raises InvalidInputError for another encoding, a missing engage_date column, no rows or more than MAX_ROWS.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        detail = f"the body is not UTF-8 text (byte {error.start})"
        raise InvalidInputError("body", None, "CSV in UTF-8", detail) from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = reader.fieldnames or []
        if "engage_date" not in columns:
            raise InvalidInputError(
                "body", ", ".join(columns), f"a header with some of {', '.join(RAW_COLUMNS)}",
                "the CSV has no column engage_date, without which no deal can be scored",
            )  # fmt: skip
        rows = []
        for row in reader:
            rows.append({name: row[name] for name in RAW_COLUMNS if row.get(name) is not None})
            if len(rows) > MAX_ROWS:
                raise InvalidInputError(
                    "body", None, f"{MAX_ROWS} rows at most", f"the CSV has more than {MAX_ROWS} rows: send it in parts"
                )
    except csv.Error as error:
        raise InvalidInputError("body", None, "a CSV table", f"line {reader.line_num} is not CSV: {error}") from error
    if not rows:
        raise InvalidInputError("body", None, "one row or more", "the CSV has a header and no rows")
    return rows


def score(model: DealModel, rows: Iterable[dict[str, Any]], question: scoring.Question) -> list[ScoredDeal]:
    """Each row's probability or problem, in the order given."""
    answers: list[ScoredDeal] = []
    scorable: list[int] = []
    for position, row in enumerate(rows):
        try:
            deal = msgspec.convert(row, Deal)
            day = scoring.engage_date(deal, question.as_of)
        except InvalidInputError as error:
            answers.append(_refused(position, row, error))
            continue
        except msgspec.ValidationError as error:
            field = str(error).partition(" - at `$.")[2].rstrip("`")
            wrong = InvalidInputError(f"deal.{field}" if field else "deal", row.get(field), "see /schema", str(error))
            answers.append(_refused(position, row, wrong))
            continue
        scorable.append(position)
        answers.append(
            ScoredDeal(position, deal.opportunity_id or None, deal.sales_agent or None, scoring.product_name(deal),
                       deal.account or None, day)
        )  # fmt: skip
    if scorable:
        frame = pd.DataFrame({name: [getattr(answers[at], name) for at in scorable] for name in _COLUMNS})
        frame["engage_date"] = pd.to_datetime(frame["engage_date"])
        for position, probability in zip(scorable, scoring.many(model, frame, question), strict=True):
            answers[position] = msgspec.structs.replace(answers[position], probability=float(probability))
    return answers


def _refused(position: int, row: dict[str, Any], error: InvalidInputError) -> ScoredDeal:
    identifier = row.get("opportunity_id")
    problem: dict[str, Any] = msgspec.to_builtins(of_invalid(error))
    return ScoredDeal(position, identifier if isinstance(identifier, str) else None, error=problem)
