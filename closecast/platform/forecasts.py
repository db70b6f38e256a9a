"""Forecasts as they were made, in PostgreSQL, so that they can be compared with what happened."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, LiteralString

import psycopg

from closecast.forecast.ledger import Ledger
from closecast.forecast.past import Forecast

_MOST = 20_000  # of one source: those of more than 70 years
_SAME = 0.01  # by which the revenue known then may differ before a forecast counts as one of other data
_COLUMNS: LiteralString = "as_of, until, open_cents, new_cents, variance, model_run_id"
_AFTERWARDS = ""  # the run of forecasts that no served model made


def load(connection: psycopg.Connection[Any], source: str) -> Sequence[Forecast]:
    """The forecasts of a source in the order of time. Raises psycopg.Error."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM forecasts WHERE source = %s ORDER BY as_of DESC, until DESC LIMIT {_MOST}", [source]
    ).fetchall()
    return [
        Forecast(as_of, by, open_cents, new_cents, variance, run_id or None)
        for as_of, by, open_cents, new_cents, variance, run_id in reversed(rows)
    ]


def store(connection: psycopg.Connection[Any], source: str, made: Iterable[Forecast], ledger: Ledger) -> None:
    """Store forecasts made from the deals of `ledger`, in place of earlier ones of the same dates and model.

    Raises psycopg.Error.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            f"""
            INSERT INTO forecasts ({_COLUMNS}, source, known_cents) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
            ON CONFLICT (source, as_of, until, model_run_id) DO UPDATE SET open_cents = excluded.open_cents,
                new_cents = excluded.new_cents, variance = excluded.variance, known_cents = excluded.known_cents,
                made_at = now()
            """,
            [
                (
                    one.as_of,
                    one.by,
                    one.open_cents,
                    one.new_cents,
                    one.variance,
                    one.run_id or _AFTERWARDS,
                    source,
                    _known(ledger, one.as_of),
                )
                for one in made
            ],
        )


def made_afterwards(connection: psycopg.Connection[Any], source: str, ledger: Ledger) -> set[date]:
    """The dates of which forecasts were made afterwards, from about the deals of `ledger`.

    All forecasts of a source that were made from other deals are deleted. Raises psycopg.Error.
    """
    rows = connection.execute("SELECT DISTINCT as_of, known_cents FROM forecasts WHERE source = %s", [source])
    others = [(as_of, known) for as_of, known in rows.fetchall() if not _agree(known, _known(ledger, as_of))]
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "DELETE FROM forecasts WHERE source = %s AND as_of = %s AND known_cents = %s",
            [(source, *one) for one in others],
        )
    kept = connection.execute(
        "SELECT DISTINCT as_of FROM forecasts WHERE source = %s AND model_run_id = %s", [source, _AFTERWARDS]
    )
    return {row[0] for row in kept.fetchall()}


def _known(ledger: Ledger, as_of: date) -> int:
    return ledger.revenue(date.min, as_of)


def _agree(one: int, other: int) -> bool:
    return abs(one - other) <= _SAME * max(one, other)
