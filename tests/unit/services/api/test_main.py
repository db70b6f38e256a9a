"""What the service's command says when a setting is missing or wrong; that it serves is shown by every test of a live one."""

import os
import subprocess
import sys

import pytest

ENVIRONMENT = {
    "CLOSECAST_HOST": "127.0.0.1",
    "CLOSECAST_PORT": "8123",
    "CLOSECAST_MODEL_CACHE": "models",
    "CLOSECAST_API_KEY_SHA256": "a" * 64,
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
}


def _start(**changed: str | None) -> "subprocess.CompletedProcess[str]":
    given = {name: value for name, value in {**os.environ, **ENVIRONMENT, **changed}.items() if value is not None}
    command = [sys.executable, "-m", "services.api"]
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", ["CLOSECAST_PORT", "MLFLOW_TRACKING_URI", "CLOSECAST_MODEL_CACHE"])
def test_a_missing_variable_is_named(name: str) -> None:
    done = _start(**{name: None})
    assert (done.returncode, done.stderr) == (1, f"api: the environment variable {name} is not set\n")


def test_a_port_that_is_none_is_quoted() -> None:
    done = _start(CLOSECAST_PORT="http")
    assert (done.returncode, done.stderr) == (1, "api: CLOSECAST_PORT is 'http'; expected a number\n")
