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
    DELETE FROM shadow_predictions USING (
        SELECT model_run_id, served_run_id FROM shadow_predictions
        LEFT JOIN shadow_comparisons ON shadow_run_id = model_run_id
            AND shadow_comparisons.served_run_id = shadow_predictions.served_run_id
        GROUP BY model_run_id, shadow_predictions.served_run_id
        HAVING greatest(max("time"), max(compared_at)) < now() - %s
    ) AS old
    WHERE shadow_predictions.model_run_id = old.model_run_id AND shadow_predictions.served_run_id = old.served_run_id
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
