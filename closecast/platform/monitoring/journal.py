"""Windows of the journal's predictions, read from PostgreSQL in chunks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from closecast.features import NAMES
from closecast.monitoring import rows
from closecast.monitoring.sketch import Chunk, ProfileError
from closecast.platform.journal.store import Connection

_CHUNK = 50_000
_WIDTH = 8 * len(NAMES)  # bytes of one line of features, float64


@dataclass(frozen=True)
class Window:
    """The predictions of one model as of the days from `first` to `last`."""

    model_run_id: str
    first: date
    last: date

    @classmethod
    def until(cls, model_run_id: str, last: date, days: int) -> "Window":
        """The `days` days up to `last`."""
        return cls(model_run_id, last - timedelta(days=days - 1), last)


def last_day(connection: Connection, model_run_id: str, not_after: date) -> date | None:
    """The latest as-of date of the model's predictions that is not after `not_after`; None without any."""
    found = connection.execute(
        "SELECT max(as_of) FROM predictions WHERE model_run_id = %s AND as_of <= %s", [model_run_id, not_after]
    ).fetchone()
    return None if found is None else found[0]


def scored(connection: Connection, window: Window) -> Iterator[Chunk]:
    """The window's rows with SCORED, in chunks: of each deal, as-of date and horizon the latest answer.

    A deal without an identifier is one of its own. Raises ProfileError for features of another version of Closecast.
    """
    with connection.transaction(), connection.cursor(name="window") as cursor:
        cursor.itersize = _CHUNK
        cursor.execute(
            """
            SELECT DISTINCT ON (deal, as_of, horizon_days) coalesce(opportunity_id, id::text || "row"::text) AS deal,
                as_of, horizon_days, probability, substring(features FOR %(width)s),
                length(features) = %(width)s * cardinality(days) AS is_current
            FROM predictions
            WHERE model_run_id = %(model_run_id)s AND as_of BETWEEN %(first)s AND %(last)s
            ORDER BY deal, as_of, horizon_days, "time" DESC
            """,
            {"width": _WIDTH, "model_run_id": window.model_run_id, "first": window.first, "last": window.last},
        )
        while found := cursor.fetchmany(_CHUNK):
            deals, days, horizons, chances, features, is_current = zip(*found, strict=True)
            if not all(is_current):
                raise ProfileError(f"the journal's features are not the {len(NAMES)} of this version: train anew")
            matrix = np.frombuffer(b"".join(features), dtype="<f8").reshape(len(found), len(NAMES))
            yield rows.scored(
                matrix,
                np.array(chances, dtype=np.float64),
                np.array(days, dtype="M8[D]"),
                np.array(horizons, dtype=np.int64),
                rows.keys(np.array(deals, dtype=object)),
            )


def waiting(connection: Connection, model_run_id: str) -> pd.DataFrame:
    """The model's latest predictions that have not been judged: one of each deal, with deal and probability."""
    found = connection.execute(
        """
        SELECT DISTINCT ON (opportunity_id) opportunity_id, probability FROM predictions
        WHERE model_run_id = %s AND opportunity_id IS NOT NULL
        AND as_of + horizon_days > coalesce((SELECT reach FROM judgements ORDER BY number DESC LIMIT 1), '-infinity')
        ORDER BY opportunity_id, "time" DESC
        """,
        [model_run_id],
    ).fetchall()
    return pd.DataFrame(found, columns=["deal", "probability"])
