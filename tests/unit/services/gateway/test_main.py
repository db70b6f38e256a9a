"""What the gateway's process makes of its environment and how it runs Caddy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.gateway.__main__ import GatewayError, command, complete
from tests.servers.processes import PROJECT, free_port

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


def test_it_runs_caddy_in_its_own_folder_and_ends_as_it_does(tmp_path: Path) -> None:
    # given what is run in Caddy's place: it writes where it is and what it inherited
    program = tmp_path / "caddy"
    program.write_text('#!/bin/sh\necho "$1 $PWD" > started\ntest -e /proc/self/fd/3 && exit 7\n')
    program.chmod(0o755)
    task = tmp_path / "task"
    task.mkdir()
    for name in ("api.caddy", "ui.caddy"):
        (task / name).write_text("")
    environment = {
        **ENVIRONMENT,
        "CLOSECAST_PORT": str(free_port()),
        "CLOSECAST_CADDY": str(program),
        "CLOSECAST_GATEWAY_FOLDER": str(task),
        "CLOSECAST_GATEWAY_STORAGE": str(tmp_path / "state"),
    }
    # when
    done = _run(environment)
    # then
    assert done.returncode == 7, done.stderr
    assert (task / "started").read_text() == f"run {task}\n"
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    # and a bad setting ends it in one line
    done = _run({**environment, "CLOSECAST_PORT": ""})
    assert (done.returncode, done.stderr) == (1, "gateway: the environment variable CLOSECAST_PORT is not set\n")


def _run(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.gateway"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_reload_is_a_message_over_the_private_socket() -> None:
    assert command(ENVIRONMENT, reload=True)[1:5] == ["reload", "--force", "--address", "unix/admin.sock"]
