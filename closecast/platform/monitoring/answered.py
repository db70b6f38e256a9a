"""Which models answered on a day, and how good their answers were, from the journal and what has matured of it."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

import psycopg

from closecast.monitoring.matured import HORIZON_DAYS
from closecast.platform.journal.entry import first_id

Connection = psycopg.Connection[Any]
BINS = 10  # of equal width
_SECONDS = 15  # a day of several million predictions takes longer
_MEMORY = "32MB"
_EPOCH = date(1970, 1, 1).toordinal()
_COLUMNS = 'id, "row", model_version, model_run_id, opportunity_id, as_of, horizon_days'
# Days are UTC's. The bounds are constants to the planner, which then uses the index on time.
_RECORDED = f"""
    SELECT {_COLUMNS}, "time" FROM predictions
    WHERE "time" >= %(day)s::date::timestamp AT TIME ZONE 'UTC' AND "time" < (%(day)s::date + 1)::timestamp AT TIME ZONE 'UTC'
"""
# Predictions that have left PostgreSQL (closecast.platform.journal.retention) are known from when they were judged.
_WITH_THOSE_THAT_LEFT = f"""
    {_RECORDED} UNION ALL SELECT {_COLUMNS}, as_of::timestamp AT TIME ZONE 'UTC' FROM matured_predictions AS judged
    WHERE id >= %(first)s AND id < %(end)s
        AND NOT EXISTS (SELECT FROM predictions AS there WHERE (there.id, there."row") = (judged.id, judged."row"))
"""
_JUDGED = "SELECT count(*) FROM matured_predictions WHERE id >= %(first)s AND id < %(end)s"
# Logarithms are cut at 1e-7 as in closecast.models.metrics, which needs libraries that the API does without.
# By deal first: of its matured predictions the least array is that of the horizon nearest to 30 days, then the earliest. An
# aggregate of that kind needs no sort, which a day of a million predictions would spill to disk.
_ANSWERED = """
    WITH deals AS (
        SELECT made.model_version, made.model_run_id, made.opportunity_id, count(*) AS predictions,
            count(kept.won) AS matured, count(*) FILTER (WHERE waits) AS waiting,
            min(due) FILTER (WHERE waits) AS first, max(due) FILTER (WHERE waits) AS last,
            min(ARRAY[abs(kept.horizon_days - {nearest}), kept.horizon_days, extract(epoch FROM made."time"),
                kept.probability, kept.won::int]::float8[]) FILTER (WHERE kept.won IS NOT NULL) AS nearest
        FROM ({made}) AS made LEFT JOIN matured_predictions AS kept USING (id, "row"),
            LATERAL (SELECT made.as_of + made.horizon_days) AS ends (due),
            LATERAL (SELECT kept.won IS NULL AND made.opportunity_id IS NOT NULL
                AND due > coalesce(%(reach)s::date, '-infinity')) AS judged (waits)
        GROUP BY 1, 2, 3
    )
    SELECT model_version, model_run_id, CASE WHEN p < 1 THEN floor(p * {bins})::int WHEN p = 1 THEN {bins} - 1 END AS bin,
        sum(predictions)::bigint,
        sum(matured)::bigint, sum(waiting)::bigint, min(first), max(last), count(*), count(*) FILTER (WHERE won), sum(p),
        sum(-ln(greatest(CASE WHEN won THEN p ELSE 1 - p END, 1e-7))),
        sum(-p * ln(greatest(p, 1e-7)) - (1 - p) * ln(greatest(1 - p, 1e-7)))
    FROM deals, LATERAL (SELECT nearest[4], nearest[5] = 1) AS of_deal (p, won) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


@dataclass(frozen=True)
class Bin:
    """The deals whose chance was from `low` up to `high`: their number, how many were won, and their mean chance."""

    low: float
    high: float
    deals: int
    won: int
    mean_probability: float


