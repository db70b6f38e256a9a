"""What the service's command says when a setting is missing or wrong; that it serves is shown by every test of a live one."""

import gc

import pytest

from services.api.__main__ import main

gc.enable()  # that module stops it while it imports, and starts it before it serves

ENVIRONMENT = {
    "CLOSECAST_HOST": "127.0.0.1",
    "CLOSECAST_PORT": "8123",
    "CLOSECAST_MODEL_CACHE": "models",
    "CLOSECAST_API_KEY_SHA256": "a" * 64,
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", ["CLOSECAST_PORT", "MLFLOW_TRACKING_URI", "CLOSECAST_MODEL_CACHE"])
def test_a_missing_variable_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == f"api: the environment variable {name} is not set"


def test_a_port_that_is_none_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOSECAST_PORT", "http")
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == "api: CLOSECAST_PORT is 'http'; expected a number"
