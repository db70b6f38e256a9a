"""How Prefect's two processes wait for what they need and become server or worker."""

import os
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from closecast.platform.nomad.discovery import NotAnsweringError
from services.prefect import __main__ as prefect_process
from services.prefect.run_processes import WORKER_VARIABLE

_SERVER = (
    "CLOSECAST_HOST",
    "CLOSECAST_PORT",
    "PREFECT_HOME",
    "PREFECT_API_DATABASE_CONNECTION_URL",
    "PREFECT_SERVER_API_AUTH_STRING",
)
_WORKER = (
    "CLOSECAST_HOST",
    "CLOSECAST_PORT",
    "PREFECT_HOME",
    "PREFECT_API_URL",
    "PREFECT_API_AUTH_STRING",
    "MLFLOW_TRACKING_URI",
    "AWS_ENDPOINT_URL_S3",
)


class ReplacedError(Exception):
    """Stands for the point of no return: execve does not come back."""


class Execution:
    """What this process would have been replaced by; `command` is empty until then."""

    def __init__(self) -> None:
        self.command: list[str] = []
        self.environment: dict[str, str] = {}

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
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A complete environment of both roles; nothing listens at its addresses."""
    names = {
        "CLOSECAST_HOST": "127.0.0.1",
        "CLOSECAST_PORT": "4201",
        "PREFECT_HOME": "/state/prefect",
        "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql+asyncpg://prefect:db-secret@127.0.0.1:5433/prefect",
        "PREFECT_API_URL": "http://127.0.0.1:4200/api",
        "PREFECT_SERVER_API_AUTH_STRING": "closecast:secret",
        "PREFECT_API_AUTH_STRING": "closecast:secret",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:5000",
        "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:4566",
    }
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    return names


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of a small HTTP server, and the paths it has been asked for."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """The test asserts on `paths` instead."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    server.server_close()


def _run_as(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["services.prefect", role])
    prefect_process.main()


def test_the_server_needs_its_database_and_the_worker_the_server(environment: dict[str, str]) -> None:
    assert prefect_process.needs("server", environment) == ["tcp://127.0.0.1:5433"]
    assert prefect_process.needs("worker", environment) == ["http://127.0.0.1:4200/api/health"]


def test_each_role_has_its_own_module() -> None:
    assert prefect_process.command("server")[1:] == ["-m", "services.prefect.server"]
    assert prefect_process.command("worker")[1:] == ["-m", "services.prefect.worker"]


def test_the_server_tells_browsers_its_own_address(environment: dict[str, str]) -> None:
    # when
    found = prefect_process.settings("server", environment)
    # then
    assert found["PREFECT_UI_API_URL"] == found["PREFECT_API_URL"] == "http://127.0.0.1:4201/api"
    assert found["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_concurrency_slots_outlive_the_server(environment: dict[str, str]) -> None:
    # when
    found = prefect_process.settings("server", environment)
    # then
    assert found["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"].endswith(".filesystem")


def test_the_workers_health_is_where_nomad_asks_for_it(environment: dict[str, str]) -> None:
    # when
    found = prefect_process.settings("worker", environment)
    # then
    assert found["PREFECT_WORKER_WEBSERVER_HOST"] == "127.0.0.1"
    assert found["PREFECT_WORKER_WEBSERVER_PORT"] == "4201"
    assert "PREFECT_API_URL" not in found
    assert found[WORKER_VARIABLE] == "/state/prefect"


@pytest.mark.usefixtures("environment")
def test_the_server_starts_once_its_database_was_reached(execution: Execution, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    with socket.create_server(("127.0.0.1", 0)) as database:
        database.setblocking(False)
        url = f"postgresql+asyncpg://prefect:db-secret@127.0.0.1:{database.getsockname()[1]}/prefect"
        monkeypatch.setenv("PREFECT_API_DATABASE_CONNECTION_URL", url)
        # when
        with pytest.raises(ReplacedError):
            _run_as("server", monkeypatch)
        # then
        database.accept()[0].close()
    assert execution.command[1:] == ["-m", "services.prefect.server"]
    assert "db-secret" not in " ".join(execution.command)
    assert execution.environment["PREFECT_API_DATABASE_CONNECTION_URL"] == url


@pytest.mark.usefixtures("environment")
def test_the_worker_starts_once_the_server_is_healthy(
    execution: Execution, asked: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    address, paths = asked
    monkeypatch.setenv("PREFECT_API_URL", f"{address}/api")
    # when
    with pytest.raises(ReplacedError):
        _run_as("worker", monkeypatch)
    # then
    assert paths == ["/api/health"]
    assert execution.command[1:] == ["-m", "services.prefect.worker"]
    assert execution.environment["PREFECT_API_URL"] == f"{address}/api"


@pytest.mark.parametrize(
    ("role", "name"), [("server", name) for name in _SERVER] + [("worker", name) for name in _WORKER]
)
@pytest.mark.usefixtures("environment")
def test_a_missing_variable_is_named(
    role: str, name: str, execution: Execution, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given
    monkeypatch.delenv(name)
    # when / then
    with pytest.raises(SystemExit, match=f"prefect {role}: the environment variable {name} is not set"):
        _run_as(role, monkeypatch)
    assert execution.command == []


@pytest.mark.parametrize("arguments", [[], ["agent"], ["server", "worker"]])
def test_another_role_is_refused(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setattr(sys, "argv", ["services.prefect", *arguments])
    # when / then
    with pytest.raises(SystemExit, match=r"usage: python -m services.prefect server\|worker"):
        prefect_process.main()


@pytest.mark.usefixtures("environment")
def test_what_stays_away_is_told_and_nothing_starts(execution: Execution, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    def give_up(url: str) -> float:
        raise NotAnsweringError(f"{url} did not answer")

    monkeypatch.setattr(prefect_process, "wait_for", give_up)
    # when
    with pytest.raises(SystemExit) as ended:
        _run_as("server", monkeypatch)
    # then
    assert str(ended.value) == "prefect server: tcp://127.0.0.1:5433 did not answer"
    assert execution.command == []
