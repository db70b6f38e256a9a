"""Requests whose deal is written in the columns of the user's own CRM."""

from typing import Any

import msgspec

from closecast.scoring.own_columns import OwnColumns
from services.api.schemas.strict_json import require_once


def in_contracts_columns(body: bytes, own: OwnColumns | None) -> bytes | None:
    """The JSON `body` with its member "deal" in the contract's columns; None for a body without a deal in the CRM's.

    Raises NotScorableError naming the column whose value cannot be read, and NotUnderstoodError for a repeated name.
    """
    if own is None:
        return None
    try:
        content: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    deal = content.get("deal") if isinstance(content, dict) else None
    if not isinstance(deal, dict) or not own.has(deal):
        return None
    require_once(body)
    return msgspec.json.encode({**content, "deal": own.translate(deal)})
