"""Old predictions leave PostgreSQL: those that are in the lake, and whose outcome is known or will never be imported.

What a version in shadow said of them leaves when it is compared no more. It has no copy in the lake: version and lake give it
again.
"""

from datetime import timedelta
from typing import Any

import psycopg

_DELETE = """
    DELETE FROM predictions WHERE batch = %s AND as_of + horizon_days <= coalesce(
        (SELECT reach FROM judgements WHERE reach IS NOT NULL ORDER BY number DESC LIMIT 1), current_date)
"""

_DELETE_SHADOW = """
    DELETE FROM shadow_predictions AS said USING (
        SELECT model_run_id, served_run_id, max("time") AS newest FROM shadow_predictions GROUP BY 1, 2
    ) AS pair
    WHERE said.model_run_id = pair.model_run_id AND said.served_run_id = pair.served_run_id
    AND greatest(newest, (
        SELECT max(compared_at) FROM shadow_comparisons AS compared
        WHERE compared.shadow_run_id = pair.model_run_id AND compared.served_run_id = pair.served_run_id
    )) < now() - %s
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


def delete_shadow(connection: psycopg.Connection[Any], age: timedelta) -> int:
    """Delete the predictions of versions in shadow, beside a champion that each was last compared with longer than `age` ago.

    All of such a pair go at once, since a comparison counts from its first day. What was found stays in
    `shadow_comparisons`. Returns how many were deleted.
    """
    return connection.execute(_DELETE_SHADOW, [age]).rowcount
