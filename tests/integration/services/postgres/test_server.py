"""A data folder that is prepared once, served for real, and survives what may happen to it."""

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import psycopg
import pytest

from services.postgres import __main__ as entry
from services.postgres.cluster import Cluster
from services.postgres.settings import Settings
from tests.servers.processes import free_port, running
from tests.waiting import until

pytestmark = pytest.mark.integration


@dataclass(frozen=True)
class Installation:
    """A prepared data folder and the environment that made it."""

    environment: dict[str, str]

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    def with_password(self, role: str, password: str) -> "Installation":
        return replace(self, environment={**self.environment, f"POSTGRES_{role.upper()}_PASSWORD": password})

    @contextmanager
    def served(self) -> Iterator[int]:
        """The postmaster's pid while it serves."""
        log = self.settings.folder.parent / "log"
        log.mkdir(exist_ok=True)
        command = [sys.executable, "-m", "services.postgres"]
        with running(command, self.environment, f"tcp://127.0.0.1:{self.settings.port}", log) as pid:
            until(lambda: not self._is_recovering(), pause=0.1)
            yield pid

    def _is_recovering(self) -> bool:
        """A server that replays its log accepts connections only to refuse them."""
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError as error:
            if "starting up" in str(error) or "not yet accepting" in str(error):
                return True
            raise
        return False

    def connect(self, role: str, database: str | None = None, password: str | None = None) -> psycopg.Connection:
        settings = self.settings
        passwords = {"postgres": settings.superuser_password, **settings.role_passwords}
        return psycopg.connect(
            host="127.0.0.1",
            port=settings.port,
            user=role,
            dbname=database or role,
            password=password or passwords[role],
            connect_timeout=10,
            autocommit=True,
        )


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """Made below a folder that an unprivileged account can traverse: as root, PostgreSQL runs as one."""
    folder = Path(tempfile.mkdtemp(prefix="closecast-postgres-"))
    folder.chmod(0o755)
    made = Installation(
        {
            "CLOSECAST_HOST": "127.0.0.1",
            "CLOSECAST_PORT": str(free_port()),
            "CLOSECAST_POSTGRES_FOLDER": str(folder / "postgres"),
            "POSTGRES_SUPERUSER_PASSWORD": "super-secret",
            "POSTGRES_MLFLOW_PASSWORD": "mlflow-secret",
            "POSTGRES_PREFECT_PASSWORD": "prefect's \\secret\\",
        }
    )
    Cluster(made.settings).prepare()
    yield made
    shutil.rmtree(folder, ignore_errors=True)


def test_preparing_again_changes_nothing(installation: Installation) -> None:
    # given
    folder = installation.settings.folder
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    # when
    Cluster(installation.settings).prepare()
    # then
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    assert folder / "data" / "PG_VERSION" in before


def test_no_password_lies_about_and_the_folder_is_closed(installation: Installation) -> None:
    # given
    folder = installation.settings.folder
    # when
    readable = [path.read_bytes() for path in folder.rglob("*") if path.is_file() and "base" not in path.parts]
    # then
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in folder.iterdir()) == ["data", "provisioned"]
    assert readable
    assert not [text for text in readable if b"super-secret" in text or b"mlflow-secret" in text]


def test_an_interrupted_initdb_is_begun_afresh(installation: Installation) -> None:
    # given: what a kill in the middle leaves behind
    folder = installation.settings.folder.parent / "interrupted"
    (folder / "fresh" / "base").mkdir(parents=True)
    (folder / "password").write_text("of the attempt before")
    settings = replace(installation.settings, folder=folder)
    # when
    Cluster(settings).prepare()
    # then
    assert sorted(path.name for path in folder.iterdir()) == ["data", "provisioned"]
    assert (folder / "data" / "PG_VERSION").read_text().strip() == "18"


