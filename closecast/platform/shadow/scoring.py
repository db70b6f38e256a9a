"""Score recorded predictions with a second model, each exactly once, from the features that the served model was given.

The journal keeps the features of each prediction. A model that was trained on the same source is given the same ones when it
serves: both take the newest deals of that source as their history. So its booster and calibration suffice. A model of another
source, another fiscal year or other features is not scored, and neither is a prediction about a day that either model has learnt
the outcomes of.

Archive batches are worked through in their order once they are closed, since a closed one never changes. Results and position are
written in one transaction: a killed process leaves nothing half done, and the next one goes on where it was.
"""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import psycopg

from closecast import features
from closecast.models.scorer import Scorer
from closecast.platform.mlflow.registry import SOURCE_TAG, Identity

Connection = psycopg.Connection[Any]
CHUNK = 2_000  # predictions in one transaction
_FLOAT = 8  # bytes


class ShadowError(RuntimeError):
    """The shadow model gives no usable probabilities."""


class OvertakenError(RuntimeError):
    """Another process has moved the position meanwhile: begin again from it."""


@dataclass(frozen=True)
class Basis:
    """What a model learnt from, by the tags of its run: two models of one basis are given the same features."""

    source: str
    fiscal_year_start: str
    features: str
    data_as_of: date

    @classmethod
    def of(cls, tags: dict[str, str]) -> "Basis | None":
        """The basis in the tags of a version or run; None where they don't say, as those of earlier versions."""
        try:
            return cls(
                tags[SOURCE_TAG],
                tags["fiscal_year_start"],
                tags["features"],
                date.fromisoformat(tags["data_as_of"]),
            )
        except (KeyError, ValueError):
            return None

    def is_same(self, other: "Basis") -> bool:
        """Whether a model of the other basis is given the same features."""
        return (self.source, self.fiscal_year_start, self.features) == (
            other.source,
            other.fiscal_year_start,
            other.features,
        )


@dataclass(frozen=True)
class ShadowModel:
    """A model in shadow: what it is, what scores, and what it learnt from."""

    identity: Identity
    scorer: Scorer
    basis: Basis


@dataclass(frozen=True)
class Scored:
    """What was done with some predictions: how many got a shadow prediction, and how many none because of the basis."""

    scored: int
    skipped: int


def begin(connection: Connection, model: Identity) -> None:
    """Make the position of a model that is new in shadow: it begins with the batch that is open now."""
    connection.execute(
        "INSERT INTO shadow_positions (model_run_id, model_version, done) "
        "SELECT %s, %s, coalesce(max(number), 0) FROM archive_batches WHERE closed_at IS NOT NULL ON CONFLICT DO NOTHING",
        [model.run_id, model.version],
    )


def behind(connection: Connection, run_id: str) -> int:
    """How many closed batches the model of `run_id` has not finished."""
    found = connection.execute(
        "SELECT count(*) FROM archive_batches, shadow_positions "
        "WHERE closed_at IS NOT NULL AND number > done AND model_run_id = %s",
        [run_id],
    ).fetchone()
    assert found is not None
    return int(found[0])


def score_batch(
    connection: Connection, model: ShadowModel, basis_of: Callable[[str], Basis | None], rate: float
) -> Iterator[Scored] | None:
    """Score the next closed batch, in chunks that are committed one by one; None when there is no such batch.

    `basis_of` gives the basis of the model with a run; `rate`, 0 to 1, is the share of deals. Raises psycopg.Error,
    ShadowError and OvertakenError; then the chunk is not stored.
    """
    position = _position(connection, model)
    found = connection.execute(
        "SELECT number FROM archive_batches WHERE closed_at IS NOT NULL AND number > %s ORDER BY number LIMIT 1",
        [position[0]],
    ).fetchone()
    return None if found is None else _chunks(connection, model, basis_of, rate, position, int(found[0]))


_Position = tuple[int, uuid.UUID | None, int | None]


