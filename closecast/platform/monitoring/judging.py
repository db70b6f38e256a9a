"""Judge the journal's predictions in PostgreSQL: each night those that matured, and those whose deal turned out otherwise.

The rules are closecast.monitoring's. Here is only which deals need them: those with a prediction that has matured since, or
was stored since, and those of which something new is known. Of these deals all predictions are judged again, so the result
is the same however often it is done. All of it is one transaction: a killed process leaves nothing.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import psycopg
from psycopg.types.json import Json

from closecast.monitoring.matured import MATURED_COLUMNS, PREDICTION_COLUMNS, mature
from closecast.monitoring.outcomes import REPORT_COLUMNS, Known, ReportCounts, known

Connection = psycopg.Connection[Any]
_Row = tuple[Any, ...]  # as _PREDICTIONS has it
_LOCK = 0x6A756467  # any number that no other user of this database locks
_NOTHING = ReportCounts(0, 0, 0, 0, 0, 0)
AT_ONCE = 50_000  # predictions in memory at a time, and the rest of the last deal's
# Those that have left PostgreSQL (closecast.platform.journal.retention) are still known from when they were judged.
_PREDICTIONS = """
    SELECT opportunity_id, as_of, horizon_days, model_version, model_run_id, probability, id, "row" FROM (
        SELECT opportunity_id, as_of, horizon_days, model_version, model_run_id, probability, id, "row", "time"
        FROM predictions WHERE opportunity_id = ANY(%(deals)s)
        UNION ALL
        SELECT opportunity_id, as_of, horizon_days, model_version, model_run_id, probability, id, "row", NULL
        FROM matured_predictions AS kept WHERE opportunity_id = ANY(%(deals)s)
        AND NOT EXISTS (SELECT FROM predictions AS there WHERE (there.id, there."row") = (kept.id, kept."row"))
    ) AS known ORDER BY opportunity_id, "time" NULLS FIRST, id, "row"
"""
_STORE = """
    INSERT INTO matured_predictions AS kept (opportunity_id, as_of, horizon_days, model_version, model_run_id, probability, id,
        "row", won, matured_on, counts)
    SELECT * FROM unnest(%s::text[], %s::date[], %s::int4[], %s::text[], %s::text[], %s::float8[], %s::uuid[], %s::int4[],
        %s::bool[], %s::date[], %s::bool[])
    ON CONFLICT (id, "row") DO UPDATE SET won = excluded.won, counts = excluded.counts
    WHERE (kept.won, kept.counts) IS DISTINCT FROM (excluded.won, excluded.counts)
    RETURNING (xmax = 0)
"""


@dataclass(frozen=True)
class Judgement:
    """What one night did: reports by kind, and predictions newly judged, corrected, and no longer judged."""

    reports: ReportCounts
    judged: int
    corrected: int
    withdrawn: int


def judge(connection: Connection, exported: pd.DataFrame) -> Judgement:
    """Take in `exported` and the outcomes posted since, and judge predictions, in one transaction.

    `exported` has REPORT_COLUMNS, with identifiers as the journal records them: every deal of an export, told on the day
    up to which the export reaches; empty without an export. Doing it again changes nothing. Raises psycopg.Error and
    ValueError; then nothing of it is stored.
    """
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        reach, batch = _last(connection)
        before = _known_deals(connection, reach)
        posted, posted_at = _posted(connection)
        now = known(pd.concat([one for one in (exported, posted) if len(one)] or [posted], ignore_index=True), before)
        changed = _changed(before.deals, now.deals)
        _store_deals(connection, now.deals.loc[changed], posted_at)
        done = Judgement(now.counts, 0, 0, 0)
        deals = _due(connection, changed, reach, now.reach.item(), batch)
        for rows in _by_deal(connection, deals):
            part = _judge_rows(connection, rows, now)
            done = Judgement(now.counts, done.judged + part[0], done.corrected + part[1], done.withdrawn + part[2])
        connection.execute(
            "INSERT INTO judgements (reach, batch, counts) "
            "SELECT %s, coalesce((SELECT max(number) FROM archive_batches), 0), %s",
            [now.reach.item(), Json(asdict(done))],
        )
    return done


def matured(connection: Connection, model_run_id: str) -> pd.DataFrame:
    """The judged predictions of one model that count, with MATURED_COLUMNS, as closecast.monitoring.performance takes them."""
    cursor = connection.execute(
        "SELECT opportunity_id, as_of, horizon_days, model_version, model_run_id, probability, won, matured_on, counts "
        'FROM matured_predictions WHERE model_run_id = %s AND counts ORDER BY matured_on, opportunity_id, id, "row"',
        [model_run_id],
    )
    found = pd.DataFrame(cursor.fetchall(), columns=list(MATURED_COLUMNS))
    return found.assign(
        as_of=pd.to_datetime(found["as_of"]),
        matured_on=pd.to_datetime(found["matured_on"]),
        won=found["won"].astype(np.int8),
        counts=found["counts"].astype(np.bool_),
    )


def known_now(connection: Connection) -> Known:
    """What is known of deals since the last judgement; its `reach` is NaT before the first one."""
    return _known_deals(connection, _last(connection)[0])


def _last(connection: Connection) -> tuple[Any, int]:
    found = connection.execute("SELECT reach, batch FROM judgements ORDER BY number DESC LIMIT 1").fetchone()
    return (None, 0) if found is None else (found[0], found[1])


def _known_deals(connection: Connection, reach: Any) -> Known:
    rows = connection.execute("SELECT opportunity_id, stage, close_date, told_on FROM known_deals").fetchall()
    deals = pd.DataFrame(rows, columns=["deal", "stage", "close_date", "told_on"]).set_index("deal")
    for name in ("close_date", "told_on"):
        deals[name] = pd.to_datetime(deals[name])
    return Known(deals, np.datetime64("NaT" if reach is None else reach, "D"), _NOTHING)


def _posted(connection: Connection) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The outcomes that were posted or changed since they were last taken, as reports, and when each was changed."""
    # By value, not by time: a transaction that began early may commit late.
    rows = connection.execute(
        "SELECT opportunity_id, deal_stage, outcomes.close_date, (changed_at AT TIME ZONE 'UTC')::date, changed_at "
        "FROM outcomes LEFT JOIN known_deals USING (opportunity_id) WHERE posted_at IS DISTINCT FROM changed_at ORDER BY changed_at"
    ).fetchall()
    reports = pd.DataFrame([(*row[:4], None) for row in rows], columns=list(REPORT_COLUMNS))
    for name in ("close_date", "told_on", "reach"):
        reports[name] = pd.to_datetime(reports[name])
    return reports, {row[0]: row[4] for row in rows}


