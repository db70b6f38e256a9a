"""Which deals have nothing left to predict, or are not understood: one rule for everything that scores."""

from typing import Any

from closecast.deals.vocabulary import CLOSED, STAGES

UNKNOWN_STAGE = "the stage is not known"
IS_CLOSED = "the deal is closed"
HAS_CLOSING = "close_date or close_value is given although the deal is not closed"
JUDGED = (
    "deal_stage",
    "close_date",
    "close_value",
)  # the columns that can keep a deal from being scored, in this order


def bar(column: str, value: Any) -> str | None:
    """What keeps a deal with `value` in one of JUDGED from being scored; None for nothing, and for text of nothing but blanks."""
    text = None if value is None or value != value else str(value).strip()
    if not text:
        return None
    if column != "deal_stage":
        return HAS_CLOSING
    return IS_CLOSED if text in CLOSED else None if text in STAGES else UNKNOWN_STAGE
