"""Closecast's database on a real PostgreSQL: migrations run once, whoever asks."""

import threading

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
    import psycopg

    with pytest.raises(psycopg.OperationalError, match="absent"):
        connect(postgres_url.removesuffix("/mlflow") + "/absent")