def _position(connection: Connection, model: ShadowModel) -> _Position:
    found = connection.execute(
        "SELECT done, last_id, last_row FROM shadow_positions WHERE model_run_id = %s", [model.identity.run_id]
    ).fetchone()
    if found is None:
        raise OvertakenError(f"{model.identity} has no position")
    return found[0], found[1], found[2]


def _chunks(
    connection: Connection,
    model: ShadowModel,
    basis_of: Callable[[str], Basis | None],
    rate: float,
    position: _Position,
    batch: int,
) -> Iterator[Scored]:
    _, last_id, last_row = position
    keys = connection.execute(
        """
        SELECT id, "row" FROM predictions
        WHERE batch = %(batch)s AND opportunity_id IS NOT NULL AND model_run_id IS NOT NULL AND model_run_id <> %(run)s
        AND shadow_share(opportunity_id) < %(rate)s
        AND (%(id)s::uuid IS NULL OR (id, "row") > (%(id)s::uuid, %(row)s::int4))
        ORDER BY id, "row"
        """,
        {"batch": batch, "run": model.identity.run_id, "rate": rate, "id": last_id, "row": last_row},
    ).fetchall()
    for first in range(0, len(keys), CHUNK):
        part = keys[first : first + CHUNK]
        with connection.transaction():
            done = _score(connection, model, basis_of, part)
            position = _move(connection, model, position, (position[0], *part[-1]))
        yield done
    _move(connection, model, position, (batch, None, None))


def _score(
    connection: Connection, model: ShadowModel, basis_of: Callable[[str], Basis | None], keys: list[tuple[Any, int]]
) -> Scored:
    rows = connection.execute(
        """
        SELECT id, "row", opportunity_id, "time", as_of, horizon_days, model_run_id, model_version, probability, features
        FROM predictions JOIN unnest(%s::uuid[], %s::int4[]) AS given (id, "row") USING (id, "row") ORDER BY id, "row"
        """,
        [[one for one, _ in keys], [row for _, row in keys]],
    ).fetchall()
    chosen = [one for one in rows if _is_comparable(model, basis_of(one[6]), one[4], one[9])]
    if chosen:
        width = len(features.NAMES)
        # The first line of features is the one of the horizon that was asked about.
        lines = [np.frombuffer(one[9], dtype="<f8", count=width) for one in chosen]
        answers = model.scorer.predict(np.stack(lines))
        if not (np.isfinite(answers).all() and (answers >= 0).all() and (answers <= 1).all()):
            raise ShadowError(f"{model.identity} gave a probability that is none")
        columns = [list(one) for one in zip(*(one[:9] for one in chosen), strict=True)]
        connection.execute(
            """
            INSERT INTO shadow_predictions (model_run_id, model_version, id, "row", opportunity_id, "time", as_of, horizon_days,
                served_run_id, served_version, served, probability)
            SELECT %s, %s, * FROM unnest(%s::uuid[], %s::int4[], %s::text[], %s::timestamptz[], %s::date[], %s::int4[], %s::text[],
                %s::text[], %s::float8[], %s::float8[])
            ON CONFLICT DO NOTHING
            """,
            [model.identity.run_id, model.identity.version, *columns, answers.tolist()],
        )
    return Scored(len(chosen), len(rows) - len(chosen))


def _is_comparable(model: ShadowModel, served: Basis | None, as_of: date, recorded: bytes) -> bool:
    return (
        served is not None
        and served.is_same(model.basis)
        # Neither may have learnt how the deals went on.
        and as_of >= max(served.data_as_of, model.basis.data_as_of)
        and len(recorded) >= _FLOAT * len(features.NAMES)
    )


def _move(connection: Connection, model: ShadowModel, before: _Position, after: _Position) -> _Position:
    moved = connection.execute(
        """
        UPDATE shadow_positions SET done = %s, last_id = %s, last_row = %s
        WHERE model_run_id = %s AND done = %s AND (last_id, last_row) IS NOT DISTINCT FROM (%s::uuid, %s::int4)
        """,
        [*after, model.identity.run_id, *before],
    ).rowcount
    if not moved:
        raise OvertakenError(f"another process scores with {model.identity} too")
    return after
