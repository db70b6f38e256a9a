"""Closecast's database on a real PostgreSQL: migrations run once, whoever asks."""

import threading

import psycopg
import pytest

from closecast.platform.database import connect, migrate

pytestmark = pytest.mark.integration


def test_migrations_run_once_though_many_ask_at_once(database_url: str) -> None:
    # given
    with connect(database_url) as connection:
        before = connection.execute("SELECT count(*) FROM migrations").fetchone()
    applied: list[str] = []
    # when
    threads = [threading.Thread(target=lambda: applied.extend(migrate(database_url))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then
    assert applied == []
    with connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM migrations").fetchone() == before


def test_a_database_that_is_not_there_is_reported_within_seconds(postgres_url: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="absent"):
        connect(postgres_url.removesuffix("/mlflow") + "/absent")


def test_monitoring_reads_no_deal_as_it_was_sent(monitoring_url: str) -> None:
    with connect(monitoring_url) as connection:
        connection.execute("SELECT opportunity_id, probability, features FROM predictions LIMIT 1")
        for statement in (
            "SELECT deal FROM predictions",
            "SELECT caller FROM outcomes",
            "SELECT * FROM api_keys",
            "UPDATE predictions SET probability = 0",
            "INSERT INTO outcomes (opportunity_id, deal_stage, close_date, caller) VALUES ('a', 'Won', '2017-01-01', 'me')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_role_that_joins_later_gets_its_rights(database_url: str, monitoring_url: str) -> None:
    # given
    with connect(database_url) as connection:
        connection.execute("REVOKE ALL ON verdicts FROM monitor")
    # when
    migrate(database_url)
    # then
    with connect(monitoring_url) as connection:
        connection.execute("SELECT count(*) FROM verdicts")
