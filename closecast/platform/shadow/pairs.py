"""The pairs of probabilities that a champion and a model in shadow gave, joined with what is known of the deals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import psycopg

from closecast.monitoring.comparison import PAIR_COLUMNS
from closecast.monitoring.matured import PredictionCounts, mature
from closecast.monitoring.outcomes import Known

Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Pairs:
    """Pairs with an outcome (PAIR_COLUMNS and `won`), pairs that wait for one (PAIR_COLUMNS), and the counts of all."""

    judged: pd.DataFrame
    waiting: pd.DataFrame
    counts: PredictionCounts


def read(connection: Connection, shadow_run: str, served_run: str, known: Known) -> Pairs:
    """The pairs of two models. Of a question that was asked several times, the first answer.

    What was evidence for a change between the two is none for the next one.
    """
    rows = connection.execute(
        """
        SELECT opportunity_id, as_of, horizon_days, model_version, probability, served FROM (
            SELECT DISTINCT ON (opportunity_id, as_of, horizon_days)
                opportunity_id, as_of, horizon_days, model_version, probability, served, "time", id, "row"
            FROM shadow_predictions WHERE model_run_id = %s AND served_run_id = %s
            ORDER BY opportunity_id, as_of, horizon_days, "time", id, "row"
        ) AS first
        WHERE "time" > coalesce((SELECT max(evidence_until) FROM champion_changes WHERE state = 'done'
            AND (run_id, before_run_id) IN ((%s, %s), (%s, %s))), '-infinity')
        ORDER BY "time", id, "row"
        """,
        [shadow_run, served_run, shadow_run, served_run, served_run, shadow_run],
    ).fetchall()
    made = pd.DataFrame(
        rows, columns=["deal", "as_of", "horizon_days", "model_version", "probability", "served"]
    ).assign(run_id=f"{shadow_run} beside {served_run}")
    made["as_of"] = pd.to_datetime(made["as_of"])
    made = made.astype({"horizon_days": np.int64, "probability": np.float64, "served": np.float64})
    # All deals that are open when the shadow begins would else count on one day, whose evidence is then all luck.
    found = mature(made, known, spread_first=True)
    names = list(PAIR_COLUMNS)
    both = [
        table.assign(served=made["served"].loc[table.index], shadow=table["probability"])
        for table in (found.table, found.waiting)
    ]
    return Pairs(both[0][[*names, "won"]], both[1][names], found.counts)
