"""Recorded predictions are scored in shadow from their features: each once, whoever is killed or comes second."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import psycopg
import pytest

from closecast.models.deal_model import DealModel
from closecast.platform.database import connect
from closecast.platform.journal.entry import Entry
from closecast.platform.journal.store import Connection, insert
from closecast.platform.mlflow.registry import Identity
from closecast.platform.shadow import scoring
from closecast.platform.shadow.scoring import Basis, OvertakenError, Scored, ShadowModel
from closecast.scoring import one
from closecast.scoring.question import Question
from services.api.schemas.predictions import Deal
from tests.journal_entries import WIDTH, batch, keys, single
from tests.shadows import BASIS, TABLES, other_than, recorded

pytestmark = pytest.mark.integration
SERVED = Basis.of(BASIS)
assert SERVED is not None


@pytest.fixture
def owner(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as connection:
        connection.execute(f"TRUNCATE {TABLES}")
        yield connection


@pytest.fixture
def connection(owner: Connection, shadow_url: str) -> Iterator[Connection]:
    """The job's own, with the rights of its role alone."""
    assert owner
    with connect(shadow_url) as connection:
        yield connection


@pytest.fixture
def model(served_model: DealModel) -> ShadowModel:
    assert SERVED is not None
    return ShadowModel(Identity("8", "run-8"), served_model.scorer, SERVED)


def basis_of(run_id: str) -> Basis | None:
    return SERVED if run_id == "run-7" else None


def score(connection: Connection, model: ShadowModel, rate: float = 1.0) -> list[Scored]:
    """All that is due."""
    found = []
    while chunks := scoring.score_batch(connection, model, basis_of, rate):
        found += list(chunks)
    return found


def stored(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        'SELECT id, "row", probability, served, model_version, served_run_id FROM shadow_predictions ORDER BY 1, 2'
    ).fetchall()


def first_line(entry: Entry, at: int = 0) -> np.ndarray[Any, Any]:
    lines = len(entry.days)
    return np.asarray(np.frombuffer(entry.features, "<f8").reshape(-1, WIDTH)[at * lines])


def test_each_closed_prediction_is_scored_from_the_features_of_the_horizon_asked_about(
    owner: Connection, connection: Connection, model: ShadowModel
) -> None:
    # given
    scoring.begin(connection, model.identity)
    entries = [single(1), batch(3, 2), single(3)]
    recorded(owner, entries)
    before = owner.execute('SELECT * FROM predictions ORDER BY id, "row"').fetchall()
    # when
    done = score(connection, model)
    again = score(connection, model)
    # then
    found = stored(owner)
    assert done == [Scored(5, 0)]
    assert again == []
    assert [found_one[:2] for found_one in found] == keys(entries)
    by_id = {entry.id: entry for entry in entries}
    for identifier, row, probability, served, version, run in found:
        entry = by_id[identifier]
        at = entry.rows.index(row)
        assert probability == model.scorer.predict(first_line(entry, at)[None])[0]
        assert (served, version, run) == (entry.probability[at], "8", "run-7")
    assert owner.execute('SELECT * FROM predictions ORDER BY id, "row"').fetchall() == before


def test_what_is_scored_in_shadow_is_what_the_model_would_have_answered(
    owner: Connection, connection: Connection, served_model: DealModel
) -> None:
    # given what the champion answered and recorded
    challenger = other_than(served_model)
    question = Question.ask(served_model, date(2017, 12, 31), 45)
    deal = Deal(opportunity_id="A1", engage_date="2017-12-17", product="GTX Pro", sales_agent="Ada Berg")
    answer = one.score(served_model, deal, question)
    entry = single(
        as_of=question.as_of,
        horizon_days=45,
        days=list(answer.days),
        features=answer.features,
        probability=[answer.probability],
    )
    assert SERVED is not None
    model = ShadowModel(Identity("8", "run-8"), challenger.scorer, SERVED)
    scoring.begin(connection, model.identity)
    recorded(owner, [entry])
    # when
    score(connection, model)
    # then
    ((_, _, probability, served, _, _),) = stored(owner)
    assert served == answer.probability
    assert probability == one.score(challenger, deal, question).probability != served


