"""How the MLflow process waits for its database and becomes the server."""

import os
import socket
import sys
from collections.abc import Iterator

import pytest

from closecast.platform.discovery import NotAnsweringError
from services.mlflow import __main__ as mlflow_process


class ReplacedError(Exception):
    """Stands for the point of no return: execve does not come back."""


class Execution:
    """What this process would have been replaced by."""

    command: list[str]
    environment: dict[str, str]

    def __call__(self, path: str, arguments: list[str], environment: dict[str, str]) -> None:
        assert path == arguments[0]
        self.command, self.environment = arguments, environment
        raise ReplacedError


@pytest.fixture
def execution(monkeypatch: pytest.MonkeyPatch) -> Execution:
    execution = Execution()
    monkeypatch.setattr(os, "execve", execution)
    return execution


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A listening socket in the database's place, named by a complete environment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        port = listener.getsockname()[1]
        monkeypatch.setenv("CLOSECAST_HOST", "127.0.0.1")
        monkeypatch.setenv("CLOSECAST_PORT", "5001")
        monkeypatch.setenv("CLOSECAST_ARTIFACTS_BUCKET", "bucket-of-artifacts")
        monkeypatch.setenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", "a key")
        monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", f"postgresql://mlflow:db-secret@127.0.0.1:{port}/mlflow")
        yield listener


def test_the_server_starts_once_its_database_was_reached(execution: Execution, database: socket.socket) -> None:
    # when
    with pytest.raises(ReplacedError):
        mlflow_process.main()
    # then: somebody has knocked at the database's door before
    database.accept()[0].close()
    assert execution.command[:4] == [sys.executable, "-m", "mlflow", "server"]
    assert execution.environment["MLFLOW_BACKEND_STORE_URI"] == os.environ["MLFLOW_BACKEND_STORE_URI"]
    assert execution.environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert execution.environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert execution.environment["MLFLOW_WEBHOOK_ALLOWED_SCHEMES"] == "http,https"


@pytest.mark.usefixtures("database")
def test_the_command_line_names_address_and_bucket_and_no_password(execution: Execution) -> None:
    # when
    with pytest.raises(ReplacedError):
        mlflow_process.main()
    # then
    line = " ".join(execution.command)
    assert "--host 127.0.0.1 --port 5001" in line
    assert "--serve-artifacts --artifacts-destination s3://bucket-of-artifacts/mlflow" in line
    assert "db-secret" not in line


@pytest.mark.parametrize(
    "name",
    [
        "CLOSECAST_HOST",
        "CLOSECAST_PORT",
        "CLOSECAST_ARTIFACTS_BUCKET",
        "MLFLOW_BACKEND_STORE_URI",
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY",
    ],
)
@pytest.mark.usefixtures("database", "execution")
def test_a_missing_variable_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setenv(name, "")
    # when / then
    with pytest.raises(SystemExit, match=f"mlflow: the environment variable {name} is not set"):
        mlflow_process.main()


@pytest.mark.usefixtures("database", "execution")
def test_a_database_that_stays_away_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    def give_up(url: str) -> float:
        raise NotAnsweringError(f"{url} did not answer")

    monkeypatch.setattr(mlflow_process, "wait_for", give_up)
    # when
    with pytest.raises(SystemExit) as ended:
        mlflow_process.main()
    # then
    assert str(ended.value).startswith("mlflow: its database is not there: tcp://127.0.0.1:")
    assert "db-secret" not in str(ended.value)
