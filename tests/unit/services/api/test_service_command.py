"""How the service becomes Granian, and what it says when a setting is missing."""

import os
import sys
from pathlib import Path

import pytest

from services.api import __main__ as service

ENVIRONMENT = {
    "CLOSECAST_HOST": "127.0.0.1", "CLOSECAST_PORT": "8123", "CLOSECAST_MODEL_CACHE": "models",
    "CLOSECAST_API_KEY_SHA256": "a" * 64, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
}  # fmt: skip


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return ENVIRONMENT


@pytest.mark.usefixtures("environment")
def test_it_becomes_granian_with_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    seen: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda _path, arguments, _environment: seen.append(arguments))
    # when
    service.main()
    # then the program is there, and no secret is on its command line
    (arguments,) = seen
    assert Path(arguments[0]).parent == Path(sys.executable).parent
    assert Path(arguments[0]).exists()
    assert arguments[arguments.index("--port") + 1] == "8123"
    assert ENVIRONMENT["CLOSECAST_API_KEY_SHA256"] not in " ".join(arguments)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("name", ["CLOSECAST_PORT", "MLFLOW_TRACKING_URI", "CLOSECAST_MODEL_CACHE"])
def test_a_missing_variable_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(SystemExit, match=f"api: the environment variable {name} is not set"):
        service.main()
