"""Users and sessions in a real PostgreSQL: signed in, locked, disabled, changed, and each act in the audit log."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from closecast.platform.callers import audit
from closecast.platform.callers.acts import By, DatabaseAwayError
from closecast.platform.callers.caller import Caller, CallerError, UncheckedCallerError, UnknownCallerError
from closecast.platform.callers.keyring import Keyring
from closecast.platform.callers.keys import digest
from closecast.platform.callers.passwords import WeakPasswordError
from closecast.platform.callers.sessions import (
    LIFETIME,
    LOCKED,
    MOST_ATTEMPTS,
    SessionStore,
    SignInLockedError,
    SignInRefusedError,
)
from closecast.platform.callers.users import Changed, NoSuchUserError, UserExistsError, UserStore
from closecast.platform.database import connect
from tests.servers.processes import free_port
from tests.waiting import SOON, until

pytestmark = pytest.mark.integration
ME = By("bootstrap", "request-1")
NEW = "correct horse battery"


class Clock:
    """Now, and what a test lets pass."""

    def __init__(self) -> None:
        self.passed = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.passed


@pytest.fixture(autouse=True)
def empty(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("TRUNCATE users, sessions, failed_sign_ins")


@pytest.fixture
def users(database_url: str) -> UserStore:
    return UserStore(lambda: database_url)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(database_url: str, clock: Clock) -> SessionStore:
    return SessionStore(lambda: database_url, clock)


@pytest.fixture
def keyring(database_url: str, tmp_path: Path) -> Iterator[Keyring]:
    ring = Keyring([], lambda: database_url, tmp_path / "keyring.json")
    ring.start()
    until(lambda: ring.age < SOON)
    yield ring
    ring.stop()


@pytest.fixture
def ada(users: UserStore) -> Changed:
    return users.create("ada", "scorer", ME)


def password(changed: Changed) -> str:
    assert changed.password is not None
    return changed.password


def opens(ring: Keyring, token: str) -> bool:
    try:
        ring.find(token.encode())
    except CallerError:
        return False
    return True


def ended(ring: Keyring, token: str) -> bool:
    try:
        ring.find(token.encode())
    except UnknownCallerError as error:
        return str(error) == "the session has ended; sign in again"
    except UncheckedCallerError:
        return False  # it is not known here yet
    return False


def acts(url: str) -> list[tuple[str, str, str]]:
    with connect(url) as connection:
        assert audit.verify(connection).fault is None
        return [(one.actor, one.act, one.subject) for one in audit.page(connection, 50) if one.subject == "user ada"]


def test_a_session_opens_until_it_is_ended(
    sessions: SessionStore, keyring: Keyring, ada: Changed, database_url: str
) -> None:
    # when
    begun = sessions.begin(" Ada ", password(ada), "r")
    # then
    until(lambda: opens(keyring, begun.token), SOON)
    assert keyring.find(begun.token.encode()) == Caller(f"user:{ada.user.id}", "ada", "user", "scorer")
    assert keyring.find(begun.token.encode()).actor == "user:ada"
    # when
    assert sessions.end(begun.token, By("user:ada")) is not None
    # then
    until(lambda: not opens(keyring, begun.token), SOON)
    assert sessions.end(begun.token, By("user:ada")) is None
    assert acts(database_url)[:3] == [
        ("user:ada", "user signed out", "user ada"),
        ("user:ada", "user signed in", "user ada"),
        ("bootstrap", "user created", "user ada"),
    ]


def test_neither_password_nor_token_is_stored(sessions: SessionStore, ada: Changed, database_url: str) -> None:
    # given
    begun = sessions.begin("ada", password(ada), "r")
    # then
    with connect(database_url) as connection:
        tables = [row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        kept = " ".join(str(row[0]) for name in tables for row in connection.execute(f"SELECT t::text FROM {name} t"))
    assert "ada" in kept
    assert password(ada) not in kept
    assert begun.token not in kept
    assert begun.token.split("_", 2)[2] not in kept  # the secret, which may hold an underscore too


def test_a_role_counts_in_open_sessions_at_once(
    users: UserStore, sessions: SessionStore, keyring: Keyring, ada: Changed
) -> None:
    # given
    token = sessions.begin("ada", password(ada), "r").token
    until(lambda: opens(keyring, token), SOON)
    # when
    users.change("ada", ME, role="viewer")
    # then
    until(lambda: keyring.find(token.encode()).role == "viewer", SOON)


def test_a_disabled_user_is_out_and_stays_out_until_enabled(
    users: UserStore, sessions: SessionStore, keyring: Keyring, ada: Changed
) -> None:
    # given
    token = sessions.begin("ada", password(ada), "r").token
    until(lambda: opens(keyring, token), SOON)
    # when
    users.change("ada", ME, disabled=True)
    # then
    until(lambda: not opens(keyring, token), SOON)
    with pytest.raises(SignInRefusedError, match="the name or the password is wrong"):
        sessions.begin("ada", password(ada), "r")
    # when
    users.change("ada", ME, disabled=False)
    # then the old session stays ended
    assert sessions.begin("ada", password(ada), "r").user.state == "active"
    assert not opens(keyring, token)


@pytest.mark.parametrize("name", ["ada", "nobody"])
def test_wrong_passwords_lock_a_name_whether_somebody_has_it_or_not(
    sessions: SessionStore, clock: Clock, ada: Changed, name: str
) -> None:
    # when
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(SignInRefusedError, match="the name or the password is wrong"):
            sessions.begin(name, "a guess of somebody", "r")
    # then not even the right one is looked at, and asking does not prolong it
    for _ in range(3):
        with pytest.raises(SignInLockedError) as locked:
            sessions.begin(name, password(ada), "r")
        clock.passed += timedelta(minutes=2)
    assert timedelta() < locked.value.until - datetime.now(UTC) <= LOCKED
    # when
    clock.passed = LOCKED + timedelta(seconds=1)
    # then
    if name == "ada":
        assert sessions.begin(name, password(ada), "r").user.name == "ada"
    else:
        with pytest.raises(SignInRefusedError):
            sessions.begin(name, password(ada), "r")


@pytest.mark.usefixtures("ada")
def test_many_guesses_at_once_are_no_more_guesses(sessions: SessionStore) -> None:
    # given
    looked_at: list[str] = []

    def guess(number: int) -> None:
        try:
            sessions.begin("ada", f"guess number {number} of many", "r")
        except SignInRefusedError:
            looked_at.append("wrong")
        except SignInLockedError:
            looked_at.append("locked")

    # when
    guessing = [threading.Thread(target=guess, args=(number,)) for number in range(4 * MOST_ATTEMPTS)]
    for thread in guessing:
        thread.start()
    for thread in guessing:
        thread.join()
    # then
    assert sorted(looked_at) == ["locked"] * 3 * MOST_ATTEMPTS + ["wrong"] * MOST_ATTEMPTS


def test_a_right_password_forgets_the_wrong_ones(sessions: SessionStore, ada: Changed) -> None:
    for _ in range(3):
        for _ in range(MOST_ATTEMPTS - 1):
            with pytest.raises(SignInRefusedError):
                sessions.begin("ada", "a guess of somebody", "r")
        sessions.begin("ada", password(ada), "r")


def test_a_new_password_ends_sessions_and_unlocks(
    users: UserStore, sessions: SessionStore, keyring: Keyring, ada: Changed
) -> None:
    # given
    token = sessions.begin("ada", password(ada), "r").token
    until(lambda: opens(keyring, token), SOON)
    for _ in range(MOST_ATTEMPTS + 1):
        with pytest.raises((SignInRefusedError, SignInLockedError)):
            sessions.begin("ada", "a guess of somebody", "r")
    # when
    changed = users.change("ada", ME, new_password=True)
    # then
    until(lambda: not opens(keyring, token), SOON)
    assert sessions.begin("ada", password(changed), "r").user.name == "ada"
    with pytest.raises(SignInRefusedError):
        sessions.begin("ada", password(ada), "r")


def test_ones_own_password_is_changed_by_who_knows_it(
    sessions: SessionStore, keyring: Keyring, ada: Changed, database_url: str
) -> None:
    # given
    mine, other = (sessions.begin("ada", password(ada), "r").token for _ in range(2))
    until(lambda: opens(keyring, mine) and opens(keyring, other), SOON)
    me = By("user:ada", "r")
    # then
    with pytest.raises(SignInRefusedError, match="the old password is wrong"):
        sessions.change_password(ada.user.id, "a guess of somebody", NEW, mine, me)
    with pytest.raises(WeakPasswordError, match="12 to 200"):
        sessions.change_password(ada.user.id, password(ada), "short", mine, me)
    # when
    sessions.change_password(ada.user.id, password(ada), NEW, mine, me)
    # then
    until(lambda: not opens(keyring, other), SOON)
    assert opens(keyring, mine)
    assert sessions.begin("ada", NEW, "r").user.name == "ada"
    assert ("user:ada", "password changed", "user ada") in acts(database_url)


def test_signed_out_everywhere_is_everywhere(sessions: SessionStore, keyring: Keyring, ada: Changed) -> None:
    # given
    tokens = [sessions.begin("ada", password(ada), "r").token for _ in range(3)]
    until(lambda: all(opens(keyring, one) for one in tokens), SOON)
    # when
    ended, _ = sessions.end_all(ada.user.id, By("user:ada"))
    # then
    assert ended == 3
    until(lambda: not any(opens(keyring, one) for one in tokens), SOON)


def test_a_session_ends_with_its_time(
    sessions: SessionStore, clock: Clock, keyring: Keyring, ada: Changed, database_url: str
) -> None:
    # given one that is as good as over
    clock.passed = timedelta(seconds=1) - LIFETIME
    token = sessions.begin("ada", password(ada), "r").token
    # then
    until(lambda: ended(keyring, token), SOON)
    # and is deleted once it is long over
    clock.passed = timedelta(days=2)
    sessions.begin("ada", password(ada), "r")
    with connect(database_url) as connection:
        found = connection.execute("SELECT count(*) FROM sessions WHERE sha256 = %s", [digest(token)]).fetchone()
    assert found == (0,)


@pytest.mark.usefixtures("ada")
def test_what_changes_nothing_is_not_logged(users: UserStore, database_url: str) -> None:
    # given
    before = acts(database_url)
    # when
    changed = users.change("ada", ME, role="scorer", disabled=False)
    # then
    assert changed.head is None
    assert acts(database_url) == before


@pytest.mark.usefixtures("ada")
def test_a_name_is_somebodys_for_good(users: UserStore) -> None:
    users.change("ada", ME, disabled=True)
    with pytest.raises(UserExistsError, match="there is a user ada already"):
        users.create("ada", "viewer", ME)
    with pytest.raises(NoSuchUserError):
        users.change("nobody", ME, role="admin")
    assert [(one.name, one.state) for one in users.all()] == [("ada", "disabled")]


def test_sessions_are_known_while_the_database_is_away(
    sessions: SessionStore, keyring: Keyring, ada: Changed, tmp_path: Path
) -> None:
    # given
    token = sessions.begin("ada", password(ada), "r").token
    until(lambda: opens(keyring, token), SOON)
    kept = tmp_path / "keyring.json"  # written after the token is known
    until(lambda: kept.exists() and digest(token).hex() in kept.read_text(), SOON)
    # when another instance starts without it
    away = f"postgresql://closecast:x@127.0.0.1:{free_port()}/closecast"
    ring = Keyring([], lambda: away, tmp_path / "keyring.json")
    ring.start()
    # then
    try:
        assert ring.find(token.encode()).name == "ada"
        with pytest.raises(DatabaseAwayError):
            SessionStore(lambda: away).begin("ada", password(ada), "r")
    finally:
        ring.stop()
    assert token not in json.dumps((tmp_path / "keyring.json").read_text())


@pytest.mark.parametrize("token", ["cs_", "cs_zz_x", "cs_00000000_x", "cs_ffffffffff_x", "cs_\xff_x"])
def test_no_token_of_another_time_is_waited_for(keyring: Keyring, token: str) -> None:
    with pytest.raises(UnknownCallerError, match="the session is not known: it has ended; sign in again"):
        keyring.find(token.encode("latin-1"))


def test_a_token_of_this_moment_is_worth_a_moment(keyring: Keyring) -> None:
    with pytest.raises(UncheckedCallerError) as unchecked:
        keyring.find(b"cs_%08x_unknown" % int(time.time()))
    assert unchecked.value.soon
