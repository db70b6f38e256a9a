"""Verdicts in PostgreSQL: one of each model and day."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Json

from closecast.platform.journal.store import Connection

if TYPE_CHECKING:  # it imports what only monitoring needs; the API reads verdicts
    from closecast.monitoring.verdict import Finding

KEPT_DAYS = 730
_COLUMNS = "number, day, model_version, model_run_id, verdict, reasons, figures, said_at, reports_run_id, flow_run_id"


@dataclass(frozen=True)
class Stored:
    """A verdict as it was stored."""

    number: int
    day: date
    model_version: str
    model_run_id: str
    verdict: str
    reasons: list[str]
    figures: dict[str, Any]
    said_at: datetime
    reports_run_id: str | None
    flow_run_id: str | None


def store(
    connection: Connection,
    day: date,
    model_version: str,
    model_run_id: str,
    finding: "Finding",
    figures: dict[str, Any],
    reports_run_id: str | None,
    flow_run_id: str | None,
    at: datetime,
) -> int:
    """Store the finding of the time `at`, replacing that of an earlier look at the same day, and return its number."""
    number = connection.execute(
        """
        INSERT INTO verdicts (day, model_version, model_run_id, verdict, reasons, figures, reports_run_id, flow_run_id,
            said_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (model_run_id, day) DO UPDATE SET model_version = excluded.model_version, verdict = excluded.verdict,
            reasons = excluded.reasons, figures = excluded.figures, said_at = excluded.said_at,
            reports_run_id = excluded.reports_run_id, flow_run_id = excluded.flow_run_id
        RETURNING number
        """,
        [
            day,
            model_version,
            model_run_id,
            finding.verdict,
            list(finding.reasons),
            Json(figures),
            reports_run_id,
            flow_run_id,
            at,
        ],
    ).fetchone()
    assert number is not None
    return int(number[0])


def latest(connection: Connection, count: int = 1) -> list[Stored]:
    """The last `count` verdicts, the latest day first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM verdicts ORDER BY day DESC, number DESC LIMIT %s", [count]
    ).fetchall()
    return [Stored(*row) for row in found]


def reports_of(connection: Connection, model_run_id: str, day: date) -> str | None:
    """The MLflow run with the reports of the model's verdict on `day`; None without."""
    found = connection.execute(
        "SELECT reports_run_id FROM verdicts WHERE model_run_id = %s AND day = %s", [model_run_id, day]
    ).fetchone()
    return None if found is None else found[0]


def delete_older(connection: Connection, before: datetime) -> int:
    """Delete the verdicts said before `before` whose reports are deleted; returns how many."""
    return connection.execute("DELETE FROM verdicts WHERE said_at < %s AND reports_run_id IS NULL", [before]).rowcount


def with_older_reports(connection: Connection, before: datetime) -> list[tuple[int, str]]:
    """The number and the MLflow run of verdicts said before `before` that still have reports."""
    return connection.execute(
        "SELECT number, reports_run_id FROM verdicts WHERE said_at < %s AND reports_run_id IS NOT NULL ORDER BY number",
        [before],
    ).fetchall()


def drop_reports(connection: Connection, number: int) -> None:
    """Record that the reports of verdict `number` were deleted."""
    connection.execute("UPDATE verdicts SET reports_run_id = NULL WHERE number = %s", [number])
