"""What `python -m services.ui` refuses, and what it becomes."""

import os
import sys

import pytest

from services.ui.__main__ import main

ENVIRONMENT = {
    "CLOSECAST_HOST": "127.0.0.1",
    "CLOSECAST_PORT": "8501",
    "CLOSECAST_API_URL": "http://127.0.0.1:1",
    "CLOSECAST_API_KEY": "the-key",
    "CLOSECAST_UI_PASSWORD": "the-password",
    "CLOSECAST_UI_GATEWAY_KEY": "the-gateways-key",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("name", [name for name in ENVIRONMENT if name != "CLOSECAST_API_KEY"])
def test_a_missing_setting_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.delenv(name)
    # when
    with pytest.raises(SystemExit) as caught:
        main()
    # then
    assert caught.value.code == f"ui: the environment variable {name} is not set"


def test_a_key_or_a_token_is_needed_and_a_token_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.delenv("CLOSECAST_API_KEY")
    # when
    with pytest.raises(SystemExit) as caught:
        main()
    # then
    assert caught.value.code == "ui: neither CLOSECAST_API_TOKEN_FILE nor CLOSECAST_API_KEY is set"
    # when
    became: list[str] = []
    monkeypatch.setenv("CLOSECAST_API_TOKEN_FILE", "a-file")
    monkeypatch.setattr(os, "execve", lambda path, _arguments, _environment: became.append(path))
    main()
    # then
    assert became


def test_an_address_without_a_scheme_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    monkeypatch.setenv("CLOSECAST_API_URL", "localhost:8000")
    # when
    with pytest.raises(SystemExit) as caught:
        main()
    # then
    assert "must begin with http://" in str(caught.value.code)


def test_it_becomes_streamlit_and_the_key_is_not_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda _path, arguments, _environment: became.append(arguments))
    # when
    main()
    # then
    assert became[0][:4] == [sys.executable, "-m", "streamlit", "run"]
    assert became[0][became[0].index("--server.port") + 1] == "8501"
    assert not any("the-key" in argument for argument in became[0])
