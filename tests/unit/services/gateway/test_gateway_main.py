"""What the gateway's process makes of its environment before it becomes Caddy."""

import os
from pathlib import Path

import pytest

from services.gateway import __main__ as gateway
from services.gateway.__main__ import GatewayError, command, complete

ENVIRONMENT = {
    "CLOSECAST_HOST": "127.0.0.1",
    "CLOSECAST_PORT": "8443",
    "CLOSECAST_CADDY": "/programs/caddy",
    "CLOSECAST_GATEWAY_FOLDER": "/task/secrets",
    "CLOSECAST_GATEWAY_STORAGE": "/state/gateway",
    "CLOSECAST_GATEWAY_TLS": "internal",
}


def test_hosts_become_sites_and_the_first_is_the_one_for_callers_that_name_none() -> None:
    made = complete({**ENVIRONMENT, "CLOSECAST_GATEWAY_HOSTS": "deals.example  www.deals.example"})
    assert made["CLOSECAST_GATEWAY_SITES"] == "https://deals.example, https://www.deals.example"
    assert made["CLOSECAST_GATEWAY_NAME"] == "deals.example"


def test_one_machine_answers_to_its_own_name_and_address() -> None:
    made = complete({**ENVIRONMENT, "CLOSECAST_GATEWAY_HOSTS": ""})
    assert made["CLOSECAST_GATEWAY_SITES"] == "https://localhost, https://127.0.0.1"


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(GatewayError, match=f"the environment variable {name} is not set"):
        complete({**ENVIRONMENT, name: ""})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("CLOSECAST_GATEWAY_HOSTS", "deals.example { respond }", "names '{'"),
        ("CLOSECAST_GATEWAY_TLS", "external", "is 'external'; expected `internal`"),
        ("CLOSECAST_GATEWAY_TLS", "a b c", "expected `internal`"),
        ("CLOSECAST_GATEWAY_TLS", "/absent.crt /absent.key", "names the file /absent.crt, which is not there"),
    ],
)
def test_what_cannot_be_is_told(name: str, value: str, words: str) -> None:
    with pytest.raises(GatewayError, match=words):
        complete({**ENVIRONMENT, name: value})


def test_limits_may_be_set_and_are_there_unless(tmp_path: Path) -> None:
    made = complete({**ENVIRONMENT, "CLOSECAST_GATEWAY_WRITE": "5s", "CLOSECAST_GATEWAY_TLS": "ops@deals.example"})
    assert (made["CLOSECAST_GATEWAY_WRITE"], made["CLOSECAST_GATEWAY_READ_HEADER"]) == ("5s", "10s")
    files = [tmp_path / "a.crt", tmp_path / "a.key"]
    for file in files:
        file.write_text("")
    complete({**ENVIRONMENT, "CLOSECAST_GATEWAY_TLS": " ".join(map(str, files))})


def test_it_becomes_caddy_in_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given
    became: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda _path, arguments, _environment: became.append(arguments))
    monkeypatch.setattr("sys.argv", ["gateway"])
    monkeypatch.chdir(tmp_path)
    places = {"CLOSECAST_GATEWAY_FOLDER": tmp_path / "task", "CLOSECAST_GATEWAY_STORAGE": tmp_path / "state"}
    places["CLOSECAST_GATEWAY_FOLDER"].mkdir()
    for name, value in {**ENVIRONMENT, **places}.items():
        monkeypatch.setenv(name, str(value))
    # when
    gateway.main()
    # then
    assert became[0][:2] == ["/programs/caddy", "run"]
    assert Path.cwd() == tmp_path / "task"
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    # and a bad setting ends it in one line
    monkeypatch.setenv("CLOSECAST_PORT", "")
    with pytest.raises(SystemExit, match="gateway: the environment variable CLOSECAST_PORT is not set"):
        gateway.main()


def test_a_reload_is_a_message_over_the_private_socket() -> None:
    assert command(ENVIRONMENT, reload=True)[1:5] == ["reload", "--force", "--address", "unix/admin.sock"]
