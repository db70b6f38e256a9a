"""Outcomes of deals in PostgreSQL: one row per deal, with the values reported last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import msgspec
import psycopg


class Outcome(msgspec.Struct, frozen=True):
    """A closed deal."""

    opportunity_id: str
    deal_stage: Literal["Won", "Lost"]
    close_date: date
    close_value: float | None = None


@dataclass(frozen=True)
class OutcomeCounts:
    """Counts of the outcomes by result; they add up to the number reported."""

    added: int
    changed: int
    unchanged: int


def record_outcomes(connection: psycopg.Connection[Any], outcomes: Sequence[Outcome], caller: str) -> OutcomeCounts:
    """Store `outcomes`, one per deal, in one transaction. Repeating it changes nothing. Raises psycopg.Error."""
    columns = [[getattr(one, name) for one in outcomes] for name in Outcome.__struct_fields__]
    answer = connection.execute(
        """
        INSERT INTO outcomes AS kept (opportunity_id, deal_stage, close_date, close_value, caller)
        SELECT given.*, %s FROM unnest(%s::text[], %s::text[], %s::date[], %s::float8[]) AS given
        ON CONFLICT (opportunity_id) DO UPDATE
        SET deal_stage = excluded.deal_stage, close_date = excluded.close_date, close_value = excluded.close_value,
            caller = excluded.caller, changed_at = now()
        WHERE (kept.deal_stage, kept.close_date, kept.close_value)
            IS DISTINCT FROM (excluded.deal_stage, excluded.close_date, excluded.close_value)
        RETURNING (xmax = 0) AS added
        """,
        [caller, *columns],
    ).fetchall()
    added = sum(1 for (new,) in answer if new)
    return OutcomeCounts(added, len(answer) - added, len(outcomes) - len(answer))
