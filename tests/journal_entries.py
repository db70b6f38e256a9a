"""Entries of the prediction journal as the API makes them, with made-up features."""

import uuid
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from closecast import features
from closecast.platform.journal.entry import Entry, Single, new_id
from closecast.platform.journal.stream import encode, pack

WIDTH = len(features.NAMES)
_BY_HORIZON = {"30": 0.125, "60": 0.25, "90": 1 / 3, "quarter_end": 0.1 + 0.2}


def single(number: int = 0, **changes: Any) -> Entry:
    """One deal, asked about five horizons."""
    matrix = np.random.default_rng(number).random((5, WIDTH))
    known: dict[str, Any] = {
        "id": new_id(),
        "request_id": f"request-{number}",
        "time": datetime.now(UTC),
        "caller": "key:tests",
        "kind": "single",
        "as_of": date(2017, 12, 1),
        "horizon_days": 45,
        "model_version": "7",
        "rows": [0],
        "deals": {"opportunity_id": [f"A{number}"], "engage_date": ["2017-11-20"], "sales_agent": ["Ada Berg"]},
        "unseen": [["sales_agent"]],
        "probability": [float(matrix[0, 0])],
        "probabilities": _BY_HORIZON,
        "days": [45, 30, 60, 90, 30],
        "features": matrix.astype("<f8").tobytes(),
        "model_run_id": "run-7",
    }
    return Entry(**{**known, **changes})


def batch(count: int, number: int = 0, **changes: Any) -> Entry:
    """`count` deals, asked about one horizon; every second row of the request could not be scored."""
    matrix = np.random.default_rng(number).random((count, WIDTH))
    known: dict[str, Any] = {
        "kind": "batch",
        "rows": [2 * at for at in range(count)],
        "deals": {
            "opportunity_id": [f"B{at}" for at in range(count)],
            "engage_date": ["2017-11-20"] * count,
            "close_value": [None] * count,
        },
        "unseen": [[]] * count,
        "probability": matrix[:, 0].tolist(),
        "probabilities": None,
        "days": [45],
        "features": matrix.astype("<f8").tobytes(),
    }
    return single(number, **{**known, **changes})


def message(*entries: Entry) -> bytes:
    """A message of the stream that holds `entries`."""
    return pack([encode(entry) for entry in entries])


def travelling(entry: Entry) -> Single:
    """The entry of one deal as whoever answers requests encodes it."""
    deal = {name: value for name, (value,) in entry.deals.items()}
    return Single(
        entry.id,
        entry.request_id,
        entry.time.timestamp(),
        entry.caller,
        entry.as_of,
        entry.horizon_days,
        entry.model_version,
        deal,
        entry.unseen[0],
        entry.probability[0],
        entry.probabilities or {},
        tuple(entry.days),
        entry.features,
        entry.model_run_id,
    )


def keys(entries: Iterable[Entry]) -> list[tuple[uuid.UUID, int]]:
    """The key of each deal in `entries`."""
    return sorted((entry.id, row) for entry in entries for row in entry.rows)
