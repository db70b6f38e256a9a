"""What people expect of a deal where they disagree with the model, in PostgreSQL. Nothing of it changes a prediction."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal, LiteralString

import psycopg

LONGEST = 1_000  # characters of a reason
MOST = 200  # opinions on a deal that are read
Expects = Literal["higher", "lower"]
_COLUMNS: LiteralString = (
    "opportunity_id, expects, reason, caller, name, as_of, until, probability, model_version, model_run_id"
)


@dataclass(frozen=True)
class Opinion:
    """Somebody expects a `higher` or `lower` chance than the model's `probability` of a win after `as_of` until `until`."""

    opportunity_id: str
    expects: Expects
    reason: str
    caller: str  # the id of who told it
    name: str
    as_of: date
    until: date
    probability: float
    model_version: str
    model_run_id: str


@dataclass(frozen=True)
class Told:
    """An opinion, and when it was told (UTC)."""

    opinion: Opinion
    at: datetime


def add_opinion(connection: psycopg.Connection[Any], opinion: Opinion) -> Told:
    """Store an opinion. Raises psycopg.Error."""
    row = connection.execute(
        f"INSERT INTO opinions ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING told_at",
        astuple(opinion),
    ).fetchone()
    assert row is not None
    return Told(opinion, row[0].astimezone(UTC))


def opinions(connection: psycopg.Connection[Any], opportunity_id: str) -> Sequence[Told]:
    """The opinions on a deal, the latest first, at most MOST. Raises psycopg.Error."""
    rows = connection.execute(
        f"SELECT {_COLUMNS}, told_at FROM opinions WHERE opportunity_id = %s ORDER BY told_at DESC, id DESC LIMIT {MOST}",
        [opportunity_id],
    )
    return [Told(Opinion(*row[:-1]), row[-1].astimezone(UTC)) for row in rows]
