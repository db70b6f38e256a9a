"""Rows of batches, sound and wrong, and what the worker is asked."""

import json
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

from closecast.models.deal_model import digest
from closecast.scoring.columns import DealTable
from services.api.batch.messages import ScoreRequest
from services.api.batch.write import JSON

# Every way in which a row can be wrong, beside rows that only look so.
CORPUS: list[dict[str, Any]] = [
    {"engage_date": "2017-12-01"},
    {"engage_date": "12/1/2017", "deal_stage": "Prospecting"},
    {"engage_date": " 2017-12-01 ", "account": "  ", "opportunity_id": "A1", "close_date": " ", "close_value": ""},
    {"engage_date": "2017-12-01", "sales_agent": " Ada Berg ", "product": "GTXPro", "account": "a stranger"},
    {"engage_date": "2017-12-31"},
    {},
    {"engage_date": ""},
    {"engage_date": "", "deal_stage": "Prospecting", "opportunity_id": "A2"},
    {"engage_date": "2018-01-01"},
    {"engage_date": "1969-12-31"},
    {"engage_date": "1066-10-14"},
    {"engage_date": "2017-02-30"},
    {"engage_date": "20.11.2017"},
    {"engage_date": "2" * 501},
    {"engage_date": "2017-12-01", "deal_stage": "Won"},
    {"engage_date": "2017-12-01", "deal_stage": " Lost "},
    {"engage_date": "2017-12-01", "deal_stage": "Sleeping"},
    {"engage_date": "2017-12-01", "deal_stage": "x" * 501},
    {"engage_date": "2017-12-01", "close_date": "2017-12-02"},
    {"engage_date": "2017-12-01", "close_value": "5"},
    {"engage_date": "2017-12-01", "product": "x" * 501},
    {"engage_date": "2017-12-01", "opportunity_id": "x" * 501},
    {"engage_date": "2017-12-01", "account": "x" * 500},
]
OF_JSON: list[dict[str, Any]] = [
    {"engage_date": "2017-12-01", "close_value": 5},
    {"engage_date": "2017-12-01", "close_value": 5.5},
    {"engage_date": "2017-12-01", "product": 7},
    {"engage_date": 20171201},
    {"engage_date": None, "opportunity_id": 7},
    {"colour": "red", "opportunity_id": "A3"},
]


def as_json(rows: list[dict[str, Any]]) -> bytes:
    return json.dumps({"deals": rows, "as_of": "2017-12-31", "horizon": 60}).encode()


def asking(folder: Path) -> ScoreRequest:
    """For a batch of JSON, of the model in `folder`."""
    return ScoreRequest(
        str(uuid4()),
        "r1",
        "ada",
        str(folder),
        "m",
        "7",
        "run-7",
        JSON,
        JSON,
        date(2017, 12, 31),
        "60",
        sha256=digest(folder) if folder.exists() else "0" * 64,
    )


def values(table: DealTable, row: int) -> dict[str, Any]:
    """One row of a table, by column."""
    every = {
        "opportunity_id": table.identifiers[row].as_py(),
        **{name: one.values()[row] for name, one in table.columns.items()},
    }
    return {name: value for name, value in every.items() if value is not None}
