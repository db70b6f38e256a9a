"""Predictions and outcomes in a real PostgreSQL: each once, found as they were answered, whoever stores them how often."""

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime

import numpy as np
import psycopg
import pytest

from closecast.platform.database import connect
from closecast.platform.journal.entry import new_id
from closecast.platform.journal.outcomes import Outcome, OutcomeCounts, record_outcomes
from closecast.platform.journal.store import Connection, find, insert
from tests.journal_entries import WIDTH, batch, single

pytestmark = pytest.mark.integration


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with connect(database_url) as connection:
        connection.execute("TRUNCATE predictions, archive_batches, outcomes")
        yield connection


def test_a_prediction_is_found_as_it_was_answered(connection: Connection) -> None:
    # given
    odd = np.random.default_rng(1).random((2, WIDTH))
    odd[0, :4] = [-0.0, 5e-324, np.inf, 0.1 + 0.2]
    deal = {"account": ["Ünïcode ✓ \0 end"], "close_value": [7.5], "opportunity_id": [" A\0 "], "product": [None]}
    entry = single(
        7, deals=deal, days=[45, 30], features=odd.tobytes(), time=datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
    )
    # when
    assert insert(connection, [single(1), entry]) == 2
    found = find(connection, entry.id)
    # then
    assert found is not None
    assert found.matrix().tobytes() == odd.tobytes()
    assert found.deal == {"account": "Ünïcode ✓ \0 end", "close_value": 7.5, "opportunity_id": " A\0 "}
    for name in (
        "request_id",
        "time",
        "caller",
        "kind",
        "as_of",
        "horizon_days",
        "probabilities",
        "model_version",
        "model_run_id",
        "days",
    ):
        assert getattr(found, name) == getattr(entry, name), name
    assert (found.id, found.row, found.rows, found.probability) == (entry.id, 0, 1, entry.probability[0])
    assert found.unseen == ["sales_agent"]
    assert find(connection, new_id()) is None


def test_the_deals_of_a_batch_are_found_by_their_position(connection: Connection) -> None:
    # given
    entry = batch(300)
    # when
    assert insert(connection, [entry]) == 300
    # then
    third = find(connection, entry.id, 4)
    assert third is not None
    assert (third.row, third.rows, third.probability, third.probabilities) == (4, 300, entry.probability[2], None)
    assert third.deal == {"opportunity_id": "B2", "engage_date": "2017-11-20"}
    assert third.matrix().tobytes() == entry.features[2 * WIDTH * 8 : 3 * WIDTH * 8]
    assert (find(connection, entry.id) or third).row == 0
    assert find(connection, entry.id, 3) is None  # a row that could not be scored


def test_what_comes_again_is_counted_once(connection: Connection) -> None:
    entries = [single(number) for number in range(20)]
    assert insert(connection, entries) == 20
    assert insert(connection, [*entries, *entries[:3], late := single(99), late]) == 1
    assert connection.execute("SELECT count(*) FROM predictions").fetchone() == (21,)


def test_many_who_store_the_same_at_once_store_it_once(connection: Connection, database_url: str) -> None:
    # given
    entries = [single(number) for number in range(400)]
    new: list[int] = []

    def store(backwards: bool) -> None:
        with connect(database_url) as own:
            new.extend(insert(own, lot) for lot in (entries[::-1] if backwards else entries, entries[100:200]))

    # when
    threads = [threading.Thread(target=store, args=[bool(number % 2)]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then
    assert len(new) == 12
    assert sum(new) == 400
    assert connection.execute("SELECT count(*), count(DISTINCT id) FROM predictions").fetchone() == (400, 400)


def test_a_transaction_that_fails_stores_nothing_and_the_next_one_works(connection: Connection) -> None:
    with pytest.raises(psycopg.IntegrityError):
        insert(connection, [single(1), single(2, probability=[1.5])])
    assert connection.execute("SELECT count(*) FROM predictions").fetchone() == (0,)
    assert insert(connection, [single(1)]) == 1


def test_outcomes_are_kept_once_and_a_correction_replaces_them(connection: Connection) -> None:
    # given
    won = Outcome("A1", "Won", date(2017, 12, 20), 500.0)
    lost = Outcome("A2", "Lost", date(2017, 12, 21))
    # when / then
    assert record_outcomes(connection, [won, lost], "key:a") == OutcomeCounts(2, 0, 0)
    assert record_outcomes(connection, [won, lost], "key:b") == OutcomeCounts(0, 0, 2)
    corrected = Outcome("A1", "Won", date(2017, 12, 20), 450.0)
    assert record_outcomes(
        connection, [corrected, lost, Outcome("A3", "Lost", date(2018, 1, 1))], "key:b"
    ) == OutcomeCounts(1, 1, 1)
    query = "SELECT opportunity_id, deal_stage, close_date, close_value, caller FROM outcomes ORDER BY 1"
    assert connection.execute(query).fetchall() == [
        ("A1", "Won", date(2017, 12, 20), 450.0, "key:b"),
        ("A2", "Lost", date(2017, 12, 21), None, "key:a"),
        ("A3", "Lost", date(2018, 1, 1), None, "key:b"),
    ]
