"""Keys in a real PostgreSQL: made, used, rotated, revoked, remembered on disk, and each act in the audit log."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from closecast.platform.callers import audit
from closecast.platform.callers.acts import By, DatabaseAwayError
from closecast.platform.callers.caller import Caller, UncheckedCallerError, UnknownCallerError
from closecast.platform.callers.keyring import TRUST_SECONDS, Keyring
from closecast.platform.callers.keys import KeyEndedError, KeyStore, NoSuchKeyError, digest
from closecast.platform.callers.outbox import Outbox
from closecast.platform.database import connect
from tests.conftest import Logged
from tests.servers.processes import free_port
from tests.waiting import SOON, until

pytestmark = pytest.mark.integration
ME = By("bootstrap", "request-1")
DAY = timedelta(days=1)


@pytest.fixture
def store(database_url: str) -> KeyStore:
    return KeyStore(lambda: database_url)


@pytest.fixture
def keyring(database_url: str, tmp_path: Path) -> Iterator[Keyring]:
    ring = Keyring([digest("a fixed key")], lambda: database_url, tmp_path / "keyring.json")
    ring.start()
    yield ring
    ring.stop()


def opens(ring: Keyring, text: str) -> bool:
    try:
        ring.find(text.encode())
    except (UnknownCallerError, UncheckedCallerError):
        return False
    return True


def test_a_key_opens_soon_after_it_was_made_and_not_after_it_was_revoked(store: KeyStore, keyring: Keyring) -> None:
    # when
    issued, _ = store.create("dashboard", "scorer", DAY, ME)
    # then
    until(lambda: opens(keyring, issued.text), SOON)
    assert keyring.find(issued.text.encode()) == Caller(f"key:{issued.key.id}", "dashboard", "key", "scorer")
    # when
    store.revoke(issued.key.id, ME)
    # then
    until(lambda: not opens(keyring, issued.text), SOON)
    with pytest.raises(UnknownCallerError, match="was revoked"):
        keyring.find(issued.text.encode())
    assert next(key for key in store.all() if key.id == issued.key.id).state(datetime.now(UTC)) == "revoked"


def test_a_connection_that_is_cut_is_made_again(store: KeyStore, keyring: Keyring, database_url: str) -> None:
    # given
    until(lambda: keyring.age < 2)
    # when
    with connect(database_url) as connection:
        cut = connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'closecast'"
        ).fetchall()
    # then
    assert cut
    issued, _ = store.create("dashboard", "scorer", DAY, ME)
    until(lambda: opens(keyring, issued.text), SOON)


def test_only_the_hash_is_kept(store: KeyStore, database_url: str) -> None:
    # given
    issued, _ = store.create("dashboard", "scorer", None, ME)
    secret = issued.text.split("_", 2)[2]
    # when
    with connect(database_url) as connection:
        dump = "".join(
            str(connection.execute(f"SELECT json_agg(t) FROM {table} t").fetchone())
            for table in ("api_keys", "api_key_secrets", "audit_log")
        )
    # then
    assert len(secret) == 43
    assert secret not in dump
    assert secret not in repr(issued)
    assert digest(issued.text).hex() in dump


def test_rotation_keeps_the_old_secret_for_its_grace(store: KeyStore, keyring: Keyring) -> None:
    # given
    first, _ = store.create("dashboard", "scorer", DAY, ME)
    # when
    second, _ = store.rotate(first.key.id, DAY, ME)
    # then both open, and are one caller
    until(lambda: opens(keyring, second.text))
    assert keyring.find(first.text.encode()) == keyring.find(second.text.encode())
    # and the old one ends with the grace
    third, _ = store.rotate(first.key.id, timedelta(seconds=3), ME)
    until(lambda: opens(keyring, third.text))
    until(lambda: not opens(keyring, second.text), SOON)
    assert opens(keyring, third.text)
    # and without a grace at once
    fourth, _ = store.rotate(first.key.id, timedelta(0), ME)
    until(lambda: opens(keyring, fourth.text))
    assert not opens(keyring, third.text)


def test_what_has_ended_or_never_was_is_refused(store: KeyStore, keyring: Keyring) -> None:
    # given
    short, _ = store.create("short", "viewer", timedelta(seconds=8), ME)
    until(lambda: opens(keyring, short.text))
    # when its time is over
    until(lambda: not opens(keyring, short.text))
    # then
    with pytest.raises(UnknownCallerError, match="has expired"):
        keyring.find(short.text.encode())
    with pytest.raises(KeyEndedError, match="is expired"):
        store.rotate(short.key.id, DAY, ME)
    with pytest.raises(NoSuchKeyError):
        store.revoke("aaaaaaaaaaaa", ME)
    # and revoking twice is one act
    assert store.revoke(short.key.id, ME)[1] is not None
    assert store.revoke(short.key.id, ME)[1] is None


def test_the_time_of_the_last_use_is_written(store: KeyStore, keyring: Keyring) -> None:
    # given
    issued, _ = store.create("dashboard", "scorer", DAY, ME)
    until(lambda: opens(keyring, issued.text))
    before = datetime.now(UTC)
    # when
    keyring.find(issued.text.encode())
    keyring.stop()
    # then
    (key,) = [key for key in store.all() if key.id == issued.key.id]
    assert key.last_used_at is not None
    assert abs(key.last_used_at - before) < timedelta(seconds=30)


def test_an_instance_that_starts_while_the_database_is_away_knows_its_callers(
    store: KeyStore, keyring: Keyring, tmp_path: Path, logged: Logged
) -> None:
    # given a key that another run has seen
    issued, _ = store.create("dashboard", "scorer", DAY, ME)
    until(lambda: opens(keyring, issued.text))
    keyring.stop()
    file = tmp_path / "keyring.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert issued.text not in file.read_text()
    # when
    gone = f"postgresql://closecast:x@127.0.0.1:{free_port()}/closecast"
    again = Keyring([digest("a fixed key")], lambda: gone, file)
    again.start()
    # then
    assert again.find(issued.text.encode()).name == "dashboard"
    assert again.find(b"a fixed key") == Caller("bootstrap", "bootstrap", "key", "admin")
    with pytest.raises(UnknownCallerError):
        again.find(b"cc_aaaaaaaaaaaa_never")
    until(lambda: any("does not answer" in line.get("problem", "") for line in logged()))
    again.stop()
    # when the copy is older than a day
    kept = json.loads(file.read_text())
    file.write_text(json.dumps({**kept, "confirmed": time.time() - TRUST_SECONDS - 60}))
    late = Keyring([digest("a fixed key")], lambda: gone, file)
    late.start()
    # then it vouches for its keys no more, while those of the environment still open
    with pytest.raises(UncheckedCallerError):
        late.find(issued.text.encode())
    assert late.find(b"a fixed key").role == "admin"
    late.stop()


def test_without_database_and_copy_an_unknown_key_is_not_called_wrong(tmp_path: Path) -> None:
    gone = f"postgresql://closecast:x@127.0.0.1:{free_port()}/closecast"
    ring = Keyring([digest("a fixed key")], lambda: gone, tmp_path / "keyring.json")
    with pytest.raises(UncheckedCallerError):
        ring.find(b"cc_aaaaaaaaaaaa_whatever")
    with pytest.raises(UnknownCallerError):
        ring.find(b"something else")
    with pytest.raises(DatabaseAwayError):
        KeyStore(lambda: gone).all()


def test_a_damaged_copy_is_told_and_left_alone(tmp_path: Path, logged: Logged) -> None:
    file = tmp_path / "keyring.json"
    file.write_text(json.dumps({"confirmed": time.time(), "keys": [["zz"]]}))
    ring = Keyring([digest("a fixed key")], lambda: None, file)
    ring.start()
    ring.stop()
    assert logged()[0]["origin"] == "disk" and "problem" in logged()[0]


def test_every_act_is_in_the_log_and_nothing_in_it_can_be_changed(store: KeyStore, database_url: str) -> None:
    # given
    issued, head = store.create("dashboard", "scorer", DAY, ME)
    store.rotate(issued.key.id, DAY, ME)
    store.revoke(issued.key.id, ME)
    # then
    entries = [entry for entry in store.log(10) if entry.subject == f"key {issued.key.id}"]
    assert [entry.act for entry in entries] == ["key revoked", "key rotated", "key created"]
    assert {(entry.actor, entry.request_id) for entry in entries} == {("bootstrap", "request-1")}
    assert store.verify_log(head).fault is None
    with connect(database_url) as connection:
        for statement in ("UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"):
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                connection.execute(statement)


def test_an_act_that_cannot_be_logged_is_not_done(store: KeyStore, database_url: str) -> None:
    # given a log that takes nothing
    before = len(store.all())
    with connect(database_url) as connection:
        connection.execute("ALTER TABLE audit_log ADD CONSTRAINT closed CHECK (actor <> 'nobody')")
        try:
            with pytest.raises(psycopg.errors.CheckViolation):
                store.create("dashboard", "scorer", DAY, By("nobody"))
        finally:
            connection.execute("ALTER TABLE audit_log DROP CONSTRAINT closed")
    # then
    assert len(store.all()) == before


@pytest.mark.parametrize(
    ("tampering", "words"),
    [
        ("UPDATE audit_log SET actor = 'somebody else' WHERE seq = {seq}", "was changed after it was written"),
        ("UPDATE audit_log SET details = '{{}}' WHERE seq = {seq}", "was changed after it was written"),
        ("DELETE FROM audit_log WHERE seq = {seq}", "is missing"),
        ("UPDATE audit_log SET seq = -seq WHERE seq = {seq}", "is missing or out of order"),
    ],
)
def test_tampering_shows(store: KeyStore, database_url: str, tampering: str, words: str) -> None:
    # given an owner of the database who takes the locks off
    _, head = store.create("dashboard", "scorer", DAY, ME)
    store.create("another", "scorer", DAY, ME)
    with connect(database_url) as connection, connection.transaction(force_rollback=True):
        connection.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
        # when
        connection.execute(tampering.format(seq=head.seq))
        # then
        assert words in str(audit.verify(connection).fault)


def test_an_end_cut_off_shows_by_a_head_told_before(store: KeyStore, database_url: str) -> None:
    _, head = store.create("dashboard", "scorer", DAY, ME)
    with connect(database_url) as connection, connection.transaction(force_rollback=True):
        connection.execute("ALTER TABLE audit_log DISABLE TRIGGER USER")
        connection.execute(f"DELETE FROM audit_log WHERE seq >= {head.seq}")
        assert audit.verify(connection).fault is None
        assert f"known entry {head.seq}" in str(audit.verify(connection, head).fault)


def test_acts_of_many_writers_form_one_chain(store: KeyStore, database_url: str) -> None:
    # when
    def write(number: int) -> None:
        for at in range(20):
            with connect(database_url) as connection:
                audit.append(connection, f"writer {number}", "a test's", "nothing", {"at": at, "text": 'é\n"\\\u2028'})

    threads = [threading.Thread(target=write, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # then
    verdict = store.verify_log()
    assert verdict.fault is None
    assert verdict.entries >= 80


def test_an_act_waits_for_the_database_and_is_logged_once(database_url: str, tmp_path: Path, logged: Logged) -> None:
    # given a database that is away
    where = [f"postgresql://closecast:x@127.0.0.1:{free_port()}/closecast"]
    subject = f"key {uuid.uuid4()}"
    outbox = Outbox(lambda: where[0], tmp_path / "audit")
    outbox.start()
    outbox.put("api here", "key created", subject, {"role": "predict"})
    until(lambda: any("cannot be written" in line.get("problem", "") for line in logged()))
    outbox.stop()
    # when the process starts again, twice on one folder, and the database is back
    assert outbox.waiting == 1
    copies = [Outbox(lambda: database_url, tmp_path / "audit") for _ in range(2)]
    for copy in copies:
        copy.start()
    until(lambda: copies[0].waiting == 0)
    for copy in copies:
        copy.stop()
    # then
    with connect(database_url) as connection:
        found = [entry for entry in audit.page(connection, 50) if entry.subject == subject]
    assert [(entry.actor, entry.act, json.loads(entry.details)) for entry in found] == [
        ("api here", "key created", {"role": "predict"})
    ]
