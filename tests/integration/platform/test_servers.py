"""The PostgreSQL that other tests build on answers its own role."""

import psycopg
import pytest

from closecast.platform.nomad.discovery import wait_for

pytestmark = pytest.mark.integration


def test_postgres_answers_and_is_waited_for(postgres_url: str) -> None:
    # when
    with psycopg.connect(postgres_url) as connection:
        found = connection.execute("SELECT current_user, current_database()").fetchone()
    # then
    assert found == ("mlflow", "mlflow")
    assert wait_for(f"tcp://{postgres_url.rpartition('@')[2].partition('/')[0]}", seconds=60) < 60
