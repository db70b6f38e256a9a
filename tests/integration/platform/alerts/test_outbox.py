"""Alerts opened and closed in a real PostgreSQL."""

import threading

import psycopg
import pytest

from closecast.platform.alerts.alert import Alert
from closecast.platform.alerts.outbox import Connection, fire, open_alerts, resolve
from closecast.platform.database import connect

pytestmark = pytest.mark.integration

HARM = Alert(
    "harmful_proved",
    "model 7",
    "page",
    "Model 7 does harm",
    "Log loss rose by a tenth.",
    {"report": "https://localhost/report"},
    {"model": "7"},
)


def test_a_fired_alert_is_new_once_until_it_is_resolved(connection: Connection) -> None:
    assert fire(connection, HARM)
    assert not fire(connection, HARM)
    assert resolve(connection, HARM.rule, HARM.key)
    assert not resolve(connection, HARM.rule, HARM.key)
    assert open_alerts(connection) == []
    assert fire(connection, HARM)


def test_firing_again_refreshes_what_the_open_alert_says(connection: Connection) -> None:
    fire(connection, HARM)
    fire(connection, Alert(HARM.rule, HARM.key, "page", "Model 7 does more harm", labels={"model": "7"}))
    [known] = open_alerts(connection)
    assert (known.summary, known.links, known.labels) == ("Model 7 does more harm", {}, {"model": "7"})
    assert known.refreshed_at > known.opened_at


def test_alerts_of_other_keys_and_rules_are_other_alerts(connection: Connection) -> None:
    assert fire(connection, HARM)
    assert fire(connection, Alert(HARM.rule, "model 8", "page", "Model 8 does harm"))
    assert fire(connection, Alert("data_quality", HARM.key, "note", "Half of the accounts are missing"))
    assert len(open_alerts(connection)) == 3


def test_an_alert_is_part_of_the_transaction_that_fires_it(connection: Connection) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), connection.transaction():
        fire(connection, HARM)
        connection.execute("SELECT 1 / 0")
    assert open_alerts(connection) == []


def test_of_a_hundred_at_once_one_is_new(connection: Connection, database_url: str) -> None:
    # given
    new: list[bool] = []
    begin = threading.Barrier(20)

    def fire_five() -> None:
        with connect(database_url) as mine:
            begin.wait()
            new.extend(fire(mine, HARM) for _ in range(5))

    # when
    threads = [threading.Thread(target=fire_five) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then
    assert sorted(new) == [False] * 99 + [True]
    assert len(open_alerts(connection)) == 1


def test_what_the_database_cannot_keep_is_kept_escaped(connection: Connection) -> None:
    hostile = Alert(HARM.rule, "a\x00b\ud800", "note", "x\x00\r\nBcc: all\u202e", "l\x00\nm", {"run\x00": "\ud800"})
    assert fire(connection, hostile)
    [known] = open_alerts(connection)
    assert (known.key, known.summary, known.description) == (
        "a\\x00b\\ud800",
        "x\\x00 Bcc: all\\u202e",
        "l\\x00\nm",
    )
    assert resolve(connection, HARM.rule, "a\x00b\ud800")
