"""Old predictions leave PostgreSQL: those that are in the lake, and whose outcome is known or will never be imported."""

from datetime import timedelta
from typing import Any

import psycopg

_DELETE = """
    DELETE FROM predictions WHERE batch = %s AND as_of + horizon_days <= coalesce(
        (SELECT reach FROM judgements WHERE reach IS NOT NULL ORDER BY number DESC LIMIT 1), current_date)
"""


def delete_archived(connection: psycopg.Connection[Any], age: timedelta) -> int:
    """Delete the predictions of batches that were archived longer than `age` ago; returns how many.

    One that has not matured by the last imported export stays, since it is still to be judged; where no export was ever
    imported, by today. Each batch is one transaction.
    """
    found = connection.execute(
        "SELECT number FROM archive_batches WHERE emptied_at IS NULL AND archived_at < now() - %s ORDER BY number",
        [age],
    ).fetchall()
    deleted = 0
    for (batch,) in found:
        with connection.transaction():
            deleted += connection.execute(_DELETE, [batch]).rowcount
            connection.execute(
                "UPDATE archive_batches SET emptied_at = now() WHERE number = %s "
                "AND NOT EXISTS (SELECT FROM predictions WHERE batch = %s)",
                [batch, batch],
            )
    return deleted