def _changed(before: pd.DataFrame, now: pd.DataFrame) -> pd.Index:
    """The deals of which something else is known than before."""
    old = before.reindex(now.index)
    same = (old["stage"] == now["stage"]) & (
        (old["close_date"] == now["close_date"]) | (old["close_date"].isna() & now["close_date"].isna())
    )
    return now.index[~same]


def _store_deals(connection: Connection, deals: pd.DataFrame, posted_at: dict[str, Any]) -> None:
    columns = [
        deals.index.tolist(),
        deals["stage"].tolist(),
        [None if pd.isna(day) else day.date() for day in deals["close_date"]],
        [day.date() for day in deals["told_on"]],
    ]
    connection.execute(
        "INSERT INTO known_deals (opportunity_id, stage, close_date, told_on) "
        "SELECT * FROM unnest(%s::text[], %s::text[], %s::date[], %s::date[]) ON CONFLICT (opportunity_id) DO UPDATE "
        "SET stage = excluded.stage, close_date = excluded.close_date, told_on = excluded.told_on",
        columns,
    )
    connection.execute(
        "UPDATE known_deals SET posted_at = given.at FROM unnest(%s::text[], %s::timestamptz[]) AS given (deal, at) "
        "WHERE opportunity_id = given.deal",
        [list(posted_at), list(posted_at.values())],
    )


def _due(connection: Connection, changed: pd.Index, before: Any, reach: Any, batch: int) -> list[str]:
    """The deals whose predictions are to be judged: changed, matured since, or with predictions that were stored since."""
    rows = connection.execute(
        """
        SELECT opportunity_id FROM predictions WHERE opportunity_id = ANY(%(changed)s)
        UNION
        SELECT opportunity_id FROM matured_predictions WHERE opportunity_id = ANY(%(changed)s)
        UNION
        SELECT opportunity_id FROM predictions
        WHERE as_of + horizon_days > coalesce(%(before)s::date, '-infinity') AND as_of + horizon_days <= %(reach)s::date
        UNION
        SELECT opportunity_id FROM predictions WHERE batch >= %(batch)s AND as_of + horizon_days <= %(reach)s::date
        """,
        {"changed": changed.tolist(), "before": before, "reach": reach, "batch": batch},
    ).fetchall()
    return [deal for (deal,) in rows if deal is not None]


def _by_deal(connection: Connection, deals: list[str]) -> Iterator[list[_Row]]:
    """All predictions of `deals` in parts, those of one deal together. The tables are read once: they have no index by deal."""
    with connection.cursor(name="due") as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(_PREDICTIONS, {"deals": deals})
        part: list[_Row] = []
        for row in cursor:
            if len(part) >= AT_ONCE and row[0] != part[-1][0]:
                yield part
                part = []
            part.append(row)
        if part:
            yield part


def _judge_rows(connection: Connection, rows: list[_Row], now: Known) -> tuple[int, int, int]:
    """Judge all predictions of some deals; returns how many were newly judged, corrected and withdrawn."""
    made = pd.DataFrame([row[:6] for row in rows], columns=list(PREDICTION_COLUMNS))
    made["as_of"] = pd.to_datetime(made["as_of"])
    table = mature(made, now).table
    withdrawn = connection.execute(
        "DELETE FROM matured_predictions AS kept WHERE opportunity_id = ANY(%s) AND NOT EXISTS "
        '(SELECT FROM unnest(%s::uuid[], %s::int4[]) AS given (id, "row") WHERE (given.id, given."row") = (kept.id, kept."row"))',
        [
            list(dict.fromkeys(row[0] for row in rows)),
            [rows[at][6] for at in table.index],
            [rows[at][7] for at in table.index],
        ],
    ).rowcount
    values = zip(*(rows[at] for at in table.index), strict=True) if len(table) else [()] * 8
    answer = connection.execute(
        _STORE,
        [
            *(list(one) for one in values),
            table["won"].astype(bool).tolist(),
            [day.date() for day in table["matured_on"]],
            table["counts"].tolist(),
        ],
    ).fetchall()
    judged = sum(1 for (new,) in answer if new)
    return judged, len(answer) - judged, withdrawn
