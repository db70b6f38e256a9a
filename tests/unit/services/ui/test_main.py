"""What `python -m services.ui` refuses, and what it becomes."""

import os
import sys

import pytest

from services.ui.__main__ import main

ENVIRONMENT = {
    "CLOSECAST_HOST": "127.0.0.1",
    "CLOSECAST_PORT": "8501",
    "CLOSECAST_API_URL": "http://127.0.0.1:1",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_missing_setting_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.delenv(name)
    # when
    with pytest.raises(SystemExit) as caught:
        main()
    # then
    assert caught.value.code == f"ui: the environment variable {name} is not set"


def test_an_address_without_a_scheme_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setenv("CLOSECAST_API_URL", "localhost:8000")
    # when
    with pytest.raises(SystemExit) as caught:
        main()
    # then
    assert "must begin with http://" in str(caught.value.code)


def test_it_becomes_streamlit(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda _path, arguments, _environment: became.append(arguments))
    # when
    main()
    # then
    assert became[0][:4] == [sys.executable, "-m", "streamlit", "run"]
    assert became[0][became[0].index("--server.port") + 1] == "8501"
