"""The last run of each flow, in PostgreSQL, for who has no key to Prefect."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, LiteralString

import psycopg

State = Literal["completed", "failed", "crashed"]
_COLUMNS: LiteralString = "flow, name, state, message, started_at, ended_at, page"


@dataclass(frozen=True)
class FlowRun:
    """A run that has ended. Times are UTC; `message` is Prefect's, and `page` the run's in Prefect."""

    flow: str
    name: str
    state: State
    message: str
    started_at: datetime | None
    ended_at: datetime
    page: str


def note(connection: psycopg.Connection[Any], runs: Iterable[FlowRun]) -> None:
    """Keep each run as the last one of its flow. Raises psycopg.Error."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"""
            INSERT INTO flow_runs ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (flow) DO UPDATE SET name = excluded.name, state = excluded.state, message = excluded.message,
                started_at = excluded.started_at, ended_at = excluded.ended_at, page = excluded.page
            """,
            [astuple(run) for run in runs],
        )


def last_runs(connection: psycopg.Connection[Any]) -> list[FlowRun]:
    """The last run of each flow, the latest first. Raises psycopg.Error."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM flow_runs ORDER BY ended_at DESC").fetchall()
    return [
        FlowRun(flow, name, state, message, started and started.astimezone(UTC), ended.astimezone(UTC), page)
        for flow, name, state, message, started, ended, page in rows
    ]