def test_each_role_reaches_its_own_database_and_no_other(installation: Installation) -> None:
    with installation.served():
        # when
        found = {}
        for role in ("mlflow", "prefect"):
            with installation.connect(role) as connection:
                found[role] = connection.execute(
                    "SELECT current_user, pg_get_userbyid(datdba), rolsuper FROM pg_database, pg_roles"
                    " WHERE datname = current_database() AND rolname = current_user"
                ).fetchone()
        # then
        assert found == {"mlflow": ("mlflow", "mlflow", False), "prefect": ("prefect", "prefect", False)}
        for role, other in (("mlflow", "prefect"), ("prefect", "mlflow")):
            with pytest.raises(psycopg.OperationalError, match=f'permission denied for database "{other}"'):
                installation.connect(role, database=other)


def test_a_wrong_password_is_refused(installation: Installation) -> None:
    with installation.served():
        for role in ("postgres", "mlflow"):
            # when / then
            with pytest.raises(psycopg.OperationalError, match=f'password authentication failed for user "{role}"'):
                installation.connect(role, password="guessed")


def test_a_changed_password_takes_effect_and_keeps_the_data(installation: Installation) -> None:
    # given
    with installation.served(), installation.connect("prefect") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    changed = installation.with_password("prefect", "changed")
    # when
    with changed.served():
        # then
        with changed.connect("prefect") as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
            connection.execute("DROP TABLE kept")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            installation.connect("prefect")


def test_a_role_that_joins_later_gets_its_database(installation: Installation) -> None:
    # given
    joined = installation.with_password("optuna", "optuna-secret")
    # when
    with joined.served(), joined.connect("optuna") as connection:
        found = connection.execute("SELECT current_database()").fetchone()
    # then
    assert found == ("optuna",)


def test_a_guest_may_connect_where_it_is_a_guest_and_owns_nothing(installation: Installation) -> None:
    # given
    joined = installation.with_password("closecast", "closecast-secret").with_password("promoter", "promoter-secret")
    # when
    with joined.served():
        with joined.connect("promoter", "closecast") as connection:
            # then it can take a lock there, and make nothing
            assert connection.execute("SELECT pg_try_advisory_lock(1)").fetchone() == (True,)
            for statement in ("CREATE TABLE mine ()", "CREATE TEMPORARY TABLE mine ()", "CREATE SCHEMA mine"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
            databases = [row[0] for row in connection.execute("SELECT datname FROM pg_database")]
        assert "promoter" not in databases
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            joined.connect("promoter", "mlflow")


def test_a_guest_of_a_database_that_nobody_owns_is_told(installation: Installation) -> None:
    folder = installation.settings.folder.parent / "guest"
    settings = replace(installation.settings, folder=folder, role_passwords={"promoter": "promoter-secret"})
    with pytest.raises(RuntimeError, match="the role promoter is to use the database closecast, which has no role"):
        Cluster(settings).prepare()


def test_what_was_committed_survives_a_killed_postmaster(installation: Installation) -> None:
    # given
    with installation.served() as pid:
        with installation.connect("mlflow") as connection:
            connection.execute("CREATE TABLE survivors AS SELECT generate_series(1, 1000) AS number")
            connection.execute("INSERT INTO survivors VALUES (1001)")
        children = psutil.Process(pid).children(recursive=True)
        # when
        os.kill(pid, signal.SIGKILL)
        # The orphans hold the shared memory until they notice; a new postmaster refuses to start before.
        psutil.wait_procs(children, timeout=60)
    # then
    with installation.served(), installation.connect("mlflow") as connection:
        assert connection.execute("SELECT count(*), max(number) FROM survivors").fetchone() == (1001, 1001)
        connection.execute("DROP TABLE survivors")


def test_roots_postmaster_runs_as_an_ordinary_account_and_shows_no_password(installation: Installation) -> None:
    with installation.served() as pid:
        # when
        postmaster = psutil.Process(pid)
        # then
        assert postmaster.uids().effective != 0
        assert postmaster.username() == (installation.settings.account or psutil.Process().username())
        assert "secret" not in " ".join(postmaster.cmdline())
        assert not [name for name in postmaster.environ() if name.endswith("_PASSWORD")]


def test_the_entry_point_prepares_and_becomes_the_server(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    became: list[bool] = []
    monkeypatch.setattr(Cluster, "become", lambda self: became.append((self._settings.folder / "provisioned").exists()))
    # when
    entry.main()
    # then
    assert became == [True]
