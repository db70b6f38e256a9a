"""How the MLflow process waits for its database and becomes the server."""

import os
import socket
import sys
from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet

from closecast.platform.nomad.discovery import NotAnsweringError
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
        monkeypatch.setenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", Fernet.generate_key().decode())
        monkeypatch.setenv("CLOSECAST_ADDRESSES", "/nowhere/addresses")
        for user in ("", "API_", "READER_"):
            monkeypatch.setenv(f"CLOSECAST_MLFLOW_{user}PASSWORD", f"user-secret-{user}")
        monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", f"postgresql://mlflow:db-secret@127.0.0.1:{port}/mlflow")
        yield listener


def test_the_server_starts_once_its_database_was_reached(execution: Execution, database: socket.socket) -> None:
    # when
    with pytest.raises(ReplacedError):
        mlflow_process.main()
    # then: somebody has knocked at the database's door before
    database.accept()[0].close()
    store = os.environ["MLFLOW_BACKEND_STORE_URI"]
    assert (
        execution.environment["MLFLOW_BACKEND_STORE_URI"] == execution.environment["_MLFLOW_SERVER_FILE_STORE"] == store
    )
    assert execution.environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert execution.environment["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert execution.environment["MLFLOW_WEBHOOK_ALLOWED_SCHEMES"] == "http,https"


@pytest.mark.usefixtures("database")
def test_the_command_line_says_nothing_and_the_environment_where_artifacts_go(execution: Execution) -> None:
    # when
    with pytest.raises(ReplacedError):
        mlflow_process.main()
    # then
    assert execution.command == [sys.executable, "-m", "services.mlflow.server"]
    assert execution.environment["_MLFLOW_SERVER_ARTIFACT_DESTINATION"] == "s3://bucket-of-artifacts/mlflow"
    assert execution.environment["_MLFLOW_SERVER_SERVE_ARTIFACTS"] == "true"


@pytest.mark.usefixtures("database")
def test_what_mlflow_hands_its_own_server_has_the_names_that_it_reads(execution: Execution) -> None:
    # given
    from mlflow import environment_variables as variables
    from mlflow.server import constants
    from mlflow.store.artifact import host_policy

    # when
    with pytest.raises(ReplacedError):
        mlflow_process.main()
    # then
    for name in (
        constants.BACKEND_STORE_URI_ENV_VAR,
        constants.REGISTRY_STORE_URI_ENV_VAR,
        constants.ARTIFACT_ROOT_ENV_VAR,
        constants.ARTIFACTS_DESTINATION_ENV_VAR,
        constants.SERVE_ARTIFACTS_ENV_VAR,
        # MLflow has no public names for these.
        variables._MLFLOW_SERVER_BOOT_ID.name,  # noqa: SLF001
        variables._MLFLOW_IN_JOB_EXECUTOR.name,  # noqa: SLF001
        host_policy._SERVER_ARTIFACT_ROOT_ENV_VAR,  # noqa: SLF001
    ):
        assert execution.environment[name]


@pytest.mark.parametrize(
    "name",
    [
        "CLOSECAST_HOST",
        "CLOSECAST_PORT",
        "CLOSECAST_ARTIFACTS_BUCKET",
        "CLOSECAST_ADDRESSES",
        "CLOSECAST_MLFLOW_PASSWORD",
        "CLOSECAST_MLFLOW_API_PASSWORD",
        "CLOSECAST_MLFLOW_READER_PASSWORD",
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
