"""One look at the served model: its window of the journal, the deals that closed and began, and its matured predictions."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from closecast.monitoring import drift, estimate, performance, rows
from closecast.monitoring.drift import Look
from closecast.monitoring.profile import Profile
from closecast.monitoring.reference import AS_OF, SAMPLE, Reference
from closecast.monitoring.sketch import Chunk
from closecast.monitoring.verdict import Finding, conclude
from closecast.platform.journal.store import Connection
from closecast.platform.monitoring import journal, judging

OPEN_DAYS = 7  # of the window of scored rows
RECENT_DAYS = (28, 91)  # of the windows of closed and of new deals


@dataclass(frozen=True)
class Seen:
    """What a look found.

    `sample` are rows of the window for reports, as Reference.sample; `matured` has MATURED_COLUMNS, those that count.
    """

    finding: Finding
    figures: dict[str, Any]  # plain data for JSON
    sample: pd.DataFrame
    matured: pd.DataFrame


def look(
    connection: Connection,
    reference: Reference | None,
    model_run_id: str,
    known_until: date,
    day: date,
    deals: pd.DataFrame | None,
) -> Seen:
    """Look at the model of `model_run_id`, whose reference ends on `known_until`, as of `day`.

    `deals` are the accepted deals of the latest export, None without one. Without a reference nothing is compared, and
    outcomes are tested with the largest tolerance. Raises psycopg.Error.
    """
    kept = _Kept()
    looks: dict[str, Look] = {}
    if reference is not None:
        window = journal.scored(connection, journal.Window.until(model_run_id, day, OPEN_DAYS))
        looks["open"] = drift.look(reference.scored, kept.passing(window), rows.SCORED)
        if deals is not None:
            looks |= _recent("closed", reference.closed, rows.closed(deals), known_until, day)
            looks |= _recent("new", reference.engaged, rows.engaged(deals), known_until, day)
    matured = judging.matured(connection, model_run_id)
    tolerance = performance.MOST_TOLERANCE if reference is None else reference.tolerance
    proved_on = performance.first_proof(matured, tolerance)
    expected = estimate.expected(journal.waiting(connection, model_run_id))
    months = performance.by_month(matured)
    figures = {
        "looks": {kind: _described(one) for kind, one in looks.items()},
        "expected": asdict(expected),
        "matured": len(matured),
        "tolerance": tolerance,
        "proved_on": proved_on,
        "months": [{"month": str(month), **values} for month, values in months.to_dict("index").items()],
    }
    return Seen(conclude(looks, proved_on, len(matured)), plain(figures), kept.rows(), matured)


def plain(value: Any) -> Any:
    """`value` as JSON can have it: dates as text, and None for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _recent(kind: str, profile: Profile, every: Chunk, known_until: date, day: date) -> Iterable[tuple[str, Look]]:
    """Looks at the rows of the last days, without those that the reference was made of."""
    for days in RECENT_DAYS:
        first = max(day - timedelta(days=days - 1), known_until + timedelta(days=1))
        window = every.between(np.datetime64(first, "D"), np.datetime64(day + timedelta(days=1), "D"))
        yield (
            f"{kind} ({days} days)",
            drift.look(profile, [window], profile.layout.names, len(RECENT_DAYS) * drift.LOOKS_A_YEAR),
        )


def _described(one: Look) -> dict[str, Any]:
    return {
        "state": str(one.state),
        "detail": one.detail,
        "rows": one.rows,
        "deals": one.deals,
        "past_longest_cycle": one.past_longest_cycle,
        "columns": [
            {
                "name": column.name,
                "state": str(column.state),
                "distance": column.distance,
                "threshold": column.threshold,
                "mean": column.mean,
                "reference_mean": column.reference_mean,
                "missing": column.missing,
            }
            for column in one.columns
        ],
    }


class _Kept:
    """A random sample of the rows that pass, each with the same chance."""

    def __init__(self) -> None:
        self._random = np.random.default_rng(0)
        self._keys = np.empty(0)
        self._numbers = np.empty((0, len(rows.SCORED)))
        self._as_of = np.empty(0, dtype="M8[D]")

    def passing(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        for chunk in chunks:
            keys = np.concatenate([self._keys, self._random.random(len(chunk))])
            lowest = np.argsort(keys, kind="stable")[:SAMPLE]
            self._numbers = np.concatenate([self._numbers, chunk.numbers])[lowest]
            self._as_of = np.concatenate([self._as_of, chunk.as_of])[lowest]
            self._keys = keys[lowest]
            yield chunk

    def rows(self) -> pd.DataFrame:
        made = pd.DataFrame(self._numbers, columns=list(rows.SCORED))
        return made.assign(**{AS_OF: self._as_of.astype("M8[ns]")})