def test_an_open_batch_waits_and_what_was_closed_before_the_model_came_is_left(
    owner: Connection, connection: Connection, model: ShadowModel
) -> None:
    # given
    recorded(owner, [single(1)])
    scoring.begin(connection, model.identity)
    insert(owner, [single(2)])
    # when / then
    assert score(connection, model) == []
    recorded(owner, [single(3)])
    assert scoring.behind(connection, "run-8") == 1
    assert score(connection, model) == [Scored(2, 0)]
    assert scoring.behind(connection, "run-8") == 0
    # and beginning again changes nothing
    scoring.begin(connection, model.identity)
    assert score(connection, model) == []


def test_a_deal_is_always_in_the_sample_or_never(owner: Connection, connection: Connection, model: ShadowModel) -> None:
    # given
    scoring.begin(connection, model.identity)
    recorded(owner, [batch(400, 1)])
    recorded(owner, [batch(400, 2)])
    # when
    score(connection, model, 0.25)
    # then
    counts = owner.execute("SELECT count(*) FROM shadow_predictions GROUP BY opportunity_id").fetchall()
    assert 60 < len(counts) < 140
    assert {count for (count,) in counts} == {2}
    assert score(connection, model, 0.0) == []


def test_what_cannot_be_compared_is_skipped(owner: Connection, connection: Connection, model: ShadowModel) -> None:
    # given a model of another source, a day that the models have learnt from, deals without a name and the model itself
    scoring.begin(connection, model.identity)
    recorded(
        owner,
        [
            single(1, model_run_id="run-of-another-source"),
            single(2, as_of=date(2017, 11, 29)),
            single(3, deals={"engage_date": ["2017-11-20"]}),
            single(4, model_run_id="run-8"),
            single(5, model_run_id=None),
            single(6),
        ],
    )
    # when / then
    assert score(connection, model) == [Scored(1, 2)]
    assert len(stored(owner)) == 1


def test_two_at_once_score_each_prediction_once(
    owner: Connection, connection: Connection, model: ShadowModel, shadow_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given both have begun the same batch
    monkeypatch.setattr(scoring, "CHUNK", 50)
    scoring.begin(connection, model.identity)
    recorded(owner, [batch(200, 1)])
    with connect(shadow_url) as other:
        ours = scoring.score_batch(connection, model, basis_of, 1.0)
        theirs = scoring.score_batch(other, model, basis_of, 1.0)
        assert ours is not None
        assert theirs is not None
        # when
        next(ours)
        with pytest.raises(OvertakenError):
            next(theirs)
        again = score(other, model)
    # then the one that was overtaken goes on where the first was
    assert [part.scored for part in again] == [50, 50, 50]
    with pytest.raises(OvertakenError):
        next(ours)
    assert len(stored(owner)) == 200


def test_what_was_begun_is_gone_on_with_inside_a_batch(
    owner: Connection, connection: Connection, model: ShadowModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setattr(scoring, "CHUNK", 50)
    scoring.begin(connection, model.identity)
    recorded(owner, [batch(200, 1)])
    chunks = scoring.score_batch(connection, model, basis_of, 1.0)
    assert chunks is not None
    next(chunks)
    # when
    rest = score(connection, model)
    # then
    assert [part.scored for part in rest] == [50, 50, 50]
    assert len(stored(owner)) == 200


def test_the_role_reads_no_deal_and_changes_no_prediction(connection: Connection) -> None:
    for statement in (
        "SELECT deal FROM predictions",
        "UPDATE predictions SET probability = 0",
        "DELETE FROM shadow_predictions",
        "INSERT INTO predictions SELECT * FROM predictions",
        "SELECT * FROM api_keys",
        "INSERT INTO shadow_comparisons SELECT * FROM shadow_comparisons",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