@dataclass(frozen=True)
class Judged:
    """How good matured predictions were, by deal: the prediction with the horizon nearest to 30 days counts for each.

    `expected_log_loss` is the log loss if each chance is right. `calibration_error` is the mean distance of chance and
    share won over `bins`, weighted by deals. Log loss is in nats.
    """

    predictions: int  # that matured, of whatever horizon
    deals: int
    won: int
    log_loss: float
    expected_log_loss: float
    calibration_error: float
    bins: tuple[Bin, ...]  # those with deals


@dataclass(frozen=True)
class Waiting:
    """Predictions that have not matured, and the first and last day on which they do."""

    predictions: int
    first: date
    last: date


@dataclass(frozen=True)
class Answering:
    """One model's answers of a day.

    `not_judged` counts those that never will be: without a deal's identifier, of an unknown or closed deal, or repeated.
    """

    version: str
    run_id: str | None  # None in records of earlier versions of Closecast
    predictions: int
    judged: Judged | None
    waiting: Waiting | None
    not_judged: int


def answered(connection: Connection, day: date) -> list[Answering]:
    """The models that answered on `day` (UTC), the one with most predictions first.

    Of predictions that have left PostgreSQL, those that were judged are counted. Raises psycopg.Error, an
    OperationalError when it takes too long.
    """
    with connection.transaction():
        for name, value in (("statement_timeout", f"{_SECONDS}s"), ("work_mem", _MEMORY)):
            connection.execute("SELECT set_config(%s, %s, true)", [name, value])
        last = connection.execute("SELECT reach FROM judgements ORDER BY number DESC LIMIT 1").fetchone()
        first, end = (first_id(86_400_000 * (day.toordinal() + later - _EPOCH)) for later in (0, 1))
        given = {"day": day, "reach": last and last[0], "first": first, "end": end}
        rows = connection.execute(_query(_RECORDED), given).fetchall()
        (judged,) = connection.execute(_JUDGED, given).fetchone() or (0,)
        if judged > sum(row[4] for row in rows):
            rows = connection.execute(_query(_WITH_THOSE_THAT_LEFT), given).fetchall()
    by_model: dict[tuple[str, str | None], list[_Row]] = defaultdict(list)
    for row in rows:
        by_model[row[0], row[1]].append(_Row(*row[2:]))
    found = [_answering(version, run, parts) for (version, run), parts in by_model.items()]
    return sorted(found, key=lambda one: (-one.predictions, one.version))


def _query(made: str) -> str:
    return _ANSWERED.format(made=made, bins=BINS, nearest=HORIZON_DAYS)


class _Row(NamedTuple):
    """Sums over the deals of one model in one bin; `bin` is None of deals without a matured prediction."""

    bin: int | None
    predictions: int
    matured: int
    waiting: int
    first: date | None
    last: date | None
    deals: int
    won: int
    probability: float
    log_loss: float
    expected_log_loss: float


def _answering(version: str, run: str | None, rows: list[_Row]) -> Answering:
    predictions, matured, waiting = (
        sum(getattr(row, name) for row in rows) for name in ("predictions", "matured", "waiting")
    )
    first, last = [row.first for row in rows if row.first], [row.last for row in rows if row.last]
    return Answering(
        version,
        run,
        predictions,
        _judged(matured, [row for row in rows if row.bin is not None]) if matured else None,
        Waiting(waiting, min(first), max(last)) if waiting else None,
        predictions - matured - waiting,
    )


def _judged(predictions: int, rows: list[_Row]) -> Judged:
    bins = tuple(
        Bin((row.bin or 0) / BINS, ((row.bin or 0) + 1) / BINS, row.deals, row.won, row.probability / row.deals)
        for row in rows
    )
    deals = sum(row.deals for row in rows)
    return Judged(
        predictions,
        deals,
        sum(row.won for row in rows),
        sum(row.log_loss for row in rows) / deals,
        sum(row.expected_log_loss for row in rows) / deals,
        sum(abs(row.won - row.probability) for row in rows) / deals,
        bins,
    )
