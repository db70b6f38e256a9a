"""Closecast's database on a real PostgreSQL: migrations run once, whoever asks."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from closecast.platform.database import NotMigratedError, connect, connect_migrated, migrate

pytestmark = pytest.mark.integration


@pytest.fixture
def empty_url(database_url: str) -> Iterator[str]:
    """A database without tables, for its owner."""
    superuser = database_url.replace("//closecast:", "//postgres:")
    with connect(superuser) as connection:
        connection.execute("CREATE DATABASE empty OWNER closecast")
        yield database_url.removesuffix("/closecast") + "/empty"
        connection.execute("DROP DATABASE empty WITH (FORCE)")


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


@pytest.mark.parametrize("role", ["alerts", "monitor", "shadow", "closecast"])
def test_a_role_that_is_there_before_the_tables_asks_for_none(empty_url: str, server_folder: Path, role: str) -> None:
    # given
    log = server_folder / "postgres-log" / "server.log"
    before = log.read_text().count("ERROR:")
    url = empty_url.replace("//closecast:", f"//{role}:")
    # when
    with pytest.raises(NotMigratedError, match="the tables are not there yet: the API and the journal make them"):
        connect_migrated(url)
    migrate(empty_url)
    # then
    connect_migrated(url).close()
    assert log.read_text().count("ERROR:") == before


def test_a_role_without_the_newest_tables_waits_for_them(empty_url: str) -> None:
    # given
    migrate(empty_url)
    with connect(empty_url) as connection:
        connection.execute("DELETE FROM migrations WHERE name = (SELECT max(name) FROM migrations)")
    # when, then
    with pytest.raises(NotMigratedError):
        connect_migrated(empty_url.replace("//closecast:", "//alerts:"))


def test_others_see_nothing_of_a_migration_or_all_of_it(empty_url: str) -> None:
    """Also its rights: a role that found tables without its rights would be refused."""
    # given
    url = empty_url.replace("//closecast:", "//monitor:")
    problems: list[psycopg.Error] = []
    is_done = threading.Event()

    def look() -> None:
        while not is_done.is_set():
            try:
                with connect_migrated(url) as connection:
                    connection.execute("SELECT count(*) FROM verdicts")
            except NotMigratedError:
                continue
            except psycopg.Error as error:
                problems.append(error)
                return

    # when
    watcher = threading.Thread(target=look)
    watcher.start()
    migrate(empty_url)
    is_done.set()
    watcher.join()
    # then
    assert problems == []
